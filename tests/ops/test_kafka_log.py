from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, Producer

from ccstream.ops.kafka_config import producer_config
from ccstream.ops.kafka_log import QUIET_SECONDS, Complaints
from ccstream.ops.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)
    return lambda: [record.getMessage() for record in caplog.records]


Told = Callable[[], list[str]]


def test_the_same_trouble_is_told_once_in_a_while_with_how_often_it_came(told: Told) -> None:
    clock = Clock()
    complain = Complaints("input", clock)
    for _ in range(50):
        complain(KafkaError(KafkaError._TRANSPORT, "Connection refused"))
    assert len(told()) == 1
    assert "kafka client input has trouble and tries again: Connection refused" in told()[0]
    clock.time += QUIET_SECONDS
    complain(KafkaError(KafkaError._TRANSPORT, "Connection refused"))
    assert "(and 49 more before)" in told()[1]


def test_what_cannot_be_mended_is_always_told(told: Told) -> None:
    complain = Complaints("output", Clock())
    complain(KafkaError(KafkaError._TRANSPORT, "away"))
    complain(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
    assert "kafka client output cannot go on: fenced" in told()[1]


def test_that_all_brokers_are_down_adds_nothing_to_why_each_is(told: Told) -> None:
    Complaints("x", Clock())(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert told() == []


def test_a_client_without_a_broker_writes_nothing_by_itself(
    told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.load(kafka__bootstrap="127.0.0.1:1")
    producer = Producer(producer_config(settings, role="test"))
    for _ in range(10):
        producer.poll(0.1)
    assert len([line for line in told() if "client test" in line]) == 1
    assert capfd.readouterr().err == ""
