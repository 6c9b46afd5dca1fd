from __future__ import annotations

from threading import Thread

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ccstream.ops.exposition import exposition
from ccstream.ops.metrics import METRICS, OTHER, Metrics

A = ("web", "CartItemAdded", "applied")


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def test_a_counted_chunk_is_what_prometheus_reads(metrics: Metrics) -> None:
    metrics.add_many("ccstream_events_total", {A: 7000, ("web", "CartItemAdded", "duplicate"): 3})
    metrics.add("ccstream_events_total", A, 1)
    found = scrape(metrics)
    labels = (("channel", "web"), ("outcome", "applied"), ("type", "CartItemAdded"))
    key = ("ccstream_events_total", labels)
    assert found[key] == 7001


def test_what_is_watched_is_looked_at_whenever_somebody_asks(metrics: Metrics) -> None:
    seen = iter((1.5, 2.5))
    metrics.watch("ccstream_step_seconds", lambda: next(seen))
    assert scrape(metrics)["ccstream_step_seconds", ()] == 1.5
    assert scrape(metrics)["ccstream_step_seconds", ()] == 2.5


def test_a_latency_of_exactly_one_second_counts_as_within_one_second(metrics: Metrics) -> None:
    metrics.observe_many("ccstream_sync_latency_seconds", ("web", "carts"), [0.5, 1.0, 1.001])
    found = scrape(metrics)
    labels = (("aggregate", "carts"), ("channel", "web"))
    assert found["ccstream_sync_latency_seconds_bucket", (*labels, ("le", "1.0"))] == 2
    assert found["ccstream_sync_latency_seconds_bucket", (*labels, ("le", "+Inf"))] == 3
    assert found["ccstream_sync_latency_seconds_sum", labels] == pytest.approx(2.501)
    assert found["ccstream_sync_latency_seconds_count", labels] == 3


@pytest.mark.parametrize("edge", METRICS["ccstream_sync_latency_seconds"].buckets)
def test_milliseconds_on_an_edge_fall_into_the_bucket_that_seconds_fall_into(
    metrics: Metrics, edge: float
) -> None:
    milliseconds = round(edge * 1000)
    metrics.observe_many("ccstream_sync_latency_seconds", ("a", "x"), [milliseconds], scale=0.001)
    metrics.observe("ccstream_sync_latency_seconds", ("b", "x"), edge)
    found = scrape(metrics)
    buckets = {
        channel: [
            value
            for (name, labels), value in found.items()
            if name.endswith("latency_seconds_bucket") and ("channel", channel) in labels
        ]
        for channel in ("a", "b")
    }
    assert buckets["a"] == buckets["b"]


def test_a_clock_ahead_of_ours_is_no_negative_latency(metrics: Metrics) -> None:
    metrics.observe_many("ccstream_sync_latency_seconds", ("web", "carts"), [-500], scale=0.001)
    labels = (("aggregate", "carts"), ("channel", "web"))
    assert scrape(metrics)["ccstream_sync_latency_seconds_sum", labels] == 0


def test_a_channel_nobody_knows_adds_no_series() -> None:
    metrics = Metrics(CollectorRegistry(), channels={"web"})
    for number in range(1000):
        metrics.add("ccstream_events_consumed_total", (f"made-up-{number}",))
    metrics.add("ccstream_events_consumed_total", ("web",))
    assert metrics.value("ccstream_events_consumed_total", (OTHER,)) == 1000
    names = [key for key in scrape(metrics) if key[0] == "ccstream_events_consumed_total"]
    assert len(names) == 2


def test_what_is_not_in_the_table_cannot_be_counted(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="not in the table"):
        metrics.add("ccstream_event_total", ("web",))
    with pytest.raises(ValueError, match="labels"):
        metrics.add("ccstream_events_total", ("web",))


def test_a_partition_that_left_shows_no_lag(metrics: Metrics) -> None:
    metrics.set("ccstream_lag_records", ("t", "3"), 17)
    metrics.remove("ccstream_lag_records", ("t", "3"))
    assert not [key for key in scrape(metrics) if key[0] == "ccstream_lag_records"]


def test_counts_of_two_threads_are_both_kept(metrics: Metrics) -> None:
    def count() -> None:
        for _ in range(5_000):
            metrics.add("ccstream_mail_total", ("forward",))
            metrics.observe("ccstream_commit_duration_seconds", (), 0.01)

    threads = [Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.value("ccstream_mail_total", ("forward",)) == 10_000
    assert metrics.value("ccstream_commit_duration_seconds") == 10_000


def test_a_counter_without_labels_begins_at_zero(metrics: Metrics) -> None:
    assert scrape(metrics)["ccstream_commit_failures_total", ()] == 0


def test_the_table_keeps_prometheus_conventions() -> None:
    for name, spec in METRICS.items():
        assert name.startswith("ccstream_")
        assert name.endswith("_total") == (spec.kind == "counter")
        assert (spec.unit == "seconds") == name.endswith("_seconds")
        assert bool(spec.buckets) == (spec.kind == "histogram")
        assert list(spec.buckets) == sorted(set(spec.buckets))
        assert spec.help.endswith(".")


def test_no_label_can_hold_a_customer() -> None:
    allowed = {
        *("channel", "outcome", "reason", "aggregate", "topic", "partition", "table"),
        *("kind", "version", "route", "method", "state", "status", "type"),
        *("contact_channel", "to"),
    }
    assert {label for spec in METRICS.values() for label in spec.labels} <= allowed


def test_what_is_written_by_ourselves_is_what_prometheus_client_would_write() -> None:
    metrics = Metrics(channels=("web", 'odd "\\\n'))
    metrics.add("ccstream_events_consumed_total", ('odd "\\\n',), 1.5)
    metrics.set("ccstream_lag_records", ("t", "0"), 1e21)
    metrics.observe_many("ccstream_sync_latency_seconds", ("web", "carts"), [0.5, 1.0, 1e6])
    for _ in range(2):  # what is kept from the first time is used the second
        assert read(metrics.exposition()) == read(generate_latest(metrics))
        metrics.observe("ccstream_sync_latency_seconds", ("web", "carts"), 0.25)
        metrics.remove("ccstream_lag_records", ("t", "0"))
    everything = read(exposition(metrics.registry))
    assert all(everything[name] == one for name, one in read(metrics.exposition()).items())
    assert "process_resident_memory_bytes" in everything


def read(written: bytes) -> dict[str, object]:
    return {
        family.name: (
            family.type,
            family.documentation,
            sorted((one.name, *sorted(one.labels.items()), one.value) for one in family.samples),
        )
        for family in text_string_to_metric_families(written.decode())
    }
