"""Following the sync topics: every change of every cart, touch, profile and order, typed.

    async with SyncSubscriber(bootstrap="…", tables=["carts"]) as subscriber:
        async for change in subscriber:
            print(change.subject, change.record)

``live`` readers see a change a millisecond or two after the event, also one that a crash
takes back a moment later (its successor is then published, too). Others see only what is
final, about a commit interval later. ``SyncReader`` is the same for threads. Signals and what
has become of profiles (``tables=["signals", "identity"]``) are facts, and read as such: with
``live=False``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

from ccstream.client.feed_thread import FeedThread
from ccstream.client.log_reader import EndOfLog, LogReader, LogRecord, Start
from ccstream.client.records import Change, Gap
from ccstream.client.surroundings import settings_for
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.errors import SettingsError
from ccstream.ops.codecs import codec_of
from ccstream.ops.kafka_config import Isolation
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import FACT_TOPICS, SYNC_TOPICS

__all__ = ["SyncReader", "SyncSubscriber", "isolation_of", "read_topics", "table_topics"]


def table_topics(tables: Iterable[str] | None) -> dict[str, str]:
    """The sync topics of these tables (of all, if None), with the table of each.

    Raises ``SettingsError`` if one is not published.
    """
    wanted = tuple(SYNC_TOPICS) if tables is None else tuple(tables)
    for table in wanted:
        if table not in SYNC_TOPICS:
            raise SettingsError(
                f"there is no sync topic of {table!r}; there are {', '.join(SYNC_TOPICS)}"
            )
    return {SYNC_TOPICS[table]: table for table in wanted}


def read_topics(tables: Iterable[str] | None, *, live: bool) -> dict[str, str]:
    """As `table_topics`, and the topics of facts (signals, identity) that are among them.

    Raises ``SettingsError`` also if facts are to be read before they are final.
    """
    if tables is None:
        return table_topics(None)
    wanted = tuple(tables)
    facts = [name for name in wanted if name in FACT_TOPICS]
    if facts and live:
        raise SettingsError(
            f"{facts[0]!r} is for acting upon, so read what is final only: pass live=False with it"
        )
    rest = [table for table in wanted if table not in FACT_TOPICS]
    return table_topics(rest) | {FACT_TOPICS[name]: name for name in facts}


def isolation_of(*, live: bool) -> Isolation:
    """Live readers see what is not final yet."""
    return "read_uncommitted" if live else "read_committed"


class SyncReader:
    """Reads sync topics in the calling thread.

    Args:
        tables: which of carts, touches, profiles, orders, consents, aliases and interactions, all
            of these if None; and signals and identity.
        bootstrap: Kafka's address; without it, that of the settings.
        settings: all settings; without them, those of the environment and ``ccstream.toml``.
        live: read what is not final yet.
        start: "end" for what happens from now on, "beginning" for all there is, or the
            ``positions`` of an earlier reader.
        start_timeout_s: how long ``start`` waits for a broker and the topics.
    """

    def __init__(
        self,
        tables: Iterable[str] | None = None,
        *,
        bootstrap: str | None = None,
        settings: Settings | None = None,
        live: bool = True,
        start: Start = "end",
        start_timeout_s: float = 10.0,
    ) -> None:
        settings = settings_for(bootstrap, settings)
        self._tables = read_topics(tables, live=live)
        codec = codec_of(settings)
        self._decoders = {topic: SyncDecoder(table, codec) for topic, table in self._tables.items()}
        self._log = LogReader(
            settings, self._tables, isolation_of(live=live), start, start_timeout_s
        )

    def start(self) -> None:
        """Connect; what happens from now on is not missed.

        Raises ``BrokerUnavailableError`` or ``TopicMismatchError`` in bounded time.
        """
        self._log.start()

    def read(self, timeout_s: float = 0.1) -> list[Change | Gap]:
        """Wait at most so long for a change; it and what else is there, in order by partition."""
        return [
            item if isinstance(item, Gap) else self._change(item)
            for item in self._log.read(timeout_s)
            if not isinstance(item, EndOfLog)
        ]

    def close(self) -> None:
        """Disconnect. Closing twice does nothing."""
        self._log.close()

    @property
    def positions(self) -> MappingProxyType[tuple[str, int], int]:
        """The next offset of each (topic, partition), to ``start`` another reader there."""
        return MappingProxyType(self._log.positions)

    @property
    def dropped(self) -> int:
        """Records dropped because a worker wrote them that had lost the partition."""
        return self._log.dropped

    def __iter__(self) -> Iterator[Change | Gap]:
        while True:
            yield from self.read()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _change(self, record: LogRecord) -> Change:
        return Change(
            self._tables[record.topic],
            (record.key or b"").decode(errors="replace"),
            self._decoders[record.topic].record(record.value),
            record.topic,
            record.partition,
            record.offset,
            record.appended_at,
        )


class SyncSubscriber:
    """``SyncReader`` on the event loop; takes the same arguments."""

    def __init__(
        self,
        tables: Iterable[str] | None = None,
        *,
        bootstrap: str | None = None,
        settings: Settings | None = None,
        live: bool = True,
        start: Start = "end",
        start_timeout_s: float = 10.0,
    ) -> None:
        self._reader = SyncReader(
            tables,
            bootstrap=bootstrap,
            settings=settings,
            live=live,
            start=start,
            start_timeout_s=start_timeout_s,
        )
        self._thread: FeedThread[Change | Gap] = FeedThread(
            self._reader, self._deliver, self._failed
        )
        self._batches: deque[deque[Change | Gap]] = deque()
        self._error: BaseException | None = None
        self._arrived = asyncio.Event()
        self._closed = False
        self._taken: dict[tuple[str, int], int] = {}

    async def start(self) -> Self:
        """Connect; what happens from now on is not missed.

        Raises ``BrokerUnavailableError`` or ``TopicMismatchError`` in bounded time.
        """
        await self._thread.start()
        self._taken = dict(self._reader.positions)
        return self

    async def aclose(self) -> None:
        """Disconnect; an iteration that waits ends. Closing twice does nothing."""
        self._closed = True
        self._arrived.set()
        await self._thread.stop()

    @property
    def positions(self) -> MappingProxyType[tuple[str, int], int]:
        """The next offset of each (topic, partition) after what the iteration has given out."""
        return MappingProxyType(self._taken)

    @property
    def dropped(self) -> int:
        """Records dropped because a worker wrote them that had lost the partition."""
        return self._reader.dropped

    async def __aiter__(self) -> AsyncIterator[Change | Gap]:
        while True:
            while self._batches:
                batch = self._batches[0]  # left there, so that breaking off loses nothing
                while batch:
                    item = batch.popleft()
                    self._taken[item.topic, item.partition] = (
                        item.resumed_at if isinstance(item, Gap) else item.offset + 1
                    )
                    yield item
                self._batches.popleft()
                self._thread.taken()
            if self._error is not None:
                raise self._error
            if self._closed:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _deliver(self, batch: Sequence[Change | Gap]) -> None:
        self._batches.append(deque(batch))
        self._arrived.set()

    def _failed(self, error: BaseException) -> None:
        self._error = error
        self._arrived.set()
