"""What a load takes follows from figures, in the direction that it must."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from ccstream.errors import SettingsError
from ccstream.ops.capacity import PARTITION_COUNTS, Figures, Load, Plan, plan
from ccstream.wire.catalogue import topics


def planned(**more: Any) -> Plan:
    given: dict[str, Any] = {"events_per_second": 10_000, "customers": 1_000_000}
    return plan(Load(**(given | more)))


@pytest.fixture
def figures() -> Figures:
    """Round ones, to be reckoned with by head."""
    return Figures(
        measured="2026-01-01",
        on="a machine",
        figures={
            "events_per_second": 10_000,
            "cpu_s_per_million": 50,
            "cold_cpu_s_per_million": 100,
            "broker_cpu_s_per_million": 100,
            "bytes_per_cart": 4_000,
            "restore_records_per_second": 100_000,
        },
        sources=dict.fromkeys(
            (
                "cpu_s_per_million",
                "cold_cpu_s_per_million",
                "broker_cpu_s_per_million",
                "bytes_per_cart",
                "restore_records_per_second",
            ),
            "a question",
        ),
        sizes=[
            {"lines": 1, "event": 300, "sync": 1_000, "changelog": 500},
            {"lines": 5, "event": 300, "sync": 1_400, "changelog": 900},
            {"lines": 10, "event": 300, "sync": 1_900, "changelog": 1_400},
        ],
    )


def test_it_is_the_sum_that_one_would_do_by_hand(figures: Figures) -> None:
    load = Load(
        events_per_second=10_000, customers=100_000, lines=5, busy=0.5, cache_rows=100_000, growth=1
    )
    found = plan(load, figures)
    assert found["events of a worker"] == 20_000
    assert (found.workers_busy, found["workers"]) == (1, 2)
    assert found.partitions == 8
    assert found["memory of a worker"] == pytest.approx((100_000 * 4_000 + 2**29) / 2**30)
    assert found["restore"] == 3
    assert found["received by brokers"] == pytest.approx(10_000 * 2_600 * 3 / 1e6)
    assert found["sent by brokers"] == pytest.approx(10_000 * (2_600 * 2 + 300 + 2_800) / 1e6)
    assert found["cores of brokers"] == 1
    assert found["partitions in all"] == ((len(topics("a")) - 1) * 8 + 1) * 3


def test_rows_that_are_not_decoded_cost_what_was_measured_of_them(figures: Figures) -> None:
    load = Load(events_per_second=10_000, customers=200_000, cache_rows=100_000)
    assert plan(load, figures)["events of a worker"] == pytest.approx(1e6 / 75)


def test_sizes_between_those_that_were_weighed_lie_between(figures: Figures) -> None:
    assert figures.bytes_of("sync", 3) == 1_200
    assert figures.bytes_of("sync", 5) == 1_400
    assert figures.bytes_of("sync", 20) == 2_900
    assert figures.bytes_of("event", 7.5) == 300


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("events_per_second", (1_000, 10_000, 100_000, 1_000_000)),
        ("customers", (10_000, 1_000_000, 100_000_000)),
        ("lines", (1, 3, 20, 100, 500)),
        ("replication", (1, 3, 5)),
        ("readers", (0, 2, 20)),
        ("standbys", (0, 1, 2)),
    ],
)
def test_more_of_anything_never_takes_less(name: str, values: tuple[float, ...]) -> None:
    plans = [planned(**{name: value}) for value in values]
    for less, more in pairwise(plans):
        assert more.workers_busy >= less.workers_busy
        assert more.partitions >= less.partitions
        assert more.brokers >= less.brokers
        for line in ("received by brokers", "sent by brokers", "disk of brokers"):
            assert more[line] >= less[line]


def test_what_limits_is_named() -> None:
    assert planned().limit == "processor of the workers"
    many = planned(customers=100_000_000)
    assert many.limit == "memory of the workers"
    assert many["memory of a worker"] <= 4
    assert "network" in next(
        line.because
        for line in planned(events_per_second=1_000_000, broker_mb_per_second=50).lines
        if line.name == "brokers"
    )
    narrow = planned(events_per_second=10_000, broker_mb_per_second=1)
    assert narrow.limit == "processor of the workers, and the network of the brokers"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"events_per_second": float("inf")}, "has to be a number"),
        ({"customers": 0}, "above 0"),
        ({"readers": -1}, "at least 0"),
        ({"events_per_second": 10, "average_per_second": 11}, "above the peak of 10"),
    ],
)
def test_a_load_that_cannot_be_is_refused(given: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        planned(**given)


def test_a_rate_of_ones_own_goes_before_the_measured_one() -> None:
    assert planned(worker_rate=1_000).workers_busy == 17
    assert planned(worker_rate=100_000).workers_busy == 1


@pytest.mark.parametrize("rate", [1, 5_000, 50_000, 3_000_000])
def test_partitions_are_enough_for_all_workers_that_there_may_be(rate: float) -> None:
    found = planned(events_per_second=rate)
    assert found.partitions >= 8 * found.workers_busy
    assert found.partitions in PARTITION_COUNTS or not found.partitions % PARTITION_COUNTS[-1]


def test_every_line_says_what_it_follows_from() -> None:
    figures = Figures.packaged()
    found = planned()
    assert all(line.because for line in found.lines)
    text = " ".join(line.because for line in found.lines)
    for name in ("cpu_s_per_million", "broker_cpu_s_per_million", "bytes_per_cart"):
        assert figures.cite(name) in text


@pytest.mark.parametrize(
    "wrong", [{"customers": 0}, {"busy": 1.2}, {"events_per_second": float("inf")}, {"lines": -1}]
)
def test_what_is_no_load_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        planned(**wrong)
