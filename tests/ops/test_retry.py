"""What becomes of each record is told, also where sending them is interrupted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from ccstream.errors import DeliveryError
from ccstream.ops import retry
from ccstream.ops.dead_letters import Place
from ccstream.ops.retry import Outcome, Retry, send

NEVER, PERHAPS = "it was not tried", "it may be stored"


def retries(count: int) -> list[Retry]:
    return [
        Retry(
            places=(Place(0, number),),
            topic="channel.web.events.v1",
            key=b"customer:42",
            value=b"event",
            headers=[],
            occurred_at=number,
        )
        for number in range(count)
    ]


def told(outcome: Outcome) -> Counter[Place]:
    """How often something is said of each place."""
    return Counter([*(place for places in outcome.sent for place in places), *outcome.failed])


class Stuck:
    """A producer whose broker has acknowledged some records, and then answers no more.

    ``queued`` of the rest have not left it.
    """

    def __init__(self, acknowledged: int, queued: int) -> None:
        self._acknowledged, self._queued = acknowledged, queued
        self._waiting: list[Callable[..., None]] = []
        self._purged = False

    def __len__(self) -> int:
        return len(self._waiting)

    def produce(self, *_: Any, on_delivery: Callable[..., None], **__: Any) -> None:
        if self._acknowledged:
            self._acknowledged -= 1
            on_delivery(None, None)
        else:
            self._waiting.append(on_delivery)

    def poll(self, _: float) -> None:
        if self._purged and self._waiting:  # one at a time
            queued = len(self._waiting) <= self._queued
            code = KafkaError._PURGE_QUEUE if queued else KafkaError._PURGE_INFLIGHT
            self._waiting.pop(0)(KafkaError(code), None)

    def purge(self) -> None:
        self._purged = True


def test_each_is_told_where_the_broker_answers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "SEND_SECONDS_MAX", 0.0)
    outcome = Outcome()
    producer: Any = Stuck(2, 1)
    with pytest.raises(DeliveryError):
        send(retries(5), producer, outcome)
    assert outcome.sent == [(Place(0, 0),), (Place(0, 1),)]
    found = {place.offset: why for place, why in outcome.failed.items()}
    assert set(found) == {2, 3, 4}
    assert PERHAPS in found[2] and PERHAPS in found[3] and NEVER in found[4]


def test_who_is_stuck_is_waited_for_no_longer_than_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "_PURGED_WITHIN", 0.0)
    monkeypatch.setattr(retry, "SEND_SECONDS_MAX", 0.0)
    outcome = Outcome()
    producer: Any = Stuck(0, 2)
    with pytest.raises(DeliveryError):
        send(retries(2), producer, outcome)
    assert all(PERHAPS in why for why in outcome.failed.values())
    assert told(outcome) == Counter(Place(0, number) for number in range(2))


@pytest.mark.parametrize("after_s", [0.0, 0.03, 0.1, 0.3])
def test_each_is_told_once_where_somebody_interrupts_it(after_s: float) -> None:
    config: dict[str, Any] = {
        "test.mock.num.brokers": 1,
        "test.mock.broker.rtt": 60,
        "enable.idempotence": True,
        "batch.num.messages": 10,
        "log_level": 0,
    }
    producer, outcome = Producer(config), Outcome()
    many = retries(2_000)

    def interrupt() -> None:
        while not len(producer):  # until it has begun
            time.sleep(0.001)
        time.sleep(after_s)
        os.kill(os.getpid(), signal.SIGINT)

    def interrupted() -> None:
        send(many, producer, outcome)
        time.sleep(30)  # it was over already

    somebody = threading.Thread(target=interrupt, daemon=True)
    somebody.start()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    somebody.join(10)
    assert told(outcome) == Counter(Place(0, number) for number in range(2_000))
    assert len(producer) == 0
