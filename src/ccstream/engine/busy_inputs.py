"""Reading busy inputs apart from quiet ones.

librdkafka asks for every partition of a consumer in each fetch, and a broker looks at each before
it answers. A worker has a dozen input topics, of which a few are busy as a rule, so at a thousand
events a second both would spend much of their time on where nothing is. Topics that have become
busy are read by a second consumer, therefore, and the fetches of the first become few.

A topic moves when all of it is read that is known to be there: nothing is thrown away that was
fetched ahead, but what comes while it moves, and nobody who waits for the end of a backlog takes a
change for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from ccstream.engine.clock import Clock
from ccstream.engine.dataplane import DataPlane, ask_leaders, ends_of
from ccstream.engine.delivery import SourceOffset

__all__ = ["BusyInputsPlane"]

_INTERVAL: Final = 1.0
"""Seconds over which it is counted what has come of a topic."""

_BUSY_ABOVE: Final = 100.0
"""Records a second from which on a topic is busy: below, so few fetches are cheap however many
partitions they ask for. One that is apart stays so above half of it, lest it go to and fro."""

_QUIET_AFTER: Final = 30.0
"""Seconds for which a topic that is no longer busy stays apart."""

_ASK_AGAIN_AFTER: Final = 10.0
"""Seconds for which nothing moves after a consumer was not told who leads a topic: to ask takes up
to 0.2 s, in which nothing is read."""

_LOOK: Final = 0.002
"""Seconds for which busy topics are waited for before the others are looked at."""

_At = tuple[str, int]


class BusyInputsPlane(DataPlane):
    """As `DataPlane`, with two consumers: one for all topics but those that are busy.

    Both are made at once: what keeps one from being made is told before anything is served.

    Args:
        config: for the consumers.
        records_max: most records in one chunk.
        clock: what the time is.
    """

    def __init__(self, config: Mapping[str, Any], records_max: int, clock: Clock) -> None:
        super().__init__(config, records_max)
        self._busy_consumer = self._make_consumer()
        self._clock = clock
        self._apart: list[TopicPartition] = []
        self._next: dict[_At, int] = {}
        self._busy_at: dict[str, float] = {}
        self._counted_at = clock.monotonic()
        self._moves_from = float("-inf")

    def assign(self, offsets: list[SourceOffset]) -> None:
        self._next = {(one.topic, one.partition): one.offset for one in offsets}
        self._busy_at = {}
        self._counted_at = self._clock.monotonic()
        self._apart = []
        self._busy_consumer.unassign()
        super().assign(offsets)

    def unassign(self) -> None:
        self._next, self._busy_at, self._apart = {}, {}, []
        self._busy_consumer.unassign()
        super().unassign()

    def poll(self, timeout: float) -> list[Message]:
        now = self._clock.monotonic()
        if now >= self._counted_at + _INTERVAL:
            self._count(now)
        if not self._apart:
            return super().poll(timeout)
        for _ in range(max(1, ceil(timeout / _LOOK))):
            # Half of a chunk at most: a burst of the others does not keep the busy ones waiting.
            messages = self._read(self._consumer, 0, max(1, self._records_max // 2))
            room = self._records_max - len(messages)
            if room:
                wait = 0 if messages else min(timeout, _LOOK)
                messages += self._read(self._busy_consumer, wait, room)
            if messages or self._clock.monotonic() >= now + timeout:
                return messages
        return []

    def ends(self) -> dict[_At, int]:
        return super().ends() | ends_of(self._busy_consumer, self._apart)

    def heard(self) -> bool:
        return len(self.ends()) == len(self._next)

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._busy_consumer.close()

    def _count(self, now: float) -> None:
        """Look how far each topic has come, and move those that have become busy, or quiet."""
        seconds, self._counted_at = now - self._counted_at, now
        apart = {one.topic for one in self._apart}
        if not apart:
            self._busy_consumer.poll(0)  # or what it has to tell, and what it had fetched, stays
        come: defaultdict[str, int] = defaultdict(int)
        for at, position in self._positions().items():
            come[at[0]] += position - self._next[at]
            self._next[at] = position
        for topic, records in come.items():
            if records >= _BUSY_ABOVE * seconds / (2 if topic in apart else 1):
                self._busy_at[topic] = now
        busy = {topic for topic, at in self._busy_at.items() if now - at < _QUIET_AFTER}
        if len(busy) == len({topic for topic, _ in self._next}):
            busy = set()  # there is nothing to be read apart from
        for topic in busy ^ apart:
            if now >= self._moves_from:
                self._move(topic, apart=topic in busy)

    def _positions(self) -> dict[_At, int]:
        """What comes next of each partition: all that was handed out is folded by now."""
        positions = self._consumer.position(self._assigned)
        positions = positions + self._busy_consumer.position(self._apart)
        # Below 0, nothing has come since it was assigned.
        return {(one.topic, one.partition): one.offset for one in positions if one.offset >= 0}

    def _move(self, topic: str, *, apart: bool) -> None:
        """Read a topic by the other consumer from now on, if there is nothing left to read."""
        giver, taker = self._consumer, self._busy_consumer
        held, taken = self._assigned, self._apart
        if not apart:
            giver, taker, held, taken = taker, giver, taken, held
        here = [one for one in held if one.topic == topic]
        if not all(self._is_read(giver, one) for one in here):
            return
        if not ask_leaders(taker, [topic]):
            self._moves_from = self._counted_at + _ASK_AGAIN_AFTER
            return
        there = [
            TopicPartition(topic, one.partition, self._next[topic, one.partition]) for one in here
        ]
        giver.incremental_unassign(here)
        taker.incremental_assign(there)
        held[:] = [one for one in held if one.topic != topic]
        taken += there

    def _is_read(self, consumer: Consumer, place: TopicPartition) -> bool:
        """Whether all was handed out that is known to be there: not while a transaction is open,
        or while the partition cannot be read.
        """
        at = TopicPartition(place.topic, place.partition)
        try:
            _, end = consumer.get_watermark_offsets(at, cached=True)
        except KafkaException:
            return False
        return 0 <= end <= self._next[at.topic, at.partition]
