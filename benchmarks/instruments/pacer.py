"""Publishes at a steady rate, each event at once. Prints how many were acknowledged.

Arguments: bootstrap, topic, namespace of the customers, events a second, seconds; how many
customers and things there are, if it is to be others than `additions` has.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from benchmarks.instruments.paced import SKUS, additions, paced_event
from ccstream.domain.events import Event
from ccstream.wire.codec import Codec
from ccstream.wire.headers import event_headers

__all__ = ["pace"]

PAUSE_S = 0.0005


def pace(
    bootstrap: str, topic: str, rate: int, seconds: float, make: Callable[[int, int], Event]
) -> dict[str, int]:
    """Say ``ready`` and publish; how many were published and acknowledged.

    ``make`` is given the number of an event and the nanosecond at which it is handed over.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            # As the SDK's, and so with five requests on their way at most: one that sends whatever
            # it has, record by record, drowns a broker that was slow for a moment.
            "enable.idempotence": True,
            # A broker that pauses is to be seen as latency, not as an error here.
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.list_topics(topic, timeout=10)
    encode = Codec().encode_event
    acknowledged = 0

    def delivered(error: Any, _message: Any) -> None:
        nonlocal acknowledged
        acknowledged += error is None

    print("ready", flush=True)
    number = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        for _ in range(int(elapsed * rate) - number):
            event = make(number, time.time_ns())
            producer.produce(
                topic,
                encode(event),
                event.subject,
                headers=event_headers(event),
                on_delivery=delivered,
            )
            number += 1
        producer.poll(0)
        time.sleep(PAUSE_S)
    producer.flush(30)
    return {"published": number, "acknowledged": acknowledged}


def main(
    bootstrap: str,
    topic: str,
    namespace: str,
    rate: int,
    seconds: float,
    customers: int = 0,
    skus: int = SKUS,
) -> None:
    who_and_what = additions(namespace, rate, customers=customers, skus=skus)
    found = pace(
        bootstrap,
        topic,
        rate,
        seconds,
        lambda number, at_ns: paced_event(number, at_ns, *next(who_and_what)),
    )
    print(json.dumps(found))


if __name__ == "__main__":
    where, into, whose, often, long, *crowd = sys.argv[1:]
    main(where, into, whose, int(often), float(long), *map(int, crowd))
