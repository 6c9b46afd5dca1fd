"""Every record handed over is acknowledged once, or its error told, whatever librdkafka does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from ccstream.client import ack_producer
from ccstream.client.ack_producer import AckProducer, NoRoomError
from ccstream.errors import DeliveryError


class FakeProducer:
    """librdkafka's producer, as far as it is used here; ``made`` has them all."""

    made: list[FakeProducer]

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.queued: list[tuple[bytes, Callable[..., None]]] = []
        self.outcomes: list[KafkaError | None] = []
        self.refuses: Exception | None = None
        self.made.append(self)

    def __len__(self) -> int:
        return len(self.queued)

    def produce(self, topic: str, value: bytes, key: bytes, **options: Any) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.queued.append((value, options["on_delivery"]))

    def poll(self, timeout: float) -> int:
        served = 0
        while self.outcomes and self.queued:
            _, acknowledge = self.queued.pop(0)
            acknowledge(self.outcomes.pop(0), None)
            served += 1
        return served

    def purge(self) -> None:
        self.outcomes = [KafkaError(KafkaError._PURGE_QUEUE)] * len(self.queued)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[FakeProducer]:
    made: list[FakeProducer] = []
    monkeypatch.setattr(FakeProducer, "made", made, raising=False)
    return made


@pytest.fixture
async def producer(fakes: list[FakeProducer]) -> AckProducer:
    opened = AckProducer(
        {"bootstrap.servers": "kafka:9092"},
        in_flight_max=3,
        producer_class=FakeProducer,  # type: ignore[arg-type]
    )
    opened.open()
    return opened


class Told:
    def __init__(self) -> None:
        self.outcomes: list[KafkaError | None] = []

    def __call__(self, error: KafkaError | None, _message: Any) -> None:
        self.outcomes.append(error)


def send(producer: AckProducer, told: Told) -> None:
    producer.send("channel.web.events.v1", b"customer:1", b"value", [("ce_id", b"e1")], told)


async def test_acknowledgements_are_fetched_without_being_asked_for(
    producer: AckProducer, fakes: list[FakeProducer]
) -> None:
    told = Told()
    send(producer, told)
    send(producer, told)
    fakes[0].outcomes = [None, KafkaError(KafkaError._MSG_TIMED_OUT)]
    async with asyncio.timeout(5):
        await producer.flush()
    first, second = told.outcomes
    assert first is None
    assert second is not None
    assert second.code() == KafkaError._MSG_TIMED_OUT


async def test_no_more_are_in_flight_than_may_be_and_room_is_told(
    producer: AckProducer, fakes: list[FakeProducer]
) -> None:
    told = Told()
    for _ in range(3):
        send(producer, told)
    with pytest.raises(NoRoomError):
        send(producer, told)
    waiting = [asyncio.create_task(producer.room()) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    fakes[0].outcomes = [None]
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
    send(producer, told)


async def test_a_queue_that_is_full_in_bytes_is_no_room_and_no_error(
    producer: AckProducer, fakes: list[FakeProducer]
) -> None:
    fakes[0].refuses = BufferError("Local: Queue full")
    with pytest.raises(NoRoomError):
        send(producer, Told())


async def test_a_record_refused_at_once_is_an_error(
    producer: AckProducer, fakes: list[FakeProducer]
) -> None:
    fakes[0].refuses = KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
    with pytest.raises(DeliveryError, match="too large"):
        send(producer, Told())


async def test_after_a_fatal_error_a_new_producer_goes_on_once_all_is_told(
    producer: AckProducer, fakes: list[FakeProducer]
) -> None:
    told = Told()
    send(producer, told)
    fakes[0].config["error_cb"](KafkaError(KafkaError._FATAL))
    with pytest.raises(NoRoomError):
        send(producer, told)
    fakes[0].outcomes = [KafkaError(KafkaError._FATAL)]
    async with asyncio.timeout(5):
        await producer.room()
    assert len(fakes) == 2
    send(producer, told)
    fakes[1].outcomes = [None]
    async with asyncio.timeout(5):
        await producer.flush()
    assert [error and error.code() for error in told.outcomes] == [KafkaError._FATAL, None]


async def test_where_a_new_producer_cannot_be_made_yet_it_is_tried_again(
    fakes: list[FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = ["there", "half of it", "half of it", "there"]

    def made(config: dict[str, Any]) -> FakeProducer:
        if certificate.pop(0) != "there":
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "ssl.ca.location failed: x"))
        return FakeProducer(config)

    producer = AckProducer({"bootstrap.servers": "k:1"}, in_flight_max=3, producer_class=made)
    producer.open()
    monkeypatch.setattr(ack_producer, "TICK_S_IDLE", 0.01)
    fakes[0].config["error_cb"](KafkaError(KafkaError._FATAL))
    with pytest.raises(NoRoomError):
        send(producer, Told())
    async with asyncio.timeout(5):
        await producer.room()
    assert not certificate
    send(producer, Told())
    producer.close()


async def test_a_broker_that_is_away_is_said_once_in_a_while(
    producer: AckProducer, fakes: list[FakeProducer], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            fakes[0].config["error_cb"](KafkaError(KafkaError._ALL_BROKERS_DOWN))
    (line,) = caplog.messages
    assert line.startswith("Kafka at kafka:9092: ")
    assert "Trying again" in line


async def test_what_is_in_flight_at_the_end_is_told_as_failed(
    producer: AckProducer, fakes: list[FakeProducer]
) -> None:
    told = Told()
    send(producer, told)
    producer.close()
    producer.close()
    (error,) = told.outcomes
    assert error is not None
    assert error.code() == KafkaError._PURGE_QUEUE
    with pytest.raises(DeliveryError, match="closed"):
        send(producer, told)
