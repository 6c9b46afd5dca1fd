"""Readers of the SDK that follow the sync topics through a run, and new ones at its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from ccstream.client import Change, Gap, LastTouchSynced, SyncView
from ccstream.ops.settings import Settings
from tests.chaos.checker import SYNC_TOPICS, Seen

__all__ = ["Readers", "bootstrapped"]

CLOSE_S_MAX = 30.0


class Readers:
    """A live view and one of what is final, on the loop of a thread.

    ``final`` is told of every event that was folded for good.
    """

    def __init__(self, settings: Settings, final: Callable[[str], None]) -> None:
        self._settings = settings
        self._final = final
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._views: dict[str, SyncView] = {}
        self._versions: dict[str, dict[tuple[str, str], list[int]]] = {}

    def start(self) -> None:
        self._thread.start()
        self._call(self._start())

    def seen(self) -> list[Seen]:
        """What each of them holds now and has been shown; raises what ended a view."""
        return [self._call(self._seen(name)) for name in self._views]

    def close(self) -> None:
        if self._thread.is_alive():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
        self._loop.close()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CLOSE_S_MAX)

    async def _start(self) -> None:
        for name, live in (("a live view", True), ("a view of what is final", False)):
            view = SyncView(SYNC_TOPICS, settings=self._settings, live=live)
            versions = self._versions[name] = {}
            view.on_change(lambda change, into=versions: _note(change, into))
            if not live:
                view.on_change(self._tell)
            self._views[name] = await view.start()

    def _tell(self, change: Change | Gap) -> None:
        if isinstance(change, Change) and isinstance(change.record, LastTouchSynced):
            self._final(change.record.cause.event_id)

    async def _seen(self, name: str) -> Seen:
        seen = held_by(self._views[name], name)
        seen.versions = {at: list(v) for at, v in self._versions[name].items()}
        return seen

    async def _close(self) -> None:
        for view in self._views.values():
            await view.aclose()


def bootstrapped(settings: Settings, name: str) -> Seen:
    """What a reader holds that begins now."""

    async def read() -> Seen:
        async with SyncView(SYNC_TOPICS, settings=settings) as view:
            return held_by(view, name)

    return asyncio.run(asyncio.wait_for(read(), CLOSE_S_MAX))


def held_by(view: SyncView, name: str) -> Seen:
    """Everything that a view holds."""
    seen = Seen(name, stale=sum(replica.stale for replica in view._by_topic.values()))
    for key in view.keys("carts"):
        cart = view.cart(key)
        assert cart is not None
        seen.carts[key] = {line.sku: line.quantity for line in cart.lines}
    for key in view.keys("orders"):
        subject, _, order_id = key.partition("#")
        (order,) = [one for one in view.orders(subject) if one.order_id == order_id]
        seen.orders[key] = order.event_id
    for key in view.keys("touches"):
        touch = view.last_touch(key)
        assert touch is not None
        last = {one.channel: one.event_id for one in touch.by_channel}
        seen.touches[key] = (touch.first.event_id, touch.last.event_id, last)
    return seen


def _note(change: Change | Gap, into: dict[tuple[str, str], list[int]]) -> None:
    if isinstance(change, Change):
        version = getattr(change.record, "version", None)
        if version is not None:
            into.setdefault((change.table, change.key), []).append(version)
