"""What becomes of each record is told, also where sending them is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError

from ccstream.ops import retry
from ccstream.ops.dead_letters import Place
from ccstream.ops.retry import Outcome, Retry, send


class Stuck:
    """A producer whose broker has acknowledged some records, and then answers no more.

    ``queued`` of the rest have not left it.
    """

    def __init__(self, acknowledged: int, queued: int, *, refuses_after: int = 100) -> None:
        self._acknowledged, self._queued = acknowledged, queued
        self._refuses_after = refuses_after
        self._waiting: list[Callable[..., None]] = []
        self._purged = False
        self.interrupted = False

    def __len__(self) -> int:
        return len(self._waiting)

    def produce(self, *_: Any, on_delivery: Callable[..., None], **__: Any) -> None:
        if self._refuses_after == 0:
            raise KeyboardInterrupt
        self._refuses_after -= 1
        if self._acknowledged:
            self._acknowledged -= 1
            on_delivery(None, None)
        else:
            self._waiting.append(on_delivery)

    def poll(self, timeout: float) -> None:
        if not self._purged:
            if timeout and self.interrupted:
                raise KeyboardInterrupt
            return
        codes = (KafkaError._PURGE_INFLIGHT, KafkaError._PURGE_QUEUE)
        count = len(self._waiting)
        for number, done in enumerate(self._waiting):
            done(KafkaError(codes[number >= count - self._queued]), None)
        self._waiting = []

    def purge(self) -> None:
        self._purged = True


def retries(count: int) -> list[Retry]:
    return [
        Retry(
            places=(Place(0, number),),
            topic="channel.web.events.v1",
            key=b"customer:42",
            value=b"",
            headers=[],
            occurred_at=number,
        )
        for number in range(count)
    ]


def outcome_of(producer: Any, error: type[BaseException]) -> Outcome:
    outcome = Outcome()
    with pytest.raises(error):
        send(retries(5), producer, outcome)
    return outcome


def test_each_is_told_where_the_broker_answers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "SEND_SECONDS_MAX", 0.0)
    outcome = outcome_of(Stuck(2, 1), retry.DeliveryError)
    assert outcome.sent == [(Place(0, 0),), (Place(0, 1),)]
    perhaps, never = "it may be stored", "it was not tried"
    told = {place.offset: why for place, why in outcome.failed.items()}
    assert set(told) == {2, 3, 4}
    assert perhaps in told[2] and perhaps in told[3] and never in told[4]


def test_each_is_told_where_somebody_interrupts_the_wait() -> None:
    producer = Stuck(1, 0)
    producer.interrupted = True
    outcome = outcome_of(producer, KeyboardInterrupt)
    assert len(outcome.sent) == 1 and len(outcome.failed) == 4


def test_each_is_told_where_somebody_interrupts_the_sending() -> None:
    outcome = outcome_of(Stuck(1, 1, refuses_after=3), KeyboardInterrupt)
    assert len(outcome.sent) == 1
    assert {place.offset for place in outcome.failed} == {1, 2, 3, 4}
