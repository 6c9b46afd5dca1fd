"""Where Kafka has put a record."""

from __future__ import annotations

from typing import NamedTuple, Self

from confluent_kafka import Message

__all__ = ["Position"]


class Position(NamedTuple):
    """A record's place in Kafka."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, message: Message) -> Self:
        """The place that an acknowledged message was given."""
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        return cls(topic, partition, offset)
