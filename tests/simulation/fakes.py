"""Stand-ins for librdkafka's clients, on a :class:`FakeBroker`.

Each names a *point* before it does anything: there the simulation may let others act, or let
the process die. What would wait for a broker instead lets time pass at once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from ccstream.engine import restore as engine_restore
from ccstream.engine.committer import Step
from ccstream.engine.restore import ChangelogRange, RestoreProgress
from ccstream.engine.store import Table
from ccstream.errors import BrokerUnavailableError, DeliveryError
from tests.simulation.broker import FakeBroker, LogRecord
from tests.simulation.clock import FakeClock

__all__ = ["FakeCluster", "FakeConsumer", "FakeGauges", "FakeProducer", "SteppedCommitter"]

Point = Callable[[str], None]
At = tuple[str, int]


class _EndOfPartition:
    """The event that librdkafka hands over at the end of a partition."""

    def __init__(self, at: At, offset: int) -> None:
        self._at = at
        self._offset = offset

    def topic(self) -> str:
        return self._at[0]

    def partition(self) -> int:
        return self._at[1]

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError:
        return KafkaError(KafkaError._PARTITION_EOF)


class FakeConsumer:
    """A consumer without a group, reading committed records or all.

    ``take`` and ``mix`` say how many records the next fetch has, and in which order the
    partitions come in it; ``handed`` is told of each assignment and each record.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._broker: FakeBroker = config["broker"]
        self._idle: Callable[[], None] = config.get("idle", lambda: None)
        self._committed_only = config["isolation.level"] == "read_committed"
        self._events = config.get("enable.partition.eof", False)
        self._positions: dict[At, int] = {}  # where it fetches
        self._begun: dict[At, int] = {}
        self._next: dict[At, int] = {}  # after what was handed out
        self._ends: dict[At, int] = {}
        self._told: dict[At, int] = {}
        self._fetched: deque[Any] = deque()
        self.take = 1 << 30
        self.mix = 0
        self.assigned: Callable[[dict[At, int]], None] = lambda _: None
        self.handed: Callable[[LogRecord], None] = lambda _: None

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.unassign()
        self.incremental_assign(partitions)
        self.assigned(dict(self._positions))

    def unassign(self) -> None:
        for known in (self._positions, self._begun, self._next, self._ends, self._told):
            known.clear()
        self._fetched.clear()

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        for one in partitions:
            at = (one.topic, one.partition)
            assert at not in self._positions
            self._positions[at] = self._begun[at] = one.offset

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        gone = {(one.topic, one.partition) for one in partitions}
        for at in gone:
            del self._positions[at]
            for known in (self._next, self._ends, self._told):
                known.pop(at, None)
        left = [one for one in self._fetched if (one.topic(), one.partition()) not in gone]
        self._fetched = deque(left)

    def poll(self, timeout: float) -> Any:
        if not self._fetched:
            self._fetch()
        if not self._fetched and timeout:
            self._idle()
        return self._hand() if self._fetched else None

    def consume(self, count: int, timeout: float) -> list[Any]:
        if not self._fetched and timeout:
            self._fetch()
            if not self._fetched:
                self._idle()
        return [self._hand() for _ in range(min(count, len(self._fetched)))]

    def list_topics(self, topic: str, timeout: float) -> None:
        """Who leads it is known at once."""

    def get_watermark_offsets(self, at: TopicPartition, cached: bool) -> tuple[int, int]:
        """The end as of the last fetch."""
        assert cached
        end = self._ends.get((at.topic, at.partition), OFFSET_INVALID)
        return min(end, 0), end

    def position(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """After what was handed out, and markers; not known where nothing was since assigned."""
        waiting = {(one.topic(), one.partition()) for one in self._fetched}
        found = []
        for at in ((one.topic, one.partition) for one in places):
            offset = self._next.get(at, OFFSET_INVALID)
            if at not in waiting and self._positions[at] != self._begun[at]:
                offset = self._positions[at]
            found.append(TopicPartition(*at, offset))
        return found

    def close(self) -> None:
        self.unassign()

    def _hand(self) -> Any:
        one = self._fetched.popleft()
        if isinstance(one, LogRecord):
            self._next[one.topic(), one.partition()] = one.offset() + 1
            self.handed(one)
        return one

    def _fetch(self) -> None:
        left = self.take
        positions = list(self._positions)
        self._ends.update({at: self._broker.logs[at].end for at in positions})
        order = random.Random(self.mix)
        while positions and left > 0:
            at = order.choice(positions) if self.mix else positions[0]
            share = order.randint(1, left) if self.mix else left
            taken = self._take(at, share)
            left -= taken
            if taken < share:
                positions.remove(at)

    def _take(self, at: At, count: int) -> int:
        """Up to ``count`` records of one partition; fewer only at its end."""
        log = self._broker.logs[at]
        start = self._positions[at]
        taken = 0
        for record in log.committed(start) if self._committed_only else log.uncommitted(start):
            self._fetched.append(record)
            self._positions[at] = record.offset() + 1
            taken += 1
            if taken == count:
                return taken
        # Past the markers too: they are fetched, though nobody gets to see them.
        end = log.last_stable_offset if self._committed_only else log.end
        self._positions[at] = max(self._positions[at], end)
        if self._events and self._told.get(at) != self._positions[at]:
            self._told[at] = self._positions[at]
            self._fetched.append(_EndOfPartition(at, self._positions[at]))
        return taken


class FakeProducer:
    """A transactional producer; what it is given waits in its queue until :meth:`deliver`.

    The next answer about a transaction gets lost if it is ``flaky``; ``sent`` counts what of
    the present transaction has reached the broker. Once a record was refused, every call that
    could tell so does.
    """

    def __init__(self, broker: FakeBroker, transactional_id: str, owner: str, point: Point) -> None:
        self._broker = broker
        self._id = transactional_id
        self._owner = owner
        self._point = point
        self._epoch = -1
        self._queue: list[tuple[At, bytes | None, bytes | None, Any, Any]] = []
        self._failure: KafkaException | None = None
        self._in_transaction = False
        self.flaky = False
        self.sent = 0

    def __len__(self) -> int:
        return len(self._queue)

    def init_transactions(self, timeout: float) -> None:
        self._epoch = self._broker.initialise(self._id)

    def begin_transaction(self) -> None:
        self._raise_failure()
        assert not self._in_transaction
        self._in_transaction = True
        self.sent = 0

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | str,
        partition: int,
        on_delivery: Callable[[None, Any], None] | None = None,
        headers: Any = None,
    ) -> None:
        self._raise_failure()
        assert self._in_transaction, "outside of any transaction"
        made = key.encode() if isinstance(key, str) else key
        self._queue.append(((topic, partition), made, value, headers, on_delivery))

    def deliver(self, count: int = 1 << 30, mix: int = 0) -> None:
        """Let up to ``count`` records reach the broker, in order within each partition."""
        queue = self._queue
        if mix:
            order = {at: i for i, at in enumerate(dict.fromkeys(entry[0] for entry in queue))}
            ranks = random.Random(mix).sample(range(len(order)), len(order))
            queue = sorted(queue, key=lambda entry: ranks[order[entry[0]]])
        gone = queue[:count]
        self._queue = queue[count:]
        for at, key, value, headers, on_delivery in gone:
            try:
                record = self._broker.produce(
                    self._id, self._epoch, self._owner, at, key, value, headers
                )
            except KafkaException as error:
                self._failure = error
                self._queue = []
                return
            self.sent += 1
            if on_delivery is not None:
                on_delivery(None, record)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        """As librdkafka's, it does not say whether what it waited for was stored or has failed."""
        self.deliver()
        return 0

    def send_offsets_to_transaction(
        self, offsets: list[TopicPartition], metadata: bytes, timeout: float
    ) -> None:
        self._raise_failure()
        marks = {(o.topic, o.partition): o.offset for o in offsets}
        self._broker.send_offsets(self._id, self._epoch, self._owner, marks, metadata)
        self._lose_answer()

    def commit_transaction(self, timeout: float) -> None:
        self.deliver()
        self._raise_failure()
        self._point("before the end of a transaction")
        self._broker.end(self._id, self._epoch, commit=True)
        self._lose_answer()
        self._in_transaction = False
        self.sent = 0

    def purge(self) -> None:
        self._queue = []

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _lose_answer(self) -> None:
        if self.flaky:
            self.flaky = False
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer", False, True))


