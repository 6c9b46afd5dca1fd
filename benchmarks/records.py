"""Records in topics: writing the load, reading outputs back, rates from append times."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ccstream.domain.events import Event
from ccstream.wire.codec import Codec
from ccstream.wire.headers import event_headers

__all__ = [
    "ANSWER_S",
    "BenchmarkError",
    "append_rate",
    "committed_offsets",
    "create_topic",
    "delete_topics",
    "end_offsets",
    "partitions_from_end",
    "read",
    "touch_topics",
    "write_events",
]

LOOK_S = 0.1
ANSWER_S = 10.0

NO_LEADER_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
WRITE_S = 120.0


class BenchmarkError(Exception):
    """The run does not count: something was lost, wrong, or did not end."""


def create_topic(bootstrap: str, name: str, partitions: int, **config: str) -> None:
    """Make a topic; its settings by name, dots as underscores."""
    settings = {key.replace("_", "."): value for key, value in config.items()}
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, partitions, 1, config=settings)]).values():
        try:
            future.result(ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BenchmarkError(f"{name} could not be made: {error.args[0].str()}") from error


def touch_topics(bootstrap: str, *names: str) -> None:
    """Have the embedded broker make topics, which it does when it is asked for them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for name in names:
        admin.list_topics(name, timeout=ANSWER_S)


def delete_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Delete topics with all their records, and wait until they are gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics(list(names)).values():
        future.result(ANSWER_S)


def write_events(bootstrap: str, topic: str, events: Iterable[Event]) -> int:
    """Write events as the SDK would, compressed, and return how many there are."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    encode = Codec().encode_event
    failures: list[Any] = []

    def delivered(error: Any, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    count = 0
    for event in events:
        count += 1
        producer.produce(
            topic,
            encode(event),
            event.subject,
            headers=event_headers(event),
            on_delivery=delivered,
        )
        producer.poll(0.05 if len(producer) > 500_000 else 0)
    if producer.flush(WRITE_S) or failures:
        raise BenchmarkError(f"the load could not be written to {topic}: {failures[:1]}")
    return count


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """The high watermark of each partition."""
    consumer = _reader(bootstrap)
    try:
        deadline = time.monotonic() + ANSWER_S
        while True:
            numbers = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions
            try:
                return {
                    number: consumer.get_watermark_offsets(TopicPartition(topic, number), ANSWER_S)[
                        1
                    ]
                    for number in numbers
                }
            except KafkaException as error:
                # Of a topic just made, the client may still know the leaders of the last one.
                if error.args[0].code() not in NO_LEADER_YET or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    finally:
        consumer.close()


def committed_offsets(bootstrap: str, group: str, topic: str, numbers: Iterable[int]) -> int:
    """How many records of ``topic`` the group has committed, if it began at their start."""
    consumer = _reader(bootstrap, group=group)
    try:
        asked = [TopicPartition(topic, number) for number in numbers]
        return sum(max(0, one.offset) for one in consumer.committed(asked, ANSWER_S))
    finally:
        consumer.close()


def read(bootstrap: str, topic: str, *, isolation: str = "read_committed") -> list[Message]:
    """All records of a topic, each partition's in its order."""
    consumer = _reader(bootstrap, isolation=isolation)
    messages: list[Message] = []
    try:
        numbers = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        unfinished = set(numbers)
        deadline = time.monotonic() + ANSWER_S
        while unfinished:
            # It waits for so many, or for so long, whatever has come by then.
            batch = consumer.consume(10_000, LOOK_S)
            if batch:
                deadline = time.monotonic() + ANSWER_S
            elif time.monotonic() > deadline:
                raise BenchmarkError(f"{topic} could not be read to its end")
            for message in batch:
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition())
                else:
                    raise BenchmarkError(f"{topic} could not be read: {error.str()}")
    finally:
        consumer.close()
    return messages


def append_rate(messages: list[Message]) -> float:
    """Records a second over the second half: without what starting up and compiling take."""
    stamps = sorted(message.timestamp()[1] for message in messages)
    skipped = len(stamps) // 2
    elapsed_ms = stamps[-1] - stamps[skipped]
    if elapsed_ms <= 0:
        raise BenchmarkError("the run was too short to measure; give it more events")
    return (len(stamps) - skipped) / elapsed_ms * 1000


def partitions_from_end(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """All partitions of a topic at their ends, for readers of what comes from now on."""
    numbers = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions
    places = [TopicPartition(topic, number) for number in numbers]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, ANSWER_S)[1]
    return places


def _reader(
    bootstrap: str, *, group: str = "bench-reader", isolation: str = "read_committed"
) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": isolation,
            "fetch.wait.max.ms": 10,
        }
    )
