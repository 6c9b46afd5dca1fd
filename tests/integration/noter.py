"""An app that notes each customer's basket, and does wrong where an article says so.

``NOTER_STOCK=1`` makes it a stock Faust app, to see what that does with the same.
"""

from __future__ import annotations

import os
from typing import Any

import faust
from faust.web import Request, Response, View

from ccstream.agents import SyncApp
from ccstream.agents.sync_schema import SyncSchema
from ccstream.client import CartSynced, Change
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec

NAME = os.environ["NOTER_NAME"]
TOO_LARGE = 400_000
"""More than ``NOTER_OUTPUT`` takes."""

app: faust.App
if os.environ.get("NOTER_STOCK"):
    settings = Settings.load()
    app = faust.App(NAME, broker=f"kafka://{settings.kafka.bootstrap}", topic_partitions=4)
    carts = app.topic("sync.carts.v1", schema=SyncSchema("carts", Codec()), allow_empty=False)
else:
    app = SyncApp(NAME)
    carts = app.sync_topic("carts")
notes = app.Table("notes")
output = app.topic(os.environ.get("NOTER_OUTPUT", f"{NAME}-output"), value_type=str)


@app.agent(carts)
async def note(changes: faust.Stream[Change]) -> None:
    async for change in changes:
        record = change.record
        skus = sorted(line.sku for line in record.lines) if isinstance(record, CartSynced) else []
        wrong = change.key.startswith(f"customer:{NAME}-")  # the topic has others' carts as well
        if wrong and "poison" in skus and not os.environ.get("NOTER_BRAVE"):
            raise ValueError("an agent that does not know what to do")
        if wrong and "huge" in skus:
            await output.send(key=change.key, value="x" * TOO_LARGE)
        notes[change.key] = skus


@app.page("/baskets/{customer}")
async def basket(view: View, request: Request, customer: str) -> Response | Any:
    return view.json(notes.get(customer))


if __name__ == "__main__":
    app.main()
