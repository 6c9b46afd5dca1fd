from __future__ import annotations

import socket

import pytest
from confluent_kafka import Consumer, Producer

from ccstream.devkit.embedded import EMBEDDED_PARTITIONS, EmbeddedKafka
from ccstream.errors import DevkitError
from tests.support.topics import make_topic


def listens(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_it_serves_while_the_block_lasts_and_not_after() -> None:
    with EmbeddedKafka() as broker:
        address = broker.bootstrap
        assert listens(address)
    assert not listens(address)


def test_it_may_be_stopped_twice_and_started_again() -> None:
    broker = EmbeddedKafka().start()
    broker.stop()
    broker.stop()
    with broker:
        assert listens(broker.bootstrap)


def test_its_address_is_unknown_before_the_start() -> None:
    with pytest.raises(DevkitError, match="not running"):
        _ = EmbeddedKafka().bootstrap


def test_every_broker_of_a_cluster_is_named() -> None:
    with EmbeddedKafka(brokers=3) as cluster:
        addresses = cluster.bootstrap.split(",")
        assert len(set(addresses)) == 3
        assert all(map(listens, addresses))


@pytest.mark.parametrize("brokers", [0, -1, 1000])
def test_a_cluster_of_no_or_too_many_brokers_is_refused(brokers: int) -> None:
    with pytest.raises(DevkitError, match="1 to 16 brokers"):
        EmbeddedKafka(brokers)


def test_what_is_produced_is_consumed(embedded_kafka: str, unique: str) -> None:
    producer = Producer({"bootstrap.servers": embedded_kafka})
    for number in range(100):
        producer.produce(unique, str(number).encode(), key=b"customer:42")
    assert producer.flush(10) == 0
    consumer = Consumer(
        {
            "bootstrap.servers": embedded_kafka,
            "group.id": unique,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
        }
    )
    consumer.subscribe([unique])
    try:
        values = [record.value() for record in consumer.consume(100, timeout=20)]
    finally:
        consumer.close()
    assert values == [str(number).encode() for number in range(100)]


def test_every_topic_is_there_on_first_use_with_four_partitions(
    embedded_kafka: str, unique: str
) -> None:
    assert make_topic(embedded_kafka, unique, partitions=8) == EMBEDDED_PARTITIONS
