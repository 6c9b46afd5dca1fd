from __future__ import annotations

from collections.abc import Callable

import pytest

from ccstream.ops.broker import Broker
from ccstream.ops.heartbeat import SHOWN, Prober
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS
from tests.cli.conftest import Ended

Run = Callable[..., Ended]


def make_sync_topics(bootstrap: str) -> None:
    """Of four partitions: so the embedded broker makes what is asked for."""
    broker = Broker(Settings.load(kafka__bootstrap=bootstrap))
    for topic in SYNC_TOPICS.values():
        broker.mention(topic)


def test_without_a_broker_it_ends_as_other_commands_do(
    ccstream: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS", "300")
    ended = ccstream("heartbeat", "--bootstrap", "127.0.0.1:1", "--beats", "1")
    other = ccstream("topics", "plan", "--bootstrap", "127.0.0.1:1")
    assert ended.code == other.code == 3
    assert "no Kafka broker answered at 127.0.0.1:1 within 0.3 s" in ended.err
    assert "did not come back" not in ended.err


def test_with_a_broker_and_no_worker_it_says_what_did_not_come_back(
    ccstream: Run, embedded_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCSTREAM_HEARTBEAT__TIMEOUT_MS", "300")
    monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "4")
    make_sync_topics(embedded_kafka)
    ended = ccstream("heartbeat", "--bootstrap", embedded_kafka, "--beats", "1")
    assert ended.code == 1
    assert "did not come back within 0.3 s" in ended.err


def test_topics_that_are_not_as_they_should_be_are_told_as_such(
    ccstream: Run, embedded_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sync_topics(embedded_kafka)
    monkeypatch.setenv("CCSTREAM_KAFKA__PARTITIONS", "8")
    ended = ccstream("heartbeat", "--bootstrap", embedded_kafka, "--beats", "5")
    assert ended.code == 4
    assert "there is no partition 4 of sync." in ended.err


def test_a_beat_that_could_not_be_sent_is_not_told_as_one_that_did_not_come_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    prober = Prober(Settings.load(kafka__bootstrap="127.0.0.1:1"), Metrics(only=SHOWN))
    try:
        prober.beat(0)
    finally:
        prober.close()
    assert prober.missing
    (told,) = (one.message for one in caplog.records if one.name == "ccstream.ops.heartbeat")
    assert told.startswith("no heartbeat: ")
