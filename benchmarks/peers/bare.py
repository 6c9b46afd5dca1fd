"""The bare loop: a consumer, a dict and a producer of librdkafka; the limit of one Python thread.

It has no group, keeps its carts nowhere and survives nothing. The events are decoded by the
codec that ccstream has. Arguments: bootstrap, input topic, output topic.
"""

from __future__ import annotations

import sys

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.load import CartModel
from benchmarks.records import ANSWER_S
from ccstream.wire.codec import Codec

CHUNK = 500
"""Records at a time, as ccstream takes them."""


def main(bootstrap: str, source: str, target: str) -> None:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "bench-bare", "enable.auto.commit": False}
    )
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 1_000_000})
    numbers = consumer.list_topics(source, timeout=ANSWER_S).topics[source].partitions
    consumer.assign([TopicPartition(source, number, 0) for number in numbers])
    decode, apply, produce = Codec().decode_event, CartModel().apply, producer.produce
    while True:
        for message in consumer.consume(CHUNK, 0.1):
            if message.error() is None:
                event = decode(message.value())
                produce(target, orjson.dumps(apply(event)), message.key(), message.partition())
        producer.poll(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
