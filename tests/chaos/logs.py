"""What a broker stores, read to its end by librdkafka alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

__all__ = ["Stored", "ends", "last_values", "read"]

READ_S_MAX = 15.0


class Stored(NamedTuple):
    """One record."""

    topic: str
    partition: int
    offset: int
    appended_at: int
    key: bytes
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def epoch(self) -> int:
        """Of the worker that wrote it, on sync topics."""
        return int(self.headers["ccstream-epoch"])


def read(
    bootstrap: str, topics: Iterable[str], partitions: int, isolation: str = "read_committed"
) -> dict[str, list[Stored]]:
    """Every record of these topics, by topic; a partition's records in their order."""
    found: dict[str, list[Stored]] = {topic: [] for topic in topics}
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "checker",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
            "log_level": 0,
        }
    )
    missing = {(topic, number) for topic in found for number in range(partitions)}
    try:
        consumer.assign([TopicPartition(*at, 0) for at in sorted(missing)])
        while missing:
            first = consumer.poll(READ_S_MAX)
            assert first is not None, f"{sorted(missing)} could not be read to the end"
            message: Any
            for message in (first, *consumer.consume(10_000, 0)):
                if message.error() is None:
                    found[message.topic()].append(_stored(message))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    missing.discard((message.topic(), message.partition()))
        return found
    finally:
        consumer.close()


def _stored(message: Any) -> Stored:
    return Stored(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key() or b"",
        message.value(),
        dict(message.headers() or ()),
    )


def last_values(records: Iterable[Stored]) -> dict[str, Stored]:
    """The last record of each key; deleted ones left out."""
    last: dict[str, Stored] = {}
    for record in records:
        key = record.key.decode()
        if record.value is None:
            last.pop(key, None)
        else:
            last[key] = record
    return last


def ends(
    admin: AdminClient, topics: Iterable[str], partitions: int, *, stable: bool = False
) -> dict[tuple[str, int], int]:
    """Where each log ends, or the decided part of it."""
    level = IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED
    asked = {TopicPartition(t, n): OffsetSpec.latest() for t in topics for n in range(partitions)}
    futures = admin.list_offsets(asked, isolation_level=level, request_timeout=10)
    return {(at.topic, at.partition): future.result().offset for at, future in futures.items()}
