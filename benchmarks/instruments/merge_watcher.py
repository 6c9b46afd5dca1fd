"""Looks at both channels by a live view, as a screen does: when has the basket met the account's?

Of each log-in two moments: when the app, which looks at the account, has the merged basket, and
when the channel of the guest, which looks at the visitor or the card, has it as well. Says
``ready`` when the view is, takes one line that says how many log-ins there were, and when all are
seen, or late, prints percentiles in ms by kind of guest. Arguments: bootstrap, the run's name.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time

from benchmarks.instruments.merging import CARD, VISITOR, account_of, guest_of
from benchmarks.instruments.paced import sent_at
from ccstream.client import SyncView
from ccstream.client.records import Change, Gap

LATE_S_MAX = 30.0
"""After all was published: what comes late counts as late, what comes later than this, as lost."""
LOOK_S = 0.05

MERGED = {"guest": 1, "account": 1}


class Watcher:
    """Notes when who had the merged basket."""

    def __init__(self, view: SyncView, run: str) -> None:
        self._view = view
        self._run = run
        self._ends = tuple(f"{kind}:{run}-" for kind in (VISITOR, CARD, "customer"))
        self._in_app: dict[int, float] = {}
        self.in_both: dict[int, tuple[float, float]] = {}
        """Of each group how many ms it took to the app, and to both channels."""

    def look(self, change: Change | Gap) -> None:
        if isinstance(change, Gap) or not change.subject.startswith(self._ends):
            return
        now_ns = time.time_ns()
        group = int(change.subject.rpartition("-")[2])
        if group in self.in_both:
            return
        account = account_of(self._run, group)
        if not self._shows_merged(account):
            return
        cart = self._view.cart(account)
        assert cart is not None
        took = (now_ns - sent_at(cart.cause.event_id)[0]) / 1e6
        self._in_app.setdefault(group, took)
        if self._shows_merged(guest_of(self._run, group)):
            self.in_both[group] = (self._in_app.pop(group), took)

    def _shows_merged(self, key: str) -> bool:
        cart = self._view.cart(key)
        return cart is not None and {line.sku: line.quantity for line in cart.lines} == MERGED

    def figures(self, kind: str) -> dict[str, float]:
        taken = [
            took
            for group, took in self.in_both.items()
            if guest_of(self._run, group).startswith(kind)
        ]
        if not taken:
            raise SystemExit(f"no basket of a {kind} was merged")
        return {
            f"{where}p{share}_ms": ordered[len(ordered) * share // 100]
            for where, ordered in (
                ("app_", sorted(one for one, _ in taken)),
                ("", sorted(both for _, both in taken)),
            )
            for share in (50, 99)
        }


async def main(bootstrap: str, run: str) -> None:
    loop = asyncio.get_running_loop()
    async with SyncView(("carts", "aliases"), bootstrap=bootstrap) as view:
        watcher = Watcher(view, run)
        view.on_change(watcher.look)
        # A collection in the middle would be this instrument's pause, not the pipeline's.
        gc.disable()
        print("ready", flush=True)
        log_ins = int(await asyncio.to_thread(sys.stdin.readline))
        deadline = loop.time() + LATE_S_MAX
        while len(watcher.in_both) < log_ins and loop.time() < deadline:  # noqa: ASYNC110 - by the hundred
            await asyncio.sleep(LOOK_S)
    found = {kind: watcher.figures(kind) for kind in (VISITOR, CARD)}
    print(json.dumps({"merged": len(watcher.in_both), **found}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
