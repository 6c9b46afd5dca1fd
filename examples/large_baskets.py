"""Baskets over 100 euros, wherever they are filled, for the shop's personal advisers.

An agent of one's own beside the pipeline: it follows the carts of all channels and keeps those
that are large in a table, which outlives restarts. Over HTTP it says which they are.

    ccstream worker                                              # the pipeline, elsewhere
    python examples/large_baskets.py worker -l info
    curl http://127.0.0.1:6067/baskets/customer:42               # one of them, or null

Prices are in cents; lines without a price count for nothing.
"""

from __future__ import annotations

from typing import Any

import faust
from faust.web import Request, Response, View

from ccstream.agents import SyncApp
from ccstream.client import CartSynced, Change, Removed

LARGE_CENTS = 100_00

app = SyncApp("large-baskets")
carts = app.sync_topic("carts")
large = app.Table("large")


@app.agent(carts)
async def keep_large_baskets(changes: faust.Stream[Change]) -> None:
    """A change carries the whole cart, so seeing one twice does no harm."""
    async for change in changes:
        match change.record:
            case CartSynced(lines=lines):
                cents = sum(
                    line.quantity * line.unit_price.amount_minor
                    for line in lines
                    if line.unit_price is not None and line.unit_price.currency == "EUR"
                )
                if cents >= LARGE_CENTS:
                    large[change.key] = {"cents": cents, "channel": change.record.cause.channel}
                else:
                    large.pop(change.key, None)
            case Removed():
                large.pop(change.key, None)


@app.page("/baskets/{customer}")
async def basket(view: View, request: Request, customer: str) -> Response | Any:
    return view.json(large.get(customer))


if __name__ == "__main__":
    app.main()
