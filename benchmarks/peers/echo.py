"""The bare echo: a consumer that produces every record again, as it is, one by one.

What it takes is what the clients, the broker and the machine take; no engine does less.
Arguments: bootstrap, input topic, output topic, longest wait of an empty fetch in ms.
"""

from __future__ import annotations

import sys

from confluent_kafka import Consumer, Producer

from benchmarks.records import partitions_from_end


def main(bootstrap: str, source: str, target: str, fetch_wait_ms: int) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-echo",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": fetch_wait_ms,
        }
    )
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 0, "enable.idempotence": True}
    )
    consumer.assign(partitions_from_end(consumer, source))
    print("ready", flush=True)
    while True:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            producer.produce(target, message.value(), message.key(), message.partition())
        producer.poll(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
