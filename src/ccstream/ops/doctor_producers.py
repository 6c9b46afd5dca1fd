"""What the doctor finds about producers: whether they put keys where the workers look for them.

Kafka's clients differ in their default partitioner, and nothing but the records themselves shows
which one a producer uses. The newest of each input are looked at; nothing is committed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct

from ccstream.errors import BrokerUnavailableError
from ccstream.ops.broker import Broker, Cluster, broker_error
from ccstream.ops.finding import Finding
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.refusals import denied
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.partition import partition_for

__all__ = ["Sample", "judged", "producers"]

RECORDS_MAX: Final = 20
"""Of each partition: one record of a producer with another partitioner is as likely to be in its
place as one partition in all, twenty in none of eight are not."""

FETCH_BYTES_MAX: Final = 64 * 1024
"""Of each partition at a time: few records are wanted, of many partitions."""

SECONDS_MAX: Final = 10.0
"""A broker that hands out a few records more slowly is another check's."""


class Sample(Struct, frozen=True):
    """How many of the newest records of a topic were looked at, and were not in their place."""

    looked_at: int
    astray: int


def producers(settings: Settings, cluster: Cluster, broker: Broker) -> Iterator[Finding]:
    """A line for each input with strays, or one for all.

    Raises:
        AccessDeniedError: this user may not read the inputs.
        BrokerUnavailableError: the brokers do not answer.
    """
    inputs = [
        spec.name
        for spec in specs_of(settings)
        if spec.kind == "input" and spec.name in cluster.topics
    ]
    counts = {topic: cluster.topics[topic].partitions for topic in inputs}
    yield from judged(_samples(settings, counts, broker))


def judged(samples: Mapping[str, Sample]) -> Iterator[Finding]:
    """What the samples of all inputs say."""
    astray = {topic: sample for topic, sample in samples.items() if sample.astray}
    for topic, sample in astray.items():
        yield Finding(
            "producers",
            "warn",
            f"{sample.astray} of the newest {sample.looked_at} records of {topic} are not in the "
            "partition that murmur2 gives their key: a producer has another partitioner",
            "set partitioner=murmur2_random there; until then each is sent on, at twice the cost",
        )
    if not astray:
        looked_at = sum(sample.looked_at for sample in samples.values())
        topics = sum(sample.looked_at > 0 for sample in samples.values())
        yield Finding(
            "producers",
            "ok",
            f"the newest {looked_at} records of {topics} channel(s) are where murmur2 puts "
            "their keys"
            if looked_at
            else "no channel has published anything that is still there",
        )


def _samples(settings: Settings, counts: Mapping[str, int], broker: Broker) -> dict[str, Sample]:
    bounds = broker.bounds(
        [(topic, number) for topic, count in counts.items() for number in range(count)]
    )
    starts = {
        place: max(first, end - RECORDS_MAX)
        for place, (first, end) in bounds.items()
        if first < end
    }
    samples = dict.fromkeys(counts, Sample(0, 0))
    if not starts:
        return samples
    ends = {place: end for place, (_, end) in bounds.items()}
    for message in _read(settings, starts, ends):
        topic, partition, key = message.topic(), message.partition(), message.key()
        if key is None or topic is None:
            continue
        astray = partition_for(key, counts[topic]) != partition
        found = samples[topic]
        samples[topic] = Sample(found.looked_at + 1, found.astray + astray)
    return samples


def _read(
    settings: Settings,
    starts: Mapping[tuple[str, int], int],
    ends: Mapping[tuple[str, int], int],
) -> Iterator[Message]:
    """What is between the starts and the ends, transactions that are open included."""
    config = consumer_config(settings, isolation="read_uncommitted", role="doctor")
    consumer = make_client(Consumer, config | {"max.partition.fetch.bytes": FETCH_BYTES_MAX})
    unread = set(starts)
    deadline = time.monotonic() + SECONDS_MAX
    try:
        consumer.assign(
            [TopicPartition(topic, number, at) for (topic, number), at in starts.items()]
        )
        while unread and time.monotonic() < deadline:
            for message in consumer.consume(RECORDS_MAX * len(starts), 0.2):
                topic, number, offset = message.topic(), message.partition(), message.offset()
                error = message.error()
                if topic is None or number is None or offset is None:
                    # Of no partition, as what librdkafka has to say of a group.
                    if error is not None:
                        _raise_if_refused(error, "the inputs")
                    continue
                if error is None and offset < ends[topic, number]:
                    yield message
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    _raise_if_refused(error, topic)
                elif error is not None or offset + 1 >= ends[topic, number]:
                    unread.discard((topic, number))
    except KafkaException as problem:
        raise broker_error(problem, "read the inputs") from None
    finally:
        consumer.close()
    if unread:
        raise BrokerUnavailableError(
            f"the newest records of {len(unread)} partitions did not come within {SECONDS_MAX:g} s"
        )


def _raise_if_refused(error: KafkaError, topic: str) -> None:
    refused = denied(error, f"{topic} cannot be read")
    if refused is not None and error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
        raise refused
