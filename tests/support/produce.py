"""Puts records into topics, as somebody else's producer would."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import Producer

__all__ = ["Sent", "produce"]

FLUSH_S_MAX = 20.0


class Sent(NamedTuple):
    """A record to send; without a partition, to that of its key."""

    topic: str
    key: str | bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


def produce(bootstrap: str, records: Iterable[Sent]) -> None:
    """Send the records in order, and wait until all are stored."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
        }
    )
    failed: list[str] = []
    for sent in records:
        place = {} if sent.partition is None else {"partition": sent.partition}
        producer.produce(
            sent.topic,
            value=sent.value,
            key=sent.key,
            headers=list(sent.headers),
            on_delivery=lambda error, _: failed.append(str(error)) if error else None,
            **place,
        )
    left = producer.flush(FLUSH_S_MAX)
    assert not failed, failed
    assert not left, f"{left} records were not stored in time"
