"""One cluster with one worker, for tests that only publish and look at what comes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from ccstream.ops.settings import Settings
from ccstream.wire.partition import partition_for
from tests.integration.harness import PARTITIONS, Worker, codec
from tests.support.produce import Sent

__all__ = ["Pipeline", "Place", "Tail"]

LONG_SESSION = {"GROUP__SESSION_TIMEOUT_MS": "45000"}
"""A module's tests share a worker that nobody starts again: it has to outlive a machine that stands
still for a while. Nobody waits for its session to end, for it leaves the group when it stops."""

Kept = Callable[[Any], bool]

_numbers = count()


class Place(NamedTuple):
    """Where a record was stored."""

    topic: str
    partition: int
    offset: int


class Tail:
    """A topic, read once from its beginning and followed while somebody waits for a record."""

    def __init__(self, bootstrap: str, topic: str, isolation: str = "read_committed") -> None:
        self._topic = topic
        self.records: list[Message] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "tail",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 5,
                "log_level": 2,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])

    def until(self, wanted: Kept, timeout: float = 30.0) -> Message:
        """The first record of which ``wanted`` is true."""
        return self.first(1, wanted, timeout)[0]

    def first(self, number: int, wanted: Kept, timeout: float = 30.0) -> list[Any]:
        """The first ``number`` records of which ``wanted`` is true, in the order they came."""
        found: list[Any] = [record for record in self.records if wanted(record)]
        deadline = time.monotonic() + timeout
        while len(found) < number:
            assert time.monotonic() < deadline, (
                f"{len(found)} of {number} records in {self._topic} after {timeout} s"
            )
            record = self._consumer.poll(0.5)
            if record is None:
                continue
            assert record.error() is None, record.error()
            self.records.append(record)
            if wanted(record):
                found.append(record)
        return found[:number]

    def close(self) -> None:
        self._consumer.close()


class Pipeline:
    """A cluster, its worker, and what a channel and a reader of it need."""

    def __init__(self, settings: Settings, *, real: bool) -> None:
        self.settings = settings
        self.real = real
        self.worker = Worker(settings, **LONG_SESSION)
        self.published = 0
        self._tails: dict[tuple[str, str], Tail] = {}
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.max.bytes": 16 << 20,
                "log_level": 2,
            }
        )

    def put(self, *records: Sent) -> list[Place]:
        """Store records, in order; where each is."""
        places: dict[int, Place] = {}

        def stored(number: int, error: Any, message: Any) -> None:
            assert error is None, error
            places[number] = Place(message.topic(), message.partition(), message.offset())

        for number, sent in enumerate(records):
            self._producer.produce(
                sent.topic,
                sent.value,
                sent.key,
                headers=list(sent.headers),
                on_delivery=partial(stored, number),
                **({} if sent.partition is None else {"partition": sent.partition}),
            )
        assert self._producer.flush(30) == 0
        self.published += len(records)
        return [places[number] for number in range(len(records))]

    def tail(self, topic: str, isolation: str = "read_committed") -> Tail:
        """The one reader of a topic that these tests share."""
        found = self._tails.get((topic, isolation))
        if found is None:
            found = Tail(self.settings.kafka.bootstrap, topic, isolation)
            self._tails[topic, isolation] = found
        return found

    def restart(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Stop the worker, and start another one in its place."""
        status = self.worker.stop()
        assert status == 0, self.worker.log[-2000:]
        self.worker.close()
        meanwhile()
        self.worker = Worker(self.settings, **LONG_SESSION)
        self.worker.wait_ready()

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()
        sys.stderr.write(self.worker.log[-4000:])  # shown with a test that failed
        self.worker.close()


def new_subject(partition: int | None = None, namespace: str = "customer") -> str:
    """An entity that no other test has, at home in ``partition`` if that is given."""
    for number in _numbers:
        subject = f"{namespace}:new-{number}"
        if partition in {None, partition_for(subject.encode(), PARTITIONS)}:
            return subject
    raise AssertionError


def decoded(message: Any) -> dict[str, Any]:
    """The record in a message, {} for a tombstone."""
    value = message.value()
    return {} if value is None else codec.decode(value)[1]


def of_event(*event_ids: str) -> Kept:
    """Whether a sync record, or a dead letter, was caused by one of these events."""

    def kept(message: Any) -> bool:
        record = decoded(message)
        cause = record.get("cause", record)
        return cause.get("event_id") in event_ids

    return kept


def of_key(key: str) -> Kept:
    return lambda message: message.key() == key.encode()


def event_ids(messages: Iterable[Any]) -> list[str]:
    return [decoded(message)["cause"]["event_id"] for message in messages]
