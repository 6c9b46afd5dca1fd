"""A channel that publishes without a pause, and what has to have come of it."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import count

from confluent_kafka import Producer

from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS, input_topic
from tests.integration.harness import added, codec, latest, table, units, wait_until

__all__ = ["Feed", "settled"]

CUSTOMERS = 20
PAUSE = 0.005

SHOWN_WITHIN = 40.0
"""Seconds: also where a worker of another test was killed in a transaction, which nobody ends
before its time-out of 10 s."""


class Feed:
    """Events until :meth:`finish`, whatever becomes of the broker.

    ``name``: a part of the customers' keys, so that they are nobody else's. ``pause``: seconds
    between two events; two hundred a second if nothing is said.
    """

    def __init__(self, bootstrap: str, name: str = "feed", pause: float = PAUSE) -> None:
        self._name = name
        self._pause = pause
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.timeout.ms": 180_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.published: Counter[str] = Counter()

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def finish(self) -> dict[str, int]:
        """Stop, and wait until all is stored; the units of each customer."""
        self._stop.set()
        self._thread.join(10)
        assert self._producer.flush(120) == 0
        return dict(self.published)

    def _run(self) -> None:
        for number in count():
            event = added(number, f"customer:{self._name}-{number % CUSTOMERS}")
            value = codec.encode_event(event)
            self._producer.produce(input_topic("web"), value, event.subject.encode())
            self.published[event.subject] += 1
            self._producer.poll(0)
            if self._stop.wait(self._pause):
                return


def settled(settings: Settings, expected: dict[str, int], timeout: float = 90.0) -> None:
    """Wait until the customers' carts hold that many units; then neither more nor others.

    What is published is committed with them, but readers see it when the last transaction that
    was open before it in its log is decided.
    """
    bootstrap, app_id = settings.kafka.bootstrap, settings.app_id

    def held() -> dict[str, int]:
        rows = table(bootstrap, app_id, "carts")
        return units({key: rows[key] for key in expected if key in rows})

    def shown() -> dict[str, int]:
        rows = latest(bootstrap, SYNC_TOPICS["carts"])
        return units({key: rows[key] for key in expected if key in rows})

    units_in_all = sum(expected.values())
    wait_until(lambda: sum(held().values()) >= units_in_all, timeout, every=0.5)
    assert held() == expected
    wait_until(lambda: sum(shown().values()) >= units_in_all, SHOWN_WITHIN, every=0.5)
    assert shown() == expected
