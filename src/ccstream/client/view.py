"""A local copy of the sync topics that keeps itself up to date.

    async with SyncView(bootstrap="…") as view:
        print(view.cart("customer:42"))
        await view.changed("customer:42", timeout_s=5)

A view first reads everything that is final, then follows what happens. It answers from
memory. Asked for an identifier that has logged in, it answers with the account's rows, as soon as
the account has taken over the identifier's own. Given to a ``ChannelPublisher`` it says, for
each event that takes something out of a cart, what its author had seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, cast

from ccstream.client.feed_thread import FeedThread
from ccstream.client.log_reader import LogRecord
from ccstream.client.records import (
    AliasSynced,
    CartSynced,
    Change,
    ConsentSynced,
    Gap,
    InteractionsSynced,
    LastTouchSynced,
    OrderSynced,
    ProfileSynced,
    SyncRecord,
)
from ccstream.client.replica import Replica
from ccstream.client.subscriber import table_topics
from ccstream.client.surroundings import settings_for
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.client.view_feed import CaughtUp, ViewFeed
from ccstream.errors import SettingsError
from ccstream.ops.codecs import codec_of
from ccstream.ops.settings import Settings

__all__ = ["SyncView"]

log = logging.getLogger(__name__)

Callback = Callable[[Change | Gap], None]


class SyncView:
    """A replica of sync topics, for one event loop.

    Args:
        tables: which of carts, touches, profiles, orders, consents, aliases and interactions; all
            if None. Only these can be asked for, and without aliases no key stands for another.
        bootstrap: Kafka's address; without it, that of the settings.
        settings: all settings; without them, those of the environment and ``ccstream.toml``.
        live: follow what is not final yet, a millisecond or two after the event. A crash can
            take such a change back; its successor is then published, too.
        start_timeout_s: how long ``start`` waits for a broker and the topics.
    """

    def __init__(
        self,
        tables: Iterable[str] | None = None,
        *,
        bootstrap: str | None = None,
        settings: Settings | None = None,
        live: bool = True,
        start_timeout_s: float = 10.0,
    ) -> None:
        settings = settings_for(bootstrap, settings)
        topics = table_topics(tables)
        codec = codec_of(settings)
        self._by_topic = {
            topic: Replica(table, SyncDecoder(table, codec)) for topic, table in topics.items()
        }
        self._by_table = {replica.table: replica for replica in self._by_topic.values()}
        self._feed = ViewFeed(settings, topics, start_timeout_s, live=live)
        self._thread: FeedThread[LogRecord | Gap | CaughtUp] = FeedThread(
            self._feed, self._take, self._fail
        )
        self._caught_up: asyncio.Future[None] | None = None
        self._callbacks: list[tuple[str | None, Callback]] = []
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._error: BaseException | None = None
        self.gaps = 0
        """How often records were deleted before this view had read them."""

    async def start(self) -> Self:
        """Connect and read all there is.

        Raises ``BrokerUnavailableError`` or ``TopicMismatchError`` in bounded time.
        """
        self._caught_up = asyncio.get_running_loop().create_future()
        await self._thread.start()
        try:
            await self._caught_up
        except BaseException:
            await self._thread.stop()
            raise
        return self

    def cart(self, key: str) -> CartSynced | None:
        """The customer's cart; None if there is none, or it is empty and was never filled."""
        return cast(CartSynced | None, self._record("carts", key))

    def last_touch(self, key: str) -> LastTouchSynced | None:
        """The customer's first and last touch, and the last of each channel."""
        return cast(LastTouchSynced | None, self._record("touches", key))

    def profile(self, key: str) -> ProfileSynced | None:
        """The customer's traits."""
        return cast(ProfileSynced | None, self._record("profiles", key))

    def consents(self, key: str) -> ConsentSynced | None:
        """The customer's consents and contact preferences."""
        return cast(ConsentSynced | None, self._record("consents", key))

    def interactions(self, key: str) -> InteractionsSynced | None:
        """The latest times that the customer was served: calls, chats, words at the counter."""
        return cast(InteractionsSynced | None, self._record("interactions", key))

    def orders(self, key: str) -> tuple[OrderSynced, ...]:
        """The customer's orders, the earliest first."""
        replica = self._table("orders")
        orders = [
            cast(OrderSynced, replica.record(one))
            for subject in self._standing_for(key)
            for one in replica.keys(subject)
        ]
        return tuple(sorted(orders, key=lambda order: (order.placed_at, order.order_id)))

    def account(self, key: str) -> str | None:
        """The account that an identifier belongs to now; None if to none, or it is one itself."""
        alias = cast(AliasSynced | None, self._table("aliases").record(key))
        return None if alias is None else alias.root or None

    def keys(self, table: str) -> Iterator[str]:
        """The keys of all rows of a table."""
        return self._table(table).keys()

    def observed(self, key: str) -> bytes | None:
        """The token that says that its sender has seen this cart as it is here."""
        cart = self.cart(key)
        return None if cart is None else cart.observed or None

    def version(self, key: str) -> int:
        """The highest version of what is known of the customer, 0 if nothing is."""
        self._check()
        versions = [
            replica.version(one)
            for replica in self._by_topic.values()
            for subject in self._standing_for(key)
            for one in (subject, *replica.keys(subject))
        ]
        return max(versions, default=0)

    async def changed(self, key: str, *, since: int | None = None, timeout_s: float) -> None:
        """Wait until something of the customer changes.

        With ``since``, a ``version`` that was read before, a change that has come between
        counts. Raises ``TimeoutError`` after ``timeout_s``.
        """
        self._check()
        if since is not None and self.version(key) != since:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        subjects = self._standing_for(key)
        for subject in subjects:
            self._waiting.setdefault(subject, []).append(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        finally:
            for subject in subjects:
                futures = self._waiting[subject]
                futures.remove(future)
                if not futures:
                    del self._waiting[subject]

    async def until(
        self, key: str, condition: Callable[[Self], object], *, timeout_s: float
    ) -> None:
        """Wait until ``condition(view)`` holds, looking again at each change of the customer.

        Raises ``TimeoutError`` after ``timeout_s``.
        """
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                await self.changed(key, timeout_s=timeout_s)

    def on_change(self, callback: Callback, key: str | None = None) -> Callable[[], None]:
        """Call ``callback`` with each change (of one customer only, if ``key`` is given).

        It is called on the event loop, after the view has changed, also while the view still
        reads what there is; gaps are told to all. Returns what ends it.
        """
        entry = (key, callback)
        self._callbacks.append(entry)
        return lambda: self._callbacks.remove(entry) if entry in self._callbacks else None

    @property
    def dropped(self) -> int:
        """Records dropped because a worker wrote them that had lost the partition."""
        return self._feed.dropped

    async def aclose(self) -> None:
        """Disconnect; what is known stays readable. Closing twice does nothing."""
        await self._thread.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _table(self, table: str) -> Replica:
        self._check()
        replica = self._by_table.get(table)
        if replica is None:
            raise SettingsError(
                f"this view has no {table}; it was opened for {', '.join(self._by_table)}"
            )
        return replica

    def _record(self, table: str, key: str) -> SyncRecord | None:
        """The row of a key; where it has none of its own, that of the account it belongs to."""
        replica = self._table(table)
        records = (replica.record(subject) for subject in self._standing_for(key))
        return next((record for record in records if record is not None), None)

    def _standing_for(self, key: str) -> tuple[str, ...]:
        """The key, and the account that it belongs to, if to any."""
        account = self.account(key) if "aliases" in self._by_table else None
        return (key,) if account is None else (key, account)

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _take(self, batch: Sequence[LogRecord | Gap | CaughtUp]) -> None:
        for item in batch:
            if isinstance(item, LogRecord):
                self._apply(item)
            elif isinstance(item, Gap):
                self.gaps += 1
                dropped = self._by_topic[item.topic].forget(item)
                log.warning(
                    "%s[%d]: records %d to %d were deleted before they were read; %d rows "
                    "dropped, since they may be out of date",
                    item.topic,
                    item.partition,
                    item.first,
                    item.resumed_at - 1,
                    dropped,
                )
                self._call_back(None, item)
            elif self._caught_up is not None and not self._caught_up.done():
                self._caught_up.set_result(None)
        self._thread.taken()

    def _apply(self, record: LogRecord) -> None:
        replica = self._by_topic[record.topic]
        left = replica.apply(record)
        if left is None or not (self._callbacks or self._waiting):
            return
        subject = (record.key or b"").decode(errors="replace").partition("#")[0]
        for future in self._waiting.get(subject, ()):
            if not future.done():
                future.set_result(None)
        if any(key is None or key == subject for key, _ in self._callbacks):
            self._call_back(subject, replica.change(record, left))

    def _call_back(self, subject: str | None, change: Change | Gap) -> None:
        for key, callback in tuple(self._callbacks):
            if key is None or subject is None or key == subject:
                try:
                    callback(change)
                except Exception:
                    # The view must stay right whatever its users do.
                    log.exception("a callback of a view failed")

    def _fail(self, error: BaseException) -> None:
        self._error = error
        waiting: list[Any] = [one for futures in self._waiting.values() for one in futures]
        for future in [*waiting, self._caught_up]:
            if future is not None and not future.done():
                future.set_exception(error)
