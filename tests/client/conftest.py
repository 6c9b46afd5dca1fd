"""Brokers and readers that the SDK's tests share."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from ccstream.client import subscriber
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.wire.catalogue import SYNC_TOPICS

SERVE = """
import sys
from ccstream.client import subscriber
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.wire.catalogue import SYNC_TOPICS
with EmbeddedKafka() as broker:
    print(broker.bootstrap, flush=True)
    sys.stdin.read()
"""


class FreezableBroker:
    """An embedded broker in a process of its own, which can stop answering for a while."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.bootstrap = self._process.stdout.readline().strip()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)  # all its threads stand still

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.thaw()
        self._process.kill()
        self._process.communicate(timeout=10)


@pytest.fixture
def freezable() -> Iterator[FreezableBroker]:
    broker = FreezableBroker()
    yield broker
    broker.stop()


@pytest.fixture
def nowhere() -> str:
    """An address where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{bound.getsockname()[1]}"


ReadAll = Callable[..., list[Message]]


@pytest.fixture
def read_all() -> ReadAll:
    """Every record of a topic, partition by partition, without any code of ccstream's."""

    def read(bootstrap: str, topic: str, partitions: int = 4, wait_s: float = 20) -> list[Message]:
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "reads-all",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 5,
                "log_level": 2,
            }
        )
        try:
            consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
            messages: list[Message] = []
            at_end: set[int | None] = set()
            deadline = time.monotonic() + wait_s
            while len(at_end) < partitions:
                assert time.monotonic() < deadline, f"only {len(messages)} records within {wait_s}"
                for message in consumer.consume(1000, 0.05):
                    if message.error() is None:
                        messages.append(message)
                    else:
                        at_end.add(message.partition())
        finally:
            consumer.close()
        return sorted(messages, key=lambda m: (m.partition() or 0, m.offset() or 0))

    return read


@pytest.fixture
def own_kafka() -> Iterator[str]:
    """An embedded broker of the test's own: the names of the sync topics are given."""
    with EmbeddedKafka() as broker:
        yield broker.bootstrap


@pytest.fixture
def own_topics(unique: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sync topics of the test's own, by table, for a broker that others use, too."""
    topics = {table: f"{unique}.{topic}" for table, topic in SYNC_TOPICS.items()}
    monkeypatch.setattr(subscriber, "SYNC_TOPICS", topics)
    return topics
