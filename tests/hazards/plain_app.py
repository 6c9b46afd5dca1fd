"""A plain ``faust.App`` that says on stdout what becomes of it; for tests.hazards.plain.

Its name, its broker and its settings are in the environment. Everything else is Faust's default.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import faust

NAME = os.environ["PLAIN_NAME"]

app: Any = faust.App(
    NAME,
    broker=f"kafka://{os.environ['PLAIN_BOOTSTRAP']}",
    topic_partitions=2,
    **json.loads(os.environ.get("PLAIN_SETTINGS", "{}")),
)
source = app.topic(f"{NAME}-in", key_type=str, value_type=str, value_serializer="raw")
target = app.topic(f"{NAME}-out", key_type=str, value_type=str, value_serializer="raw")
counts = app.Table("counts", default=int)


def say(what: str, *rest: object) -> None:
    sys.stdout.write(f"plain: {what} {json.dumps(rest)}\n")
    sys.stdout.flush()


@app.agent(source)
async def count(stream: Any) -> None:
    async for event in stream.events():
        counts[event.key] += 1
        await target.send(key=event.key, value=event.value)
        say("folded", event.key)


@app.timer(0.5)
async def look() -> None:
    held = sorted([tp.topic, tp.partition] for tp in app.consumer.assignment())
    say("held", held, sorted(map(list, app.assignor.assigned_actives())))


@app.timer(0.5)
async def pause() -> None:
    """What aiokafka knows of it when Faust has paused all that it holds."""
    if "PLAIN_PAUSES" in os.environ and (held := app.consumer.assignment()):
        app.consumer.pause_partitions(held)
        say("paused", len(held), len(app.consumer._thread._consumer.paused()))


@app.on_partitions_assigned.connect
async def assigned(sender: Any, assigned: Any, **_: Any) -> None:
    say("assigned", len(assigned))


@app.on_partitions_revoked.connect
async def revoked(sender: Any, revoked: Any, **_: Any) -> None:
    say("revoked", len(revoked))


if __name__ == "__main__":
    app.main()
