"""The chunk loop: poll, fold, put out, commit; synchronous, without threads of its own.

A whole fetch, all partitions, is one chunk. Outputs leave while it is folded. After it those
timers fire that are due. Then, when the commit interval has passed and no commit is on its way,
the rows that changed and the positions reached are handed to the delivery as one snapshot;
folding goes on meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from ccstream.engine.assignment import Assignment
from ccstream.engine.chunk_statistics import ChunkStatistics
from ccstream.engine.clock import Clock
from ccstream.engine.collector import Collector
from ccstream.engine.dataplane import DataPlane
from ccstream.engine.delivery import ChangelogRecord, Delivery, Snapshot, SourceOffset
from ccstream.engine.due_timers import DueTimers, Fires
from ccstream.engine.gauges import Gauges
from ccstream.engine.layout import Layout
from ccstream.engine.partition import Partition
from ccstream.engine.segment_rolls import SegmentRolls
from ccstream.engine.source import Record, trace_of
from ccstream.engine.store_writer import StoreWriter
from ccstream.ops.settings import Settings
from ccstream.ops.tracing import Tracing

__all__ = ["ChunkLoop", "Folds", "Pace"]

_IDLE_POLL = 0.1
"""Seconds to wait for a record when there is nothing to commit: commands are looked for
between polls, so this bounds how late a rebalance is noticed."""

_WAITING_POLL = 0.001
"""Seconds to wait for a record while outputs wait for those before them to be acknowledged."""

_NOTICED_WITHIN = 0.1
"""While acknowledgements are waited for, a record is waited for no longer than this part of the
time since: an acknowledgement is noticed between two waits, and its latency is too long by one."""

_UNCOMMITTED_MAX = 50_000
"""Records that may be folded while a commit is on its way; beyond, folding stops until it has
ended. Their rows are held dirty, their outputs are in one transaction, and after a crash they
are folded again: a second or so of work."""

_WAITING_MAX = 50_000
"""Outputs that may wait for those of the transaction before to be acknowledged; beyond, folding
stops likewise. An event has a handful, of a kilobyte or so each."""

_LINGER_ABOVE = 3_000.0
"""Events a second above which the loop waits for fuller chunks: below, every request to the
broker is affordable and each millisecond is felt; at 5,000 a second it is the broker that
chokes on one request an event."""

_FULL_CHUNK = 200
"""Records from which on a chunk is full: it does not wait for more, its outputs leave together
at its end, and the worker counts as behind. Then commits are fewer, too: a transaction costs
the broker the same however much is in it, and who is behind has nothing to gain from many."""

_PATIENT_ABOVE = 300.0
"""Events a second above which patient outputs wait for others. Every event is a touch as well,
librdkafka sends a request for each partition's records, and a broker takes the requests of one
connection one after the other: with one for the basket and one for the touch, each event of a
thousand a second waits for half of those before it."""

_PATIENT_WAIT = 0.02
"""Seconds that patient outputs wait at most."""

_AHEAD = 0.25
"""The last part of the time between two commits, in which rows are encoded for the next one, a few
after each chunk: hundreds at once are milliseconds in which nothing is folded. Rows that change
often are not encoded each time."""

_AHEAD_S_MAX = 0.0005
"""Seconds after which a chunk waits no longer for that, if it does not wait for a fuller one."""

_AHEAD_ROWS = 16
"""Rows of each table of a partition that are encoded before it is seen how long that took: of the
three that events change, some 0.2 ms."""

_OUTPUTS_FIRST = 0.04
"""Seconds that the rows of a commit wait for the next outputs, a fifth of the time between commits
at most; only at rates at which touches wait and chunks do not, where a broker has that time."""


class Pace(Struct, frozen=True):
    """When things happen, in seconds."""

    commit_interval: float
    urgent_interval: float
    catch_up_interval: float
    linger_max: float
    commit_timeout: float
    roll_interval: float

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        """As it is configured."""
        commit = settings.commit
        return cls(
            commit_interval=commit.interval_ms / 1000,
            urgent_interval=commit.urgent_interval_ms / 1000,
            catch_up_interval=max(commit.interval_ms, commit.catch_up_interval_ms) / 1000,
            linger_max=settings.chunk.linger_ms_max / 1000,
            commit_timeout=settings.group.rebalance_timeout_ms / 2000,
            roll_interval=_roll_interval_ms(settings) / 1000,
        )


def _roll_interval_ms(settings: Settings) -> int:
    """As configured, or oftener where erasures are to be done with sooner: a segment ends with the
    second of two at the latest.
    """
    return min(settings.state.roll_interval_ms, settings.privacy.erasure_deadline_ms // 3)


class Folds(Fires, Protocol):
    """What folds; see `Folder`."""

    @property
    def gathered(self) -> int: ...

    @property
    def gather(self) -> Callable[..., None]: ...

    @property
    def release(self) -> Callable[[], None]: ...

    @property
    def take_statistics(self) -> Callable[[], ChunkStatistics]: ...

    def fold(self, partition: Partition, topic: int, record: Record, /) -> None: ...


class ChunkLoop:
    """Holds the partitions being served and turns records into commits.

    ``tracing`` makes a span of each chunk; None, which is the rule, makes none.
    ``due_timers`` are minded by another time than the clock's, if they are given.
    """

    def __init__(
        self,
        plane: DataPlane,
        folder: Folds,
        delivery: Delivery,
        layout: Layout,
        gauges: Gauges,
        pace: Pace,
        clock: Clock,
        tracing: Tracing | None = None,
        due_timers: DueTimers | None = None,
    ) -> None:
        self._plane = plane
        self._folder = folder
        self._delivery = delivery
        self._layout = layout
        self._gauges = gauges
        self._pace = pace
        self._clock = clock
        self._tracing = tracing
        self._topic_numbers = {
            topic: number for number, topic in enumerate(layout.input_topics_by_number)
        }
        self._committed_at = 0.0
        self._gathered_at = 0.0
        self._collector = Collector(clock)
        self._due_timers = due_timers or DueTimers(plane, folder, clock)
        self._rolls = SegmentRolls(delivery, layout, pace.roll_interval, clock)
        self._stores = StoreWriter(layout.input_topics_by_number, clock)
        self._urgent = False
        self._behind = False
        self._uncommitted = 0
        self._rate = 0.0
        self._folded_at = 0.0
        self._turned_at = clock.monotonic()
        self._begun: dict[int, list[int]] = {}
        self.partitions: dict[int, Partition] = {}
        self.committed: dict[int, list[int]] = {}
        """What is committed of each input topic, by partition number; where the group did not take
        offsets, what it took last, as whoever takes over begins there."""
        self.gate = threading.Lock()
        """Held while rows are being changed: between two turns whoever has it sees them whole."""

    @property
    def committing(self) -> bool:
        """Whether a commit is on its way."""
        return self._delivery.busy

    def begin(self, partitions: dict[int, Partition], waiting: frozenset[int]) -> None:
        """Serve these partitions from their positions on."""
        self._plane.assign(
            [
                SourceOffset(topic, number, partition.folded[index] + 1)
                for number, partition in partitions.items()
                for index, topic in enumerate(self._layout.input_topics_by_number)
            ]
        )
        with self.gate:
            self.partitions = partitions
            self.committed = {n: list(p.folded) for n, p in partitions.items()}
        self._committed = {n: list(p.folded) for n, p in partitions.items()}
        self._committed_at = self._clock.monotonic()  # by the take-over, all of it
        self._stores.begin(partitions)
        self._due_timers.begin()
        self._rolls.begin()
        self._gauges.serving(partitions, waiting)
        self._collector.begin()

    def end(self, assignment: Assignment, timeout: float) -> dict[int, Partition]:
        """Commit what was folded and let go; the partitions, all their work committed.

        Empty where the group did not take all offsets: what is held is ahead of them.

        Raises:
            DeliveryError: it took longer than ``timeout`` seconds.
        """
        deadline = self._clock.monotonic() + timeout
        with self.gate:
            self._ended(self._delivery.settle(timeout))
            if self._changed():
                self._commit(assignment)
                self._ended(self._delivery.settle(max(0.0, deadline - self._clock.monotonic())))
            released, self.partitions = self.partitions, {}
        self._stores.note_current()
        self._plane.unassign()
        self._gauges.released(released)
        return {} if self._delivery.offsets_behind else released

    def turn(self, assignment: Assignment) -> None:
        """One round: at most one chunk and at most one commit begun."""
        # librdkafka's stub allows None for what a record always has
        messages: Any = self._plane.poll(self._patience())
        with self.gate:
            self._turn(assignment, messages)
            linger = self._linger(len(messages))
            linger -= self._encode_ahead(linger or _AHEAD_S_MAX)
        if linger > 0:
            self._clock.sleep(linger)

    def _turn(self, assignment: Assignment, messages: Any) -> None:
        self._ended(self._delivery.poll())
        if messages:
            self._gauges.check_alive()
            started = self._clock.monotonic()
            span = None
            if self._tracing is not None:
                span = self._tracing.chunk(len(messages), map(trace_of, messages))
            fold, numbers, partitions = self._folder.fold, self._topic_numbers, self.partitions
            self._behind = len(messages) >= _FULL_CHUNK
            if not self._folder.gathered:
                self._gathered_at = started
            if self._behind or self._rate > _PATIENT_ABOVE:
                self._folder.gather(patient_only=not self._behind)
            for message in messages:
                partition = partitions.get(message.partition())
                if partition is not None:
                    fold(partition, numbers[message.topic()], message)
            if self._behind:
                self._folder.release()
            for message in (messages[0], messages[-1]):  # one of those that are not busy, if any
                self._gauges.reached(message)
            statistics = self._folder.take_statistics()
            self._urgent = self._urgent or bool(statistics.mail)
            if self._urgent or self._behind:
                self._delivery.hasten()
            self._uncommitted += len(messages)
            self._folded_at = self._clock.monotonic()
            self._gauges.chunk(statistics, len(messages), self._folded_at - started)
            self._ended(self._delivery.poll())
            if span is not None:
                span.end()
        else:
            self._behind = False
        self._fire()
        self._rolls.turn(self.partitions.values())
        if self._release_in() <= 0:
            self._folder.release()
        self._commit_if_due(assignment)
        if self._delivery.busy and (
            self._uncommitted > _UNCOMMITTED_MAX or self._delivery.waiting > _WAITING_MAX
        ):
            self._ended(self._delivery.settle(self._pace.commit_timeout))
        self._gauges.turn(self._plane, self.partitions, self._delivery)
        self._stores.turn()
        self._collector.turn(len(messages))

    def _fire(self) -> None:
        due = self._due_timers.due(self.partitions.values(), behind=self._behind)
        if due:
            self._gauges.check_alive()
            self._uncommitted += self._due_timers.fire(due)
            self._gauges.fired(self._folder.take_statistics())

    def close(self) -> None:
        self._collector.end()
        self._delivery.close()
        self._plane.close()
        if self._tracing is not None:
            self._tracing.close()

    def _patience(self) -> float:
        if self._delivery.waiting or self._due_timers.more:
            return _WAITING_POLL
        patience = _IDLE_POLL
        if self._changed():
            patience = min(patience, self._due_in(), self._release_in())
        if self._gauges.acknowledgements.waits:
            waited = self._clock.monotonic() - self._folded_at
            patience = min(patience, waited * _NOTICED_WITHIN)
        return max(_WAITING_POLL, patience)

    def _release_in(self) -> float:
        if not self._folder.gathered:
            return _IDLE_POLL
        return self._gathered_at + _PATIENT_WAIT - self._clock.monotonic()

    def _due_in(self) -> float:
        pace = self._pace
        if self._behind:
            interval = pace.commit_interval if self._urgent else pace.catch_up_interval
        else:
            interval = pace.urgent_interval if self._urgent else pace.commit_interval
        return self._committed_at + interval - self._clock.monotonic()

    def _changed(self) -> bool:
        return any(partition.changed for partition in self.partitions.values())

    def _commit_if_due(self, assignment: Assignment) -> None:
        if not self._delivery.busy and self._due_in() <= 0 and self._changed():
            calm = _PATIENT_ABOVE < self._rate <= _LINGER_ABOVE and not self._behind
            pause = min(_OUTPUTS_FIRST, self._pace.commit_interval / 5)
            self._commit(assignment, pause if calm and not self._urgent else 0.0)

    def _commit(self, assignment: Assignment, pause: float = 0.0) -> None:
        self._folder.release()  # into the transaction of the rows that they show
        rows: list[ChangelogRecord] = []
        offsets: list[SourceOffset] = []
        changed: dict[int, list[int]] = {}
        for number, partition in self.partitions.items():
            if not partition.changed:
                continue
            rows.extend(
                ChangelogRecord(self._layout.changelog_of(table), number, key, value)
                for table, key, value in partition.drain()
            )
            committed = self._committed[number]
            moved = [i for i, folded in enumerate(partition.folded) if folded != committed[i]]
            # One at least: it is by its offsets that a predecessor's transaction is refused.
            for index in moved or [0]:
                topic = self._layout.input_topics_by_number[index]
                offsets.append(SourceOffset(topic, number, partition.folded[index] + 1))
            changed[number] = self._committed[number] = list(partition.folded)
        self._begun = changed
        snapshot = Snapshot(assignment, tuple(rows), tuple(offsets))
        self._delivery.commit(snapshot, self._stores.commit(changed), pause)
        self._committed_at = self._clock.monotonic()
        self._uncommitted = 0
        self._urgent = False

    def _ended(self, seconds: float | None) -> None:
        if seconds is not None:
            self._gauges.committed(seconds)
            self._stores.committed()
            for number in self._begun:
                for table in self.partitions[number].tables.values():
                    table.settled()
            if not self._delivery.offsets_behind:
                self.committed.update(self._begun)
            self._begun = {}

    def _linger(self, records: int) -> float:
        """Seconds to wait for a fuller chunk than that of so many records."""
        now = self._clock.monotonic()
        elapsed, self._turned_at = now - self._turned_at, now
        if elapsed > 0:
            weight = min(1.0, elapsed)
            self._rate += weight * (records / elapsed - self._rate)
        if self._rate > _LINGER_ABOVE and 0 < records < _FULL_CHUNK:
            return self._pace.linger_max
        return 0.0

    def _encode_ahead(self, seconds_max: float) -> float:
        """Encode rows for the next commit, if it is near; how many seconds it took."""
        if self._behind or self._due_in() > self._pace.commit_interval * _AHEAD:
            return 0.0
        began = self._clock.monotonic()
        took = 0.0
        for partition in self.partitions.values():
            while partition.encode_ahead(_AHEAD_ROWS):
                took = self._clock.monotonic() - began
                if took >= seconds_max:
                    return took
        return took
