"""A broker that is not there yet, goes away, or stays away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from ccstream.devkit.kafka import LocalKafka
from ccstream.domain.events import CartItemAdded
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import input_topic
from tests.integration.harness import (
    added,
    codec,
    publish,
    synced_units,
    table,
    units,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

CUSTOMERS = 20


class Feed:
    """A channel that publishes without a pause, whatever becomes of the broker."""

    def __init__(self, bootstrap: str) -> None:
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

    def finish(self) -> None:
        """Stop, and wait until all is stored."""
        self._stop.set()
        self._thread.join(10)
        assert self._producer.flush(120) == 0

    def _run(self) -> None:
        for event in _events():
            value = codec.encode_event(event)
            self._producer.produce(input_topic("web"), value, event.subject.encode())
            self.published[event.subject] += 1
            self._producer.poll(0)
            if self._stop.wait(0.005):
                return


def _events() -> Iterator[CartItemAdded]:
    number = 0
    while True:
        yield added(number, f"customer:{number % CUSTOMERS}")
        number += 1


def settled(settings: Settings, expected: dict[str, int], timeout: float = 90.0) -> None:
    bootstrap = settings.kafka.bootstrap

    def held() -> dict[str, int]:
        return units(table(bootstrap, settings.app_id, "carts"))

    wait_until(lambda: sum(held().values()) >= sum(expected.values()), timeout, every=0.5)
    assert held() == expected
    assert synced_units(bootstrap) == expected


def test_a_worker_waits_for_its_broker_and_says_so(
    own_cluster: LocalKafka, settings: Settings
) -> None:
    own_cluster.kill()
    with worker(settings, ready=False) as one:
        wait_until(lambda: "no broker yet" in one.log, 30)
        assert settings.kafka.bootstrap in one.log
        assert one.process.poll() is None
        assert not one.ready()
        own_cluster.restart()
        one.wait_ready(60)
        assert "Traceback" not in one.log
        publish(settings.kafka.bootstrap, [added(1, "customer:1")])
        settled(settings, {"customer:1": 1})


@pytest.mark.parametrize("seconds", [2, 25])
def test_nothing_is_lost_and_nothing_twice_while_the_broker_is_away(
    own_cluster: LocalKafka, settings: Settings, seconds: float
) -> None:
    """For a moment, and for longer than a transaction may be open."""
    with worker(settings, supervised=True) as one, Feed(settings.kafka.bootstrap) as feed:
        time.sleep(1)
        own_cluster.kill()
        time.sleep(seconds)
        own_cluster.restart()
        time.sleep(1)
        feed.finish()
        settled(settings, dict(feed.published), 120)
        wait_until(one.ready, 30)
        assert one.stop() == ExitStatus.STOPPED


def test_a_worker_without_supervisor_ends_with_a_reason_when_its_broker_goes(
    own_cluster: LocalKafka, settings: Settings
) -> None:
    with worker(settings) as one, Feed(settings.kafka.bootstrap):
        wait_until(lambda: one.metric("ccstream_events_total") > 100, 30)
        own_cluster.kill()
        assert one.wait_ended(60) in {ExitStatus.BROKER_UNAVAILABLE, ExitStatus.DELIVERY}
        assert len(one.log.splitlines()) < 100
        assert any('"worker ended"' in line and '"reason"' in line for line in one.log.splitlines())
        assert "Traceback" not in one.log
