"""Heartbeats through a real worker, on either kind of broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccstream.client import SyncReader
from ccstream.ops.heartbeat import SHOWN, Prober
from ccstream.ops.heartbeat_events import comes_back
from ccstream.ops.metrics import Metrics
from ccstream.wire.catalogue import CHANNELS
from tests.integration.harness import PARTITIONS, added, publish, steady
from tests.integration.pipeline import Pipeline, new_subject

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(only=SHOWN)


@pytest.fixture
def prober(pipeline: Pipeline, metrics: Metrics) -> Iterator[Prober]:
    made = Prober(pipeline.settings, metrics)
    yield made
    made.close()


def test_a_beat_comes_back_from_every_channel_on_every_sync_topic_and_rows_do_not_grow(
    pipeline: Pipeline, prober: Prober, metrics: Metrics
) -> None:
    rows = []
    for number in range(3 * PARTITIONS):
        prober.beat(number % PARTITIONS)
        assert not prober.missing, number
        if number % PARTITIONS == PARTITIONS - 1:
            rows.append(steady(lambda: pipeline.worker.metric("ccstream_store_rows")))
    assert rows[0] == rows[1] == rows[2] > 0
    for labels in comes_back(CHANNELS):
        assert metrics.value("ccstream_heartbeats_total", labels) == 3 * PARTITIONS
        assert metrics.value("ccstream_heartbeats_missed_total", labels) == 0
        assert metrics.value("ccstream_heartbeat_round_trip_seconds", labels) == 3 * PARTITIONS
    assert pipeline.worker.metric("ccstream_rejected_total") == 0


def test_readers_of_the_sdk_see_customers_and_no_heartbeats(
    pipeline: Pipeline, prober: Prober
) -> None:
    subject = new_subject(partition=0)
    with SyncReader(settings=pipeline.settings, tables=["carts"]) as reader:
        prober.beat(0)
        assert not prober.missing
        publish(pipeline.settings.kafka.bootstrap, [added(1, subject)])
        seen: list[str] = []
        while subject not in seen:
            seen += [change.subject for change in reader.read(1)]  # type: ignore[union-attr]
    assert not [one for one in seen if one.startswith("heartbeat:")]


def test_without_a_worker_all_of_a_beat_is_missed_and_counted(embedded_kafka: str) -> None:
    from tests.integration.harness import settings_for

    settings = settings_for(embedded_kafka, "nobody", heartbeat__timeout_ms=300)
    metrics = Metrics(only=SHOWN)
    prober = Prober(settings, metrics)
    try:
        prober.beat(0)
    finally:
        prober.close()
    assert prober.missing == comes_back(CHANNELS)
    assert all(
        metrics.value("ccstream_heartbeats_missed_total", labels) == 1
        for labels in comes_back(CHANNELS)
    )
