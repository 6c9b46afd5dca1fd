"""What the data plane reads, how soon, and what it knows of the logs' ends, on a real broker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import pytest
from confluent_kafka import Producer

from ccstream.devkit.kafka import LocalKafka
from ccstream.engine import busy_inputs
from ccstream.engine.busy_inputs import BusyInputsPlane
from ccstream.engine.clock import Clock
from ccstream.engine.dataplane import DataPlane
from ccstream.engine.delivery import SourceOffset
from tests.integration.harness import wait_until
from tests.support.topics import make_topic

pytestmark = pytest.mark.timeout(90)


def test_markers_of_transactions_are_nothing_to_read(cluster: LocalKafka, unique: str) -> None:
    topic = f"letters-{unique}"
    make_topic(cluster.bootstrap, topic, partitions=1)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": unique})
    producer.init_transactions(30)
    for records, committed in ((3, True), (2, False)):
        producer.begin_transaction()
        for number in range(records):
            producer.produce(topic, b"%d" % number)
        producer.flush(30)
        if committed:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    plane = DataPlane(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": unique,
            "isolation.level": "read_committed",
        },
        500,
    )
    try:
        plane.assign([SourceOffset(topic, 0, 0)])
        read: list[int | None] = []

        def have_read(records: int) -> bool:
            read.extend(message.offset() for message in plane.poll(0.2))
            return len(read) == records

        def nothing_is_left() -> bool:
            assert not plane.poll(0.2)
            return plane.ends() == {(topic, 0): 0}

        wait_until(lambda: have_read(3), 30)
        wait_until(nothing_is_left, 30)
        producer.begin_transaction()
        producer.produce(topic, b"one more")
        producer.commit_transaction(30)
        wait_until(lambda: have_read(4), 30)
        assert read[-1] == 7
        wait_until(lambda: not plane.poll(0.1) and plane.ends() == {(topic, 0): 0}, 30)
    finally:
        plane.close()


FETCHES = {"fetch.wait.max.ms": 10}
"""As a worker's: a broker answers nothing else meanwhile."""
SECONDS = 4.0
PARTITIONS = 2


def test_who_reads_a_topic_changes_and_each_record_is_read_once_and_in_order(
    cluster: LocalKafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each topic is busy in its turn, and moves while it is written to."""
    monkeypatch.setattr(busy_inputs, "_INTERVAL", 0.05)
    monkeypatch.setattr(busy_inputs, "_QUIET_AFTER", 0.2)
    monkeypatch.setattr(busy_inputs, "_ASK_AGAIN_AFTER", 0.1)
    topics = [f"{name}-{unique}" for name in ("web", "store", "mail")]
    for topic in topics:
        make_topic(cluster.bootstrap, topic, partitions=PARTITIONS)
    config = {"bootstrap.servers": cluster.bootstrap}
    producer = Producer({**config, "linger.ms": 1})
    plane = BusyInputsPlane({**config, "group.id": unique, **FETCHES}, 500, Clock())
    written: defaultdict[tuple[str | None, int | None], int] = defaultdict(int)
    read: defaultdict[tuple[str | None, int | None], list[int | None]] = defaultdict(list)
    apart: set[tuple[str, ...]] = set()

    def look() -> int:
        messages = plane.poll(0.01)
        for message in messages:
            read[message.topic(), message.partition()].append(message.offset())
        apart.add(tuple(sorted({one.topic for one in plane._apart})))
        return len(messages)

    try:
        plane.assign([SourceOffset(t, n, 0) for t in topics for n in range(PARTITIONS)])
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < SECONDS:
            busy = topics[int(elapsed / 0.5) % len(topics)]
            for number in range(PARTITIONS) if len(producer) < 5_000 else ():
                for _ in range(50):
                    producer.produce(busy, b"record", partition=number)
                written[busy, number] += 50
            producer.poll(0)
            look()
        assert producer.flush(30) == 0
        total = sum(written.values())
        wait_until(lambda: look() == 0 and sum(map(len, read.values())) >= total, 30)
    finally:
        plane.close()
    assert {at: list(range(records)) for at, records in written.items()} == read
    assert {(topic,) for topic in topics} <= apart


AGE = 1.1
"""Seconds after which librdkafka looks for the leaders of new topics once a second."""
ATTEMPTS = 3
SOON = 0.5
"""Seconds to the next look are more, a few milliseconds after `AGE`."""


@contextmanager
def reading(bootstrap: str, topics: list[str]) -> Iterator[BusyInputsPlane]:
    """A worker's reader of these, which has been there for a while before it got them."""
    config = {"bootstrap.servers": bootstrap, "group.id": "any", **FETCHES}
    plane = BusyInputsPlane(config, 500, Clock())
    try:
        time.sleep(AGE)
        plane.assign([SourceOffset(topic, 0, 0) for topic in topics])
        yield plane
    finally:
        plane.close()


def seconds_until_read(plane: BusyInputsPlane) -> float:
    began = time.monotonic()
    wait_until(lambda: bool(plane.poll(0.01)), 30)
    return time.monotonic() - began


def test_what_is_assigned_is_read_at_once(cluster: LocalKafka, unique: str) -> None:
    make_topic(cluster.bootstrap, unique, partitions=1)
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    producer.produce(unique, b"there already")
    assert producer.flush(30) == 0
    took = []
    for _ in range(ATTEMPTS):
        with reading(cluster.bootstrap, [unique]) as plane:
            took.append(seconds_until_read(plane))
    assert median(took) < SOON


def test_a_topic_that_moves_is_read_on_at_once(
    cluster: LocalKafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy_inputs, "_INTERVAL", 0.05)
    topics = [f"{name}-{unique}" for name in ("web", "store")]
    for topic in topics:
        make_topic(cluster.bootstrap, topic, partitions=1)
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    took = []
    for _ in range(ATTEMPTS):
        with reading(cluster.bootstrap, topics) as plane:
            for _ in range(200):
                producer.produce(topics[0], b"much")
            assert producer.flush(30) == 0
            wait_until(lambda plane=plane: plane.poll(0.01) == [] and bool(plane._apart), 30)
            producer.produce(topics[0], b"one more")
            assert producer.flush(30) == 0
            took.append(seconds_until_read(plane))
    assert median(took) < SOON
