"""What a view reads: first what is final, from the beginning, then what happens now.

A compacted topic has the last word on every row. It is read committed up to where it ended
at the start; only then does a live view go on uncommitted, from the very place, with the
epochs seen so far. Transactions leave markers at the ends of logs that no reader is given,
so an end is reached when the next record would be behind it or there is none just now.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from ccstream.client.log_reader import EndOfLog, Item, LogReader, LogRecord
from ccstream.client.records import Gap
from ccstream.errors import BrokerUnavailableError
from ccstream.ops.kafka_config import Isolation
from ccstream.ops.settings import Settings

__all__ = ["CaughtUp", "ViewFeed"]

SILENCE_S_MAX: Final = 30.0
"""Without anything read for so long, catching up has failed: transactions that hang are
ended by the broker within 20 s."""


class CaughtUp(Struct, frozen=True):
    """All that was there at the start has been read."""


CAUGHT_UP: Final = CaughtUp()


class ViewFeed:
    """A ``Feed`` of records, gaps and, once, ``CaughtUp``."""

    def __init__(
        self, settings: Settings, topics: Iterable[str], start_timeout_s: float, *, live: bool
    ) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._start_timeout_s = start_timeout_s
        self._live = live
        self._phases: list[Isolation] = ["read_committed"]
        if live:
            self._phases.append("read_uncommitted")
        self._reader = LogReader(
            settings,
            self._topics,
            self._phases[0],
            "beginning",
            start_timeout_s,
            shows_erased=not live,
        )
        self._dropped_before = 0
        self._ends: dict[tuple[str, int], int] = {}
        self._behind: set[tuple[str, int]] = set()
        self._heard_at = 0.0

    @property
    def dropped(self) -> int:
        """Records dropped because a worker wrote them that had lost the partition."""
        return self._dropped_before + self._reader.dropped

    def partitions(self, topic: str) -> int:
        """How many partitions a topic had at the start."""
        return sum(one == topic for one, _ in self._ends)

    @property
    def positions(self) -> Mapping[tuple[str, int], int]:
        """The next offset of each (topic, partition), ahead of what was handed over by a batch."""
        return self._reader.positions

    def start(self) -> None:
        """See ``LogReader.start``."""
        self._reader.start()
        self._ends = self._reader.ends()
        self._behind = set(self._ends)
        self._heard_at = time.monotonic()

    def read(self, timeout_s: float) -> list[LogRecord | Gap | CaughtUp]:
        """See ``LogReader.read``."""
        items = self._reader.read(timeout_s)
        found: list[LogRecord | Gap | CaughtUp] = [
            item for item in items if not isinstance(item, EndOfLog)
        ]
        if self._phases:
            self._note(items)
        if self._phases and not self._behind:
            del self._phases[0]
            if self._phases:
                self._switch(self._phases[0])
            else:
                found.append(CAUGHT_UP)
        return found

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()

    def _note(self, items: list[Item]) -> None:
        positions = self._reader.positions
        # Before a live phase the end of what is final will do: the rest is read live.
        enough = (
            {(one.topic, one.partition) for one in items if isinstance(one, EndOfLog)}
            if len(self._phases) > 1
            else set()
        )
        self._behind = {one for one in self._behind - enough if positions[one] < self._ends[one]}
        if items:
            self._heard_at = time.monotonic()
        elif self._behind and time.monotonic() - self._heard_at > SILENCE_S_MAX:
            topic, partition = min(self._behind)
            raise BrokerUnavailableError(
                f"Catching up with {topic}[{partition}] got nothing for {SILENCE_S_MAX:g} s; "
                "brokers away, or a transaction that hangs?"
            )

    def _switch(self, isolation: Isolation) -> None:
        before = self._reader
        before.close()
        self._dropped_before += before.dropped
        self._reader = LogReader(
            self._settings,
            self._topics,
            isolation,
            dict(before.positions),
            self._start_timeout_s,
            before.rule,
            shows_erased=not self._live,
        )
        self._reader.start()
        self._behind = set(self._ends)
        self._heard_at = time.monotonic()
