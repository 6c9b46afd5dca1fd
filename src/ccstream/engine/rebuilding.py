"""Reading inputs once more, as another application has folded them.

Records of one partition number come in the order of their append times, whatever topic they are
of, since that is the order in which a worker meets them as they are stored; read one topic after
the other, a week's worth of letters would come before the events they answer. None comes that the
application which is rebuilt has not folded.

Time is that of the records: a timer that is due by the clock fires once everything that was stored
before it was due has been folded, not at once because it is years late. One that is due after the
last record waits: were it fired by the clock, its signal would be on topics that nobody reads, and
when the other has stopped for good nobody would signal it any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import structlog
from confluent_kafka import Message, TopicPartition

from ccstream.engine.busy_inputs import BusyInputsPlane
from ccstream.engine.chunks import Folds
from ccstream.engine.clock import Clock
from ccstream.engine.cluster import TopicPartitionKey
from ccstream.engine.dataplane import DataPlane
from ccstream.engine.delivery import SourceOffset
from ccstream.engine.due_timers import DueTimers
from ccstream.engine.fold import Folder
from ccstream.engine.followed import Followed
from ccstream.engine.partition import Partition
from ccstream.engine.source import Record
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.settings import Settings

__all__ = ["RebuildFolder", "RebuildPlane", "RebuildTimers", "make_data_plane"]

QUEUE_MAX: Final = 500
"""Records of one topic's partition that wait for older ones of other topics; beyond, it is not
read any further. Of eleven topics and 64 partitions that is 350,000 at most."""

_IDLE_SECONDS: Final = 2.0
"""Nothing was there to fold for so long: then it has caught up, whatever the last look missed."""

_FIRED_AT_ONCE: Final = 200
"""Timers between looks at the next that is due."""

_TOLD_INTERVAL: Final = 5.0

log = structlog.get_logger(__name__)


def make_data_plane(
    settings: Settings,
    folder: Folder,
    followed: Followed | None,
    clock: Clock,
    on_caught_up: Callable[[], None],
) -> tuple[DataPlane, Folds, DueTimers | None]:
    """What reads, what folds and what fires, if it is not the usual, for a worker.

    Args:
        settings: of the application.
        folder: the fold.
        followed: the application that is rebuilt, None if the worker works by itself.
        clock: the machine's.
        on_caught_up: see `RebuildPlane`.
    """
    config = consumer_config(
        settings, isolation="read_committed", role="input", group_id=settings.app_id
    )
    records_max = settings.chunk.records_max
    if followed is None:
        return BusyInputsPlane(config, records_max, clock), folder, None
    folds = RebuildFolder(folder)
    plane = RebuildPlane(config, records_max, followed, clock, on_caught_up)
    return plane, folds, RebuildTimers(plane, folds, clock)


class RebuildPlane(DataPlane):
    """The inputs in the order in which they were stored, no further than ``followed`` says.

    Args:
        config: for the consumer.
        records_max: most records in one chunk.
        followed: the application that is rebuilt.
        clock: the machine's.
        on_caught_up: told once when all was folded that the other has folded.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        records_max: int,
        followed: Followed,
        clock: Clock,
        on_caught_up: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config, records_max)
        self._followed = followed
        self._clock = clock
        self._on_caught_up = on_caught_up
        self._queues: dict[TopicPartitionKey, deque[Message]] = {}
        self._next: dict[TopicPartitionKey, int] = {}
        self._inputs: dict[int, list[TopicPartitionKey]] = {}
        self._paused: set[TopicPartitionKey] = set()
        self._times: dict[int, int] = {}
        self._looked = self._heard = self._idle = False
        self._quiet_since = clock.monotonic()
        self._caught_up = False
        self._told_at = clock.monotonic()

    def assign(self, offsets: list[SourceOffset]) -> None:
        self._forget()
        for one in offsets:
            at = (one.topic, one.partition)
            self._queues[at], self._next[at] = deque(), one.offset
            self._inputs.setdefault(one.partition, []).append(at)
        super().assign(offsets)

    def unassign(self) -> None:
        self._forget()
        super().unassign()

    def poll(self, timeout: float) -> list[Message]:
        """The next records that are to be folded; see `DataPlane.poll` for what it raises."""
        self._looked = self._followed.look(self._next) or self._looked
        self._resume()
        ready = self._ready()
        for message in super().poll(0 if ready else timeout):
            at: Any = (message.topic(), message.partition())
            queue = self._queues.get(at)
            if queue is None:
                continue  # given up meanwhile
            queue.append(message)
            self._next[at] = (message.offset() or 0) + 1
        self._pause()
        ready = ready or self._ready()
        if ready:
            self._quiet_since = self._clock.monotonic()
        self._idle = self._is_idle()
        self._tell()
        return ready

    def ends(self) -> dict[tuple[str, int], int]:
        """As far as there is something to do."""
        reached = self._followed.reached
        return {
            at: min(end or self._next[at], reached.get(at, 0)) for at, end in super().ends().items()
        }

    def heard(self) -> bool:
        return len(super().ends()) == len(self._next)

    def close(self) -> None:
        self._followed.close()
        super().close()

    @property
    def remaining(self) -> int:
        """Records that the other has folded, and this has not given out yet."""
        reached = self._followed.reached
        return sum(max(0, reached.get(at, 0) - self._stands_at(at)) for at in self._next)

    def time_ms(self, number: int) -> int:
        """The time in a partition number: whatever was stored before is folded."""
        return self._times.get(number, 0)

    def _is_idle(self) -> bool:
        if self._clock.monotonic() - self._quiet_since < _IDLE_SECONDS:
            return False
        self._heard = self._heard or self.heard()
        return self._looked and self._heard and not self.remaining

    def _stands_at(self, at: TopicPartitionKey) -> int:
        queue = self._queues[at]
        return (queue[0].offset() or 0) if queue else self._next[at]

    def _ready(self) -> list[Message]:
        ready: list[Message] = []
        for number in self._inputs:
            while len(ready) < self._records_max:
                at = self._first(number)
                if at is None:
                    break
                message = self._queues[at].popleft()
                self._times[number] = max(self._times.get(number, 0), message.timestamp()[1])
                ready.append(message)
        return ready

    def _first(self, number: int) -> TopicPartitionKey | None:
        """Whose record is the next; None while one may be on its way that is older."""
        reached, first, oldest = self._followed.reached, None, 0
        for at in self._inputs[number]:
            queue, end = self._queues[at], reached.get(at, 0)
            if not queue:
                if self._next[at] < end:
                    return None
                continue
            if (queue[0].offset() or 0) >= end:
                continue
            stored_at = queue[0].timestamp()[1]
            if first is None or stored_at < oldest:
                first, oldest = at, stored_at
        return first

    def _pause(self) -> None:
        full = [
            at
            for at, queue in self._queues.items()
            if len(queue) > QUEUE_MAX and at not in self._paused
        ]
        if full:
            self._consumer.pause([TopicPartition(*at) for at in full])
            self._paused.update(full)

    def _resume(self) -> None:
        if not self._paused:
            return
        room = [at for at in self._paused if len(self._queues[at]) <= QUEUE_MAX // 2]
        if room:
            self._consumer.resume([TopicPartition(*at) for at in room])
            self._paused.difference_update(room)

    def _forget(self) -> None:
        self._queues, self._next, self._inputs = {}, {}, {}
        self._paused, self._times = set(), {}
        self._looked = self._heard = self._idle = False
        self._quiet_since = self._clock.monotonic()

    def _tell(self) -> None:
        if not self._caught_up and self._next and self._idle:
            self._caught_up = True
            log.info("caught up with the application that is rebuilt")
            self._on_caught_up()
        now = self._clock.monotonic()
        if now - self._told_at < _TOLD_INTERVAL:
            return
        self._told_at = now
        if remaining := self.remaining:
            log.info("rebuilding", remaining=remaining)


class RebuildFolder:
    """A fold that first fires what was due, by the clock, before a record was stored.

    A worker has done so in its time, and the record may be about the very row: a basket that is
    handed over after it was abandoned.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.fire = folder.fire
        self.gather = folder.gather
        self.release = folder.release
        self.take_statistics = folder.take_statistics

    @property
    def gathered(self) -> int:
        return self._folder.gathered

    def fold(self, partition: Partition, topic: int, record: Record) -> None:
        stored_at = record.timestamp()[1]
        while partition.timers.next_due <= stored_at:
            self._folder.fire(partition, stored_at, _FIRED_AT_ONCE)
        self._folder.fold(partition, topic, record)


class RebuildTimers(DueTimers):
    """Wall-clock timers by the time of the records."""

    def __init__(self, plane: RebuildPlane, folder: RebuildFolder, clock: Clock) -> None:
        super().__init__(plane, folder, clock)
        self._recorded = plane

    def due(self, partitions: Collection[Partition], *, behind: bool) -> list[Partition]:
        self.more = False
        return [one for one in partitions if one.timers.next_due <= self._now_ms(one.number)]

    def _now_ms(self, number: int) -> int:
        return self._recorded.time_ms(number)
