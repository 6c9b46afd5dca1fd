"""A record now and then where nothing comes, for Kafka compacts no segment that is written to.

A segment ends with a write: the first one after its ``segment.ms``. Where nobody writes any more it
never ends, and what was deleted or replaced in it stays on the brokers' disks for good: a basket, a
data key. So a worker writes to each compacted topic of its partitions, the tombstone of a row that
there never was: some time after a take-over, for the one before may have been about to, and then
again and again, with a little more time between than a segment is written to.

It goes by the wall clock and by no row, so that what is folded again comes to the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ccstream.engine.clock import Clock
from ccstream.engine.delivery import Delivery
from ccstream.engine.layout import Layout
from ccstream.engine.partition import Partition
from ccstream.wire.catalogue import HEARTBEAT_NAMESPACE, SYNC_TYPES
from ccstream.wire.entry import Entry
from ccstream.wire.headers import SyncHeaders

__all__ = ["SegmentRolls", "roll_key"]

_SOON: Final = 600.0
"""Seconds after a take-over: workers that are started one after the other are done with it."""


class SegmentRolls:
    """Asked once in each turn of the chunk loop.

    Args:
        delivery: where the tombstones of sync topics go.
        layout: the topics.
        interval: seconds between two writes, more than a segment is written to.
        clock: what the time is.
    """

    def __init__(self, delivery: Delivery, layout: Layout, interval: float, clock: Clock) -> None:
        self._delivery = delivery
        self._layout = layout
        self._interval = interval
        self._clock = clock
        self._due = float("inf")

    def begin(self) -> None:
        """Partitions have been taken over."""
        soon = self._clock.monotonic() + min(_SOON, self._interval)
        self._due = min(self._due, soon)

    def turn(self, partitions: Iterable[Partition]) -> None:
        """Write, if it is time to; the rows leave with the next commit."""
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + self._interval
            for partition in partitions:
                self._roll(partition)

    def _roll(self, partition: Partition) -> None:
        key = roll_key(partition.number)
        for table in partition.tables.values():
            table.put(key, Entry(None, partition.next_version()))
        partition.changed = True
        for name, topic in self._layout.sync_topics.items():
            headers = SyncHeaders(
                partition.epoch, SYNC_TYPES[name], partition.number, self._layout.app_id
            ).of(partition.next_version(), self._clock.now_ms())
            self._delivery.send(topic, partition.number, key, None, headers)


def roll_key(number: int) -> str:
    """Nobody's, and in this partition number alone; readers are shown no key of its namespace."""
    return f"{HEARTBEAT_NAMESPACE}roll-{number}"
