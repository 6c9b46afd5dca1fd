"""What the engine tells the metrics, a chunk or a second at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from ccstream.engine.acknowledgements import Acknowledgements, Latencies
from ccstream.engine.chunk_statistics import ChunkStatistics
from ccstream.engine.clock import Clock
from ccstream.engine.delivery import Delivery
from ccstream.engine.layout import Layout
from ccstream.engine.partition import Partition
from ccstream.engine.restore import RestoreProgress
from ccstream.engine.unfinished import STATES, oldest
from ccstream.errors import FencedError
from ccstream.ops.metrics import Metrics
from ccstream.ops.metrics_engine import CLOCK, LOOKUPS, STORE_BYTES, STORED_IN
from ccstream.wire.catalogue import AGGREGATES, channel_of

__all__ = ["Gauges"]

_INTERVAL = 1.0
"""Seconds between looks at lag and store sizes."""

_RESTORE_LOG_INTERVAL = 2.0

_WAITING_COUNTED_MAX = 10_000
"""Entities of a partition whose timers wait: beyond, how many more does not matter."""


class _Ends(Protocol):
    def ends(self) -> dict[tuple[str, int], int]: ...


class Gauges:
    """Bulk updates of :class:`Metrics`.

    Args:
        last_heartbeat: monotonic time of the last good heartbeat to the group.
        session_timeout: seconds after which the group has given the partitions to another.
        report: called with each restore progress worth a line in the log.
    """

    def __init__(
        self,
        metrics: Metrics,
        layout: Layout,
        clock: Clock,
        *,
        last_heartbeat: Callable[[], float],
        session_timeout: float,
        report: Callable[[RestoreProgress], None],
    ) -> None:
        self._metrics = metrics
        self._layout = layout
        self._clock = clock
        self._last_heartbeat = last_heartbeat
        self._session_timeout = session_timeout
        self._report = report
        self._looked_at = 0.0
        self._reported_at = 0.0
        self._restored = 0
        self._serving_since = 0
        self._clock_behind: float | None = None
        self._reached: dict[tuple[str, int], int] = {}
        self.acknowledgements = Acknowledgements(clock.now_ms, self.acknowledged)
        """Of what the chunks told of have put out."""

    def alive(self) -> bool:
        """Whether the group has not taken this worker for dead yet."""
        return self._clock.monotonic() - self._last_heartbeat() <= self._session_timeout

    def check_alive(self) -> None:
        """Refuse to fold on after the group must have taken this worker for dead.

        Raises:
            FencedError: the last good heartbeat is older than the session timeout.
        """
        if not self.alive():
            raise FencedError(
                f"no heartbeat got through for {self._session_timeout:.0f} s; the group has given "
                "the partitions to others"
            )

    def chunk(self, statistics: ChunkStatistics, records: int, seconds: float) -> None:
        metrics = self._metrics
        metrics.observe("ccstream_chunk_records", (), records)
        metrics.observe("ccstream_chunk_duration_seconds", (), seconds)
        for number, count in enumerate(statistics.consumed):
            if count:
                topic = self._layout.input_topics_by_number[number]
                channel = channel_of(topic) or "mail"
                metrics.add("ccstream_events_consumed_total", (channel,), count)
        for (channel, kind, _), times in statistics.times.items():
            for table in AGGREGATES[kind.__name__]:
                if table in statistics.awaited:
                    statistics.awaited[table].caused_by(channel, times)
        self.fired(statistics)
        metrics.add_many("ccstream_events_total", statistics.outcomes())
        metrics.add_many("ccstream_misrouted_total", statistics.misrouted)
        metrics.add_many("ccstream_mail_total", statistics.mail)
        metrics.add_many("ccstream_links_total", statistics.links)

    def acknowledged(self, table: str, latencies: Latencies) -> None:
        """The broker has what a chunk put out of a table; in whichever thread asked it."""
        for channel, milliseconds in latencies:
            self._metrics.observe_many(
                "ccstream_sync_latency_seconds", (channel, table), milliseconds, scale=0.001
            )

    def fired(self, statistics: ChunkStatistics) -> None:
        """What came of timers, what was rejected, whom that erased, and what was put out."""
        metrics = self._metrics
        for awaited in statistics.awaited.values():
            awaited.end()
        metrics.add_many("ccstream_timers_fired_total", statistics.timers)
        metrics.add_many("ccstream_rejected_total", statistics.rejected)
        metrics.add_many("ccstream_erasures_total", statistics.erasures)
        if statistics.receipts_after:
            metrics.observe_many(
                "ccstream_erasure_duration_seconds", (), statistics.receipts_after, scale=0.001
            )

    def committed(self, seconds: float) -> None:
        self._metrics.observe("ccstream_commit_duration_seconds", (), seconds)

    def serving(self, partitions: Mapping[int, Partition], waiting: frozenset[int]) -> None:
        self._metrics.add("ccstream_rebalances_total")
        self._metrics.add(CLOCK, (), 0)  # not known to be behind, until a record tells
        for number in range(self._layout.partitions):
            self._metrics.set("ccstream_partition_paused", (str(number),), number in waiting)
        self._restored = 0
        self._serving_since = self._clock.now_ms()
        self._reached.clear()

    def reached(self, message: Any) -> None:
        """The last record of a chunk was folded: of its partition, so far is known."""
        clock, stored_at = message.timestamp()
        self._reached[message.topic(), message.partition()] = stored_at
        if clock == TIMESTAMP_LOG_APPEND_TIME:
            ahead = (stored_at - self._clock.now_ms()) / 1000
            self._clock_behind = max(self._clock_behind or 0.0, ahead)

    def released(self, partitions: Mapping[int, Partition]) -> None:
        for topic, number in self._layout.inputs(partitions):
            self._metrics.remove("ccstream_lag_records", (topic, str(number)))
        for number in partitions:
            self._metrics.remove("ccstream_lag_seconds", (str(number),))
        for kind in STORED_IN:
            self._metrics.remove(STORE_BYTES, (kind,))

    def restoring(self, progress: RestoreProgress) -> None:
        """The progress callback of a restore."""
        metrics = self._metrics
        metrics.add("ccstream_restore_records_total", (), progress.records - self._restored)
        self._restored = progress.records
        for (table, number), remaining in progress.remaining_by_table.items():
            labels = (self._layout.table_of(table), str(number))
            metrics.set("ccstream_restore_remaining_records", labels, remaining)
        now = self._clock.monotonic()
        done = progress.remaining == 0
        if done:
            metrics.observe("ccstream_restore_duration_seconds", (), progress.seconds)
        if done or now - self._reported_at > _RESTORE_LOG_INTERVAL:
            self._reported_at = now
            self._report(progress)

    def standby(self, changelog: str, number: int, lag: int | None) -> None:
        """How far a standby is behind; None if it is not followed any more."""
        labels = (self._layout.table_of(changelog), str(number))
        if lag is None:
            self._metrics.remove("ccstream_standby_lag_records", labels)
        else:
            self._metrics.set("ccstream_standby_lag_records", labels, lag)

    def turn(self, plane: _Ends, partitions: Mapping[int, Partition], delivery: Delivery) -> None:
        """Once a second: lag, store sizes, timers, queues."""
        now = self._clock.monotonic()
        if now - self._looked_at < _INTERVAL:
            return
        self._looked_at = now
        numbers = {t: i for i, t in enumerate(self._layout.input_topics_by_number)}
        now_ms, behind = self._clock.now_ms(), dict.fromkeys(partitions, 0.0)
        for (topic, number), end in plane.ends().items():
            partition = partitions.get(number)
            if partition is not None:
                lag = max(0, end - partition.folded[numbers[topic]] - 1)
                self._metrics.set("ccstream_lag_records", (topic, str(number)), lag)
                if not lag:
                    self._reached[topic, number] = now_ms
                    continue
                # whatever waits was stored after the last record that was folded
                reached = self._reached.get((topic, number), self._serving_since)
                behind[number] = max(behind[number], (now_ms - reached) / 1000)
        for number, seconds in behind.items():
            self._metrics.set("ccstream_lag_seconds", (str(number),), seconds)
        self._look_at_tables(partitions)
        self._look_at_stores(partitions)
        if self._clock_behind is not None:
            self._metrics.set(CLOCK, (), self._clock_behind)
            self._clock_behind = None  # while nothing is read, nothing is known
        self._look_at_timers(partitions)
        self._look_at_erasures(partitions, now_ms)
        self._metrics.set("ccstream_producer_queue_records", (), delivery.queued)

    def _look_at_tables(self, partitions: Mapping[int, Partition]) -> None:
        for name in self._layout.tables:
            tables = [partition.tables[name] for partition in partitions.values()]
            self._metrics.set("ccstream_store_rows", (name,), sum(map(len, tables)))
            for outcome, counts in zip(
                LOOKUPS, zip(*(table.take_lookups() for table in tables), strict=True), strict=False
            ):
                self._metrics.add("ccstream_store_lookups_total", (name, outcome), sum(counts))

    def _look_at_stores(self, partitions: Mapping[int, Partition]) -> None:
        stores = (partition.store for partition in partitions.values())
        sizes = [store.database.sizes() for store in stores if store is not None]
        if sizes:
            for kind in STORED_IN:
                self._metrics.set(STORE_BYTES, (kind,), sum(size[kind] for size in sizes))

    def _look_at_erasures(self, partitions: Mapping[int, Partition], now: int) -> None:
        for state in STATES:
            known = (partition.unfinished for partition in partitions.values())
            number, since = oldest(known, state)
            age = max(0, now - since) / 1000 if number else 0
            self._metrics.set("ccstream_erasures_unfinished", (state,), number)
            self._metrics.set("ccstream_erasure_oldest_seconds", (state,), age)

    def _look_at_timers(self, partitions: Mapping[int, Partition]) -> None:
        now = self._clock.now_ms()
        indices = [partition.timers for partition in partitions.values()]
        first = min((index.next_due for index in indices), default=now)
        due = sum(index.waiting(now, _WAITING_COUNTED_MAX) for index in indices)
        self._metrics.set("ccstream_timers_due", (), due)
        self._metrics.set("ccstream_timers_late_seconds", (), max(0, now - first) / 1000)
