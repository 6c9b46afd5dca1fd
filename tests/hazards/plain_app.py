"""A plain ``faust.App`` that says on stdout what becomes of it; for tests.hazards.plain.

Its name, its broker and its settings are in the environment. Everything else is Faust's default.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import faust

NAME = os.environ["PLAIN_NAME"]
OUTPUT = os.environ.get("PLAIN_OUTPUT", f"{NAME}-out")
HANDLING_S = float(os.environ.get("PLAIN_HANDLING_S", "0"))
WINDOW_S = float(os.environ.get("PLAIN_WINDOW_S", "0"))

app: Any = faust.App(
    NAME,
    broker=f"kafka://{os.environ['PLAIN_BOOTSTRAP']}",
    topic_partitions=2,
    **json.loads(os.environ.get("PLAIN_SETTINGS", "{}")),
)
source = app.topic(f"{NAME}-in", key_type=str, value_type=str, value_serializer="raw")
target = app.topic(OUTPUT, key_type=str, value_type=str, value_serializer="raw")
counts = app.Table("counts", default=int)
recent: Any = None
if WINDOW_S:
    recent = app.Table("recent", default=int).tumbling(WINDOW_S, expires=WINDOW_S)


def say(what: str, *rest: object) -> None:
    sys.stdout.write(f"plain: {what} {json.dumps(rest)}\n")
    sys.stdout.flush()


@app.agent(source)
async def count(stream: Any) -> None:
    async for event in stream.events():
        say("folding", event.key)
        await asyncio.sleep(HANDLING_S)
        counts[event.key] += 1
        if recent is not None:
            recent[event.key] += 1
        if "PLAIN_SOON" in os.environ:
            target.send_soon(key=event.key, value=event.value)
        else:
            await target.send(key=event.key, value=event.value)
        say("folded", event.key, counts[event.key])


@app.timer(0.5)
async def look() -> None:
    held = sorted([tp.topic, tp.partition] for tp in app.consumer.assignment())
    say("held", held, sorted(map(list, app.assignor.assigned_actives())))
    if recent is not None:
        say("recent", len(recent.table.data))


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
