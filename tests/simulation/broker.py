"""A Kafka in memory, as far as delivery depends on it, without threads and without time.

Logs of partitions with offsets, transactional producers with epochs, and one coordinator.
What matters is kept as in Kafka:

* A transaction is decided when its coordinator says so, and *known* partition by partition,
  as its markers are written, which happens later and in any order. Until then the last
  stable offset of the partition does not pass the transaction's first record.
* A marker takes an offset of its own, and is the last thing of a transaction in a log.
* Whoever initialises a transactional id ends what the id has open and raises its epoch; an
  older epoch can do nothing more. So does the coordinator with a transaction that is open
  for too long.
* A producer's next transaction begins when the markers of its last one are written.

Markers are written by :meth:`write_markers`, or where a protocol would wait for them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Literal

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException

from tests.simulation.clock import FakeClock
from tests.simulation.group import Group

__all__ = ["FakeBroker", "LogRecord", "PartitionLog", "TopicPartition", "Transaction"]

TopicPartition = tuple[str, int]

TRANSACTION_TIMEOUT = 10.0
"""Seconds after which the coordinator ends an open transaction by itself."""

_OFFSETS: TopicPartition = ("__consumer_offsets", 0)

Headers = Sequence[tuple[str, bytes]]


class LogRecord:
    """One record as stored; it answers as librdkafka's messages do, so that it can be one."""

    __slots__ = (
        "_headers",
        "_key",
        "_offset",
        "_partition",
        "_time_ms",
        "_topic",
        "_value",
        "control",
        "transaction",
    )

    def __init__(
        self,
        at: TopicPartition,
        offset: int,
        time_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None,
        transaction: Transaction | None,
        *,
        control: bool = False,
    ) -> None:
        self._topic, self._partition = at
        self._offset = offset
        self._time_ms = time_ms
        self._key = key
        self._value = value
        self._headers = headers
        self.transaction = transaction
        self.control = control

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]] | None:
        return list(self._headers) if self._headers else None

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_LOG_APPEND_TIME, self._time_ms

    def error(self) -> None:
        return None

    @property
    def committed(self) -> bool:
        """Whether it is a fact: written outside of transactions, or by one known as committed."""
        transaction = self.transaction
        return transaction is None or transaction.known.get((self._topic, self._partition), False)

    def __repr__(self) -> str:
        kind = "marker" if self.control else "record"
        return f"<{kind} {self._topic}[{self._partition}]@{self._offset} {self._key!r}>"


State = Literal["open", "committed", "aborted"]


class Transaction:
    """One transaction; ``known`` says of each partition with a marker how it ended."""

    __slots__ = ("begun_at", "firsts", "known", "offsets", "owner", "state", "unmarked")

    def __init__(self, owner: str, begun_at: float) -> None:
        self.owner = owner
        self.begun_at = begun_at
        self.state: State = "open"
        self.firsts: dict[TopicPartition, int] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self.unmarked: list[TopicPartition] = []
        self.known: dict[TopicPartition, bool] = {}


class _Producer:
    __slots__ = ("epoch", "transaction")

    def __init__(self) -> None:
        self.epoch = -1
        self.transaction: Transaction | None = None


