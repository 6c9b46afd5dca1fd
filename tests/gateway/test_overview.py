"""What is made of two looks at the workers."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.gateway.fleet import Look, Sighting
from ccstream.gateway.overview import Overview, overview, quantile

INF = float("inf")


def sighting(name: str = "a:1", **more: Any) -> Sighting:
    given = {"state": "serving", "version": "1", "serving": frozenset({0, 1})}
    return Sighting(name=name, **{**given, **more})


def looked(*sightings: Sighting, at: float = 10, **silent: str) -> Look:
    return Look(at, sightings, silent)


def of(now: Look, before: Look | None = None, partitions: int = 2) -> Overview:
    return overview(now, before, partitions)


def words(found: Overview) -> str:
    return " ".join(one.text for one in found.concerns)


def test_workers_that_serve_everything_in_time_are_well() -> None:
    found = of(looked(sighting(lag_seconds={0: 0.2, 1: 0}, lag_records={0: 3, 1: 0})))
    assert (found.level, found.concerns) == ("ok", ())
    assert [one.state for one in found.partitions] == ["serving", "serving"]
    assert found.partitions[0].lag_records == 3


def test_of_one_look_alone_rates_and_latencies_are_not_known() -> None:
    found = of(
        looked(sighting(events=1000, latency={"carts": {0.1: 5, INF: 5}}, rejected={"x": 2}))
    )
    assert found.window_seconds is None
    assert found.events_per_second is None
    assert found.workers[0].events_per_second is None
    assert (found.latency[0].events, found.latency[0].p99_seconds) == (0, None)
    assert (found.rejected[0].total, found.rejected[0].recent) == (2, None)


def test_rates_and_latencies_are_of_the_time_between_two_looks() -> None:
    before = looked(sighting(events=1000, latency={"carts": {0.1: 100, 2: 100, INF: 100}}), at=10)
    now = looked(sighting(events=1500, latency={"carts": {0.1: 190, 2: 200, INF: 200}}), at=15)
    found = of(now, before)
    assert (found.window_seconds, found.events_per_second) == (5, 100)
    latency = found.latency[0]
    assert (latency.events, latency.p50_seconds, latency.p99_seconds) == (100, 0.1, 2)


def test_a_worker_that_started_anew_counts_from_its_start() -> None:
    before = looked(sighting(events=1000, rejected={"x": 9}, commits={1: 50, INF: 50}), at=10)
    now = looked(sighting(events=40, rejected={"x": 1}, commits={1: 3, INF: 4}), at=20)
    found = of(now, before)
    assert found.events_per_second == 4
    assert found.rejected[0].recent == 1
    assert found.workers[0].commit_p99_seconds is None  # beyond the last edge


def test_a_partition_that_nobody_serves_is_not_served_and_its_lag_is_unknown() -> None:
    found = of(looked(sighting(serving=frozenset({0})), b="connection refused"))
    assert found.level == "bad"
    lost = found.partitions[1]
    assert (lost.state, lost.workers, lost.lag_records, lost.lag_seconds) == (
        "unserved",
        (),
        None,
        None,
    )
    assert "Partition 1 is served by no worker that answers." in words(found)
    assert "Worker b is silent: connection refused." in words(found)


def test_where_no_worker_answers_nothing_else_is_claimed() -> None:
    found = of(looked(a="connection refused"))
    assert [one.level for one in found.concerns] == ["bad"]
    assert {one.state for one in found.partitions} == {"unserved"}


def test_a_restore_is_shown_with_what_is_left_of_it() -> None:
    taking = sighting(
        "b:1", state="taking partitions over", serving=frozenset(), restoring={1: 700}
    )
    found = of(looked(sighting(serving=frozenset({0})), taking))
    assert found.level == "warn"
    assert (found.partitions[1].state, found.partitions[1].restore_remaining) == ("restoring", 700)
    assert found.partitions[1].workers == ("b:1",)
    assert "Worker b:1 is not serving: taking partitions over." in words(found)


def test_a_paused_partition_is_not_one_that_is_served() -> None:
    found = of(looked(sighting(serving=frozenset({0}), paused=frozenset({1}))))
    assert found.partitions[1].state == "paused"
    assert found.level == "bad"


def test_a_worker_that_hangs_is_told_of_though_its_lag_stands_still() -> None:
    found = of(looked(sighting(lag_seconds={0: 0, 1: 0}, step_seconds=31)))
    assert found.level == "bad"
    assert "Worker a:1 hangs: at one step for 31 s." in words(found)


@pytest.mark.parametrize(("seconds", "level"), [(0.9, "ok"), (1.1, "warn"), (61, "bad")])
def test_lag_is_judged_by_its_seconds(seconds: float, level: str) -> None:
    assert of(looked(sighting(lag_seconds={0: seconds, 1: 0}))).level == level


def test_new_dead_letters_are_a_concern_and_old_ones_are_not() -> None:
    before = looked(sighting(rejected={"malformed": 5}), at=10)
    assert of(looked(sighting(rejected={"malformed": 5}), at=20), before).level == "ok"
    found = of(looked(sighting(rejected={"malformed": 6}), at=20), before)
    assert found.level == "warn"
    assert "1 event was rejected" in words(found)


def test_latency_beyond_the_objective_is_a_concern() -> None:
    before = looked(sighting(latency={"carts": {1.0: 0, 2: 0, INF: 0}}), at=10)
    now = looked(sighting(latency={"carts": {1.0: 98, 2: 100, INF: 100}}), at=20)
    assert "carts" in words(of(now, before))
    now = looked(sighting(latency={"carts": {1.0: 99, 2: 100, INF: 100}}), at=20)
    assert of(now, before).level == "ok"


def test_two_versions_at_once_are_told() -> None:
    found = of(
        looked(sighting(serving=frozenset({0})), sighting("b", serving=frozenset({1}), version="2"))
    )
    assert "1, 2" in words(found)


def test_each_concern_has_its_runbook() -> None:
    from tests.support.source import ROOT

    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    source = (ROOT / "src/ccstream/gateway/overview.py").read_text(encoding="utf-8")
    names = {word.strip('",)') for word in source.split() if word.startswith('"Ccstream')}
    names |= {word.split('"')[1] for word in source.split() if word.startswith('runbook="Ccstream')}
    assert len(names) >= 7
    for name in names:
        assert f"### {name}\n" in page


def test_a_quantile_is_the_edge_of_its_bucket() -> None:
    counts = {0.01: 50.0, 0.1: 98.0, 1.0: 99.0, INF: 100.0}
    assert quantile(counts, 0.5) == 0.01
    assert quantile(counts, 0.51) == 0.1
    assert quantile(counts, 0.99) == 1.0
    assert quantile(counts, 1) is None
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0, INF: 0}, 0.5) is None