class SteppedCommitter:
    """A committer that carries out a step when told to, or all where one would wait."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._steps: deque[Step] = deque()
        self._failure: BaseException | None = None
        self.busy = False
        self.pauses: list[float] = []
        self.hastened = 0

    @property
    def steps_left(self) -> int:
        return len(self._steps)

    def begin(self, *job: Step) -> None:
        if self.busy:
            raise DeliveryError("a commit was begun while another was on its way")
        self.busy = True
        self._steps = deque(job)

    def step(self) -> None:
        """Carry out the next step, if there is one."""
        if self._steps:
            try:
                self._steps.popleft()()
            except Exception as error:  # noqa: BLE001 - handed on, as a thread would
                self._failure = error
                self._steps.clear()

    def pause(self, seconds: float) -> None:
        """It does so after each step, too."""
        self.pauses.append(seconds)

    def hasten(self) -> None:
        """Its steps come when they come."""
        self.hastened += 1

    def finished(self) -> float | None:
        if not self.busy or self._steps:
            return None
        self.busy = False
        if self._failure is not None:
            raise self._failure
        return 0.0

    def wait(self, timeout: float) -> float | None:
        while self._steps:
            self._point("waiting for a commit")
            self.step()
        if self.busy:
            self._point("after a commit")
        return self.finished()

    def close(self) -> None:
        self._steps.clear()


class FakeCluster:
    """Answers what take-over asks, from a :class:`FakeBroker`."""

    def __init__(self, broker: FakeBroker, clock: FakeClock, point: Point) -> None:
        self._broker = broker
        self._clock = clock
        self._point = point

    def check_rights(self, topics: Iterable[str]) -> None:
        """Everybody may do everything."""

    def partition_counts(self) -> dict[str, int]:
        self._point("partition counts")
        return dict(self._broker.topics)

    def starts(self, partitions: Iterable[At]) -> dict[At, int]:
        self._point("starts")
        return {at: self._broker.logs[at].start for at in partitions}

    def high_watermarks(self, partitions: Iterable[At]) -> dict[At, int]:
        self._point("high watermarks")
        return {at: self._broker.logs[at].end for at in partitions}

    def last_stable_offsets(self, partitions: Iterable[At]) -> dict[At, int]:
        self._point("last stable offsets")
        return {at: self._broker.logs[at].last_stable_offset for at in partitions}

    def committed(self, partitions: Iterable[At]) -> dict[At, int | None] | None:
        self._point("committed offsets")
        return self._broker.group.stable(partitions)

    def deletes_old_records(self, topic: str) -> bool:
        return False

    def tombstones_kept_ms(self, topics: Any) -> int:
        return min(7 * 24 * 3_600_000 for _ in topics)

    def fence(self, transactional_id: str) -> None:
        self._point("fence")
        self._broker.initialise(transactional_id)

    def restore(
        self,
        ranges: list[ChangelogRange],
        table_of: Callable[[str, int], Table],
        cancelled: Callable[[], bool],
        progress: Callable[[RestoreProgress], None],
    ) -> RestoreProgress:
        self._point("restore")
        idle = _Patience(self._clock)
        config = {"broker": self._broker, "isolation.level": "read_committed", "idle": idle}
        return engine_restore.restore(
            config, ranges, table_of, cancelled=cancelled, progress=progress
        )

    def records_at(self, offsets: Mapping[At, int]) -> dict[At, LogRecord]:
        self._point("records at offsets")
        logs = self._broker.logs
        return {at: next(logs[at].uncommitted(offset)) for at, offset in offsets.items()}

    def read_all(self, topic: str, partition: int, isolation: str) -> list[LogRecord]:
        self._point(f"{topic} {isolation}")
        log = self._broker.logs[topic, partition]
        committed = isolation == "read_committed"
        return list(log.committed(log.start) if committed else log.uncommitted(log.start))


class _Patience:
    """Lets time pass while a restore waits for a transaction to be decided, but not for ever."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._left = 200

    def __call__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BrokerUnavailableError("a restore waits for what never comes")
        self._clock.sleep(0.2)


class FakeGauges:
    """Metrics that nobody looks at; ``alive`` is asked before each chunk."""

    def __init__(self, alive: Callable[[], None] = lambda: None) -> None:
        self.check_alive = alive
        self.acknowledgements = SimpleNamespace(waits=False)

    def chunk(self, statistics: Any, records: int, seconds: float) -> None: ...

    def fired(self, statistics: Any) -> None: ...

    def committed(self, seconds: float) -> None: ...

    def reached(self, message: Any) -> None: ...

    def serving(self, partitions: Any, waiting: frozenset[int]) -> None: ...

    def released(self, partitions: Any) -> None: ...

    def restoring(self, progress: RestoreProgress) -> None: ...

    def standby(self, changelog: str, number: int, lag: int | None) -> None: ...

    def turn(self, plane: Any, partitions: Any, delivery: Any) -> None: ...