class PartitionLog:
    """The records of one partition; compaction leaves gaps between their offsets."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.open: dict[Transaction, int] = {}
        self.start = 0
        self.end = 0
        self._gaps = False

    @property
    def last_stable_offset(self) -> int:
        return min(self.open.values(), default=self.end)

    def read(self, start: int, end: int | None = None) -> Iterator[LogRecord]:
        """Every stored record from ``start`` to before ``end``, markers among them."""
        end = self.end if end is None else end
        records = self.records
        index = self._index(start) if self._gaps else start - self.start
        while index < len(records) and records[index].offset() < end:
            yield records[index]
            index += 1

    def committed(self, start: int) -> Iterator[LogRecord]:
        """What a reader of committed records gets: up to the last stable offset."""
        for record in self.read(start, self.last_stable_offset):
            if not record.control and record.committed:
                yield record

    def uncommitted(self, start: int) -> Iterator[LogRecord]:
        """What a reader of uncommitted records gets: everything but markers."""
        return (record for record in self.read(start) if not record.control)

    def keep(self, records: list[LogRecord]) -> None:
        """Keep only these, as compaction does; the end stays where it is."""
        self.records = records
        self._gaps = True

    def delete_before(self, offset: int) -> None:
        """Drop what is before ``offset``, as retention does."""
        self.keep(list(self.read(offset)))
        self.start = offset

    def _index(self, offset: int) -> int:
        return next((i for i, r in enumerate(self.records) if r.offset() >= offset), 1 << 62)


class FakeBroker:
    """The cluster: one broker that leads everything and coordinates everything."""

    def __init__(self, clock: FakeClock, topics: dict[str, int], group: str) -> None:
        self.clock = clock
        self.topics = dict(topics)
        self.group = Group(group)
        self.logs: dict[TopicPartition, PartitionLog] = {
            (name, number): PartitionLog()
            for name, count in topics.items()
            for number in range(count)
        }
        self._producers: dict[str, _Producer] = {}

    # what anyone may do

    def append(
        self,
        at: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
    ) -> LogRecord:
        """Store a record outside of transactions, as channels do."""
        return self._append(at, key, value, headers, None)

    # what a producer may do

    def initialise(self, transactional_id: str) -> int:
        """End what the id has open; the epoch from now on."""
        producer = self._producers.setdefault(transactional_id, _Producer())
        self._finish(producer)
        producer.epoch += 1
        return producer.epoch

    def produce(
        self,
        transactional_id: str,
        epoch: int,
        owner: str,
        at: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None,
    ) -> LogRecord:
        """Store a record within the id's transaction, which begins with its first."""
        transaction = self._transaction(transactional_id, epoch, owner)
        log = self.logs[at]
        if at not in transaction.firsts:
            transaction.firsts[at] = log.open[transaction] = log.end
        return self._append(at, key, value, headers, transaction)

    def send_offsets(
        self,
        transactional_id: str,
        epoch: int,
        owner: str,
        offsets: dict[TopicPartition, int],
        metadata: bytes,
    ) -> None:
        """Make offsets of the group pending within the id's transaction."""
        transaction = self._transaction(transactional_id, epoch, owner)
        if offsets:
            self.group.check(metadata)
            transaction.offsets.update(offsets)
            self.group.send(transaction, transaction.offsets)

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """Decide the id's transaction; nobody knows until its markers are written."""
        producer = self._checked(transactional_id, epoch)
        transaction = producer.transaction
        if transaction is not None and transaction.state == "open":
            self._decide(transaction, commit=commit)

    # what brokers do by themselves

    def write_markers(self, count: int = 1 << 30, order: random.Random | None = None) -> int:
        """Write up to ``count`` markers that are still to be written; how many were."""
        waiting = [
            (p.transaction, at)
            for p in self._producers.values()
            if p.transaction is not None
            for at in p.transaction.unmarked
        ]
        if order is not None:
            order.shuffle(waiting)
        for transaction, at in waiting[:count]:
            self._mark(transaction, at)
        return min(count, len(waiting))

    def expire(self) -> None:
        """End transactions that were open for too long, and fence their producers."""
        for producer in self._producers.values():
            transaction = producer.transaction
            if (
                transaction is not None
                and transaction.state == "open"
                and self.clock.monotonic() - transaction.begun_at > TRANSACTION_TIMEOUT
            ):
                producer.epoch += 1
                self._decide(transaction, commit=False)

    def compact(self, at: TopicPartition, *, tombstones: bool) -> None:
        """Keep the last committed record of each key; ``tombstones`` says whether these stay."""
        log = self.logs[at]
        stable = log.last_stable_offset
        last = {r.key(): r.offset() for r in log.committed(0)}
        log.keep(
            [
                record
                for record in log.records
                if record.offset() >= stable
                or (
                    not record.control
                    and last.get(record.key()) == record.offset()
                    and (tombstones or record.value() is not None)
                )
            ]
        )

    @property
    def undecided(self) -> bool:
        """Whether any transaction is open, or has markers to be written."""
        return any(
            p.transaction is not None and (p.transaction.state == "open" or p.transaction.unmarked)
            for p in self._producers.values()
        )

    def _append(
        self,
        at: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None,
        transaction: Transaction | None,
        *,
        control: bool = False,
    ) -> LogRecord:
        log = self.logs[at]
        record = LogRecord(
            at, log.end, self.clock.now_ms(), key, value, headers, transaction, control=control
        )
        log.records.append(record)
        log.end += 1
        return record

    def _checked(self, transactional_id: str, epoch: int) -> _Producer:
        producer = self._producers[transactional_id]
        if epoch != producer.epoch:
            raise KafkaException(KafkaError(KafkaError._FENCED, "a newer instance exists", True))
        return producer

    def _transaction(self, transactional_id: str, epoch: int, owner: str) -> Transaction:
        producer = self._checked(transactional_id, epoch)
        transaction = producer.transaction
        if transaction is None or transaction.state != "open":
            self._finish(producer)
            transaction = producer.transaction = Transaction(owner, self.clock.monotonic())
        return transaction

    def _finish(self, producer: _Producer) -> None:
        transaction = producer.transaction
        if transaction is None:
            return
        if transaction.state == "open":
            self._decide(transaction, commit=False)
        for at in list(transaction.unmarked):
            self._mark(transaction, at)
        producer.transaction = None

    def _decide(self, transaction: Transaction, *, commit: bool) -> None:
        transaction.state = "committed" if commit else "aborted"
        transaction.unmarked = list(transaction.firsts)
        if transaction.offsets:
            transaction.unmarked.append(_OFFSETS)

    def _mark(self, transaction: Transaction, at: TopicPartition) -> None:
        transaction.unmarked.remove(at)
        committed = transaction.state == "committed"
        if at == _OFFSETS:
            self.group.decide(transaction, committed=committed)
            return
        transaction.known[at] = committed
        del self.logs[at].open[transaction]
        self._append(at, None, None, None, transaction, control=True)
