"""Stock Faust: one agent and one table, a plain ``{sku: quantity}`` cart in JSON.

Every setting is Faust's default; only the broker and the names are given. The events are
those that ccstream gets, decoded by the same codec; there are no merge semantics, no
versions, no window for duplicates, no last touch. Run by ``faust -A`` with its environment
set by `benchmarks.subjects`. When what was in the changelog is back in the table it prints
"restored NANOSECONDS" since its partitions were assigned.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import faust

from ccstream.domain.events import CartItemAdded, CartItemQuantitySet, CartItemRemoved
from ccstream.wire.codec import Codec

app = faust.App(os.environ["BENCH_APP_ID"], broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}")
events = app.topic(
    os.environ["BENCH_INPUT"],
    key_type=bytes,
    value_type=bytes,
    key_serializer="raw",
    value_serializer="raw",
)
snapshots = app.topic(os.environ["BENCH_OUTPUT"], key_type=str, key_serializer="raw")
carts = app.Table("carts", default=dict)
decode = Codec().decode_event


@app.agent(events)
async def keep_carts(stream: faust.Stream[bytes]) -> None:
    async for value in stream:
        event = decode(value)
        cart = dict(carts[event.subject])
        match event:
            case CartItemAdded():
                cart[event.sku] = cart.get(event.sku, 0) + event.quantity
            case CartItemQuantitySet():
                cart[event.sku] = event.quantity
            case CartItemRemoved():
                cart.pop(event.sku, None)
        carts[event.subject] = cart
        await snapshots.send(key=event.subject, value=cart)


assigned_ns = 0


@app.on_partitions_assigned.connect
async def note_assigned(*_: Any, **__: Any) -> None:
    global assigned_ns  # noqa: PLW0603 - Faust keeps its callbacks, not what they are bound to
    assigned_ns = time.monotonic_ns()


@carts.on_recover
async def note_recovered() -> None:
    # Faust has put its logger in the place of standard output and error.
    os.write(sys.__stderr__.fileno(), b"\nrestored %d\n" % (time.monotonic_ns() - assigned_ns))
