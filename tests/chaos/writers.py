"""Channels that publish without a pause, each with a log of what it sent and what was stored."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Producer

from tests.chaos.author import CHANNELS, Author, Record

__all__ = ["Sent", "Writers"]

EVENTS_PER_SECOND = 40
"""Of each channel."""

MESSAGE_TIMEOUT_MS = 180_000
"""Longer than a broker is ever away in a run: an outage delays records, it loses none."""


@dataclass
class Sent:
    """One record as it was sent; ``offset`` is -1 until the broker has acknowledged it."""

    record: Record
    partition: int = -1
    offset: int = -1


class Writers:
    """One thread and one producer for each channel, until :meth:`finish`."""

    def __init__(self, bootstrap: str, author: Author) -> None:
        self._bootstrap = bootstrap
        self._author = author
        self._stop = threading.Event()
        self._producers: list[Producer] = []
        self._threads = [
            threading.Thread(target=self._run, args=(c,), daemon=True) for c in CHANNELS
        ]
        self.sent: list[Sent] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, timeout: float) -> int:
        """Stop; how many records the broker has not acknowledged by then."""
        self._stop.set()
        deadline = time.monotonic() + timeout
        for thread in filter(threading.Thread.is_alive, self._threads):
            thread.join(max(0.1, deadline - time.monotonic()))
        return sum(p.flush(max(0.1, deadline - time.monotonic())) for p in self._producers)

    def acknowledged(self) -> int:
        """How many records are stored so far."""
        return sum(one.offset >= 0 for one in self.sent)

    def publish(self, records: list[Record]) -> None:
        """Send these and wait for them, once the threads have ended."""
        producer = self._producer()
        for record in records:
            self.sent.append(Sent(record))
            self._produce(producer, self.sent[-1])
        assert producer.flush(20) == 0

    def _producer(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.timeout.ms": MESSAGE_TIMEOUT_MS,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )

    def _run(self, channel: str) -> None:
        producer = self._producer()
        self._producers.append(producer)
        due = time.monotonic()
        while not self._stop.is_set():
            sent = Sent(self._author.next(channel))
            self.sent.append(sent)
            self._produce(producer, sent)
            producer.poll(0)
            due = max(due + 1 / EVENTS_PER_SECOND, time.monotonic() - 0.5)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _produce(self, producer: Producer, sent: Sent) -> None:
        def stored(error: Any, message: Any) -> None:
            if error is None:
                sent.partition, sent.offset = message.partition(), message.offset()
                self._author.acknowledged(sent.record)

        record = sent.record
        where = {} if record.partition is None else {"partition": record.partition}
        producer.produce(record.topic, record.value, record.key, on_delivery=stored, **where)
