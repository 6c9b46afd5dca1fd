from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ccstream.ops.metrics import METRICS

OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
"""What prometheus_client adds by itself."""

OF_PROMETHEUS = {"instance", "le"}
NAME = re.compile(r"\b(?:ccstream|process)_[a-z_]+")
LABELS = re.compile(r"(?:by|without) \(([^)]*)\)|\{\{(\w+)\}\}|(\w+)(?==~?\")")
SUFFIX = re.compile(r"_(bucket|sum|count)$")


DASHBOARDS = {
    "gateway.json": "ccstream_gateway_",
    "overview.json": "ccstream_sync_latency_seconds",
    "pipeline.json": "ccstream_sync_latency_seconds",
    "privacy.json": "ccstream_erasures_",
    "state.json": "ccstream_store_",
}
"""Each with what its first panel is about."""


def loaded(root: Path, name: str) -> Any:
    return json.loads((root / "deploy" / "grafana" / name).read_text(encoding="utf-8"))


def targets_of(dashboard: Any) -> list[tuple[str, str]]:
    """Each query with its legend."""
    return [
        (target["expr"], target["legendFormat"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


@pytest.fixture(scope="module", params=DASHBOARDS)
def dashboard(root: Path, request: pytest.FixtureRequest) -> Any:
    return loaded(root, request.param)


@pytest.fixture(scope="module")
def targets(dashboard: Any) -> list[tuple[str, str]]:
    return targets_of(dashboard)


def base(name: str) -> str:
    """The metric of the table that a series belongs to."""
    without = SUFFIX.sub("", name)
    return without if without in METRICS and METRICS[without].buckets else name


def test_the_dashboard_uses_only_metrics_of_the_table(targets: list[tuple[str, str]]) -> None:
    used = {base(name) for query, _ in targets for name in NAME.findall(query)}
    assert used <= METRICS.keys() | OF_THE_PROCESS


def test_there_are_no_other_dashboards(root: Path) -> None:
    there = {path.name for path in (root / "deploy" / "grafana").glob("*.json")}
    assert there == set(DASHBOARDS)


def test_every_metric_of_the_table_is_on_a_dashboard(root: Path) -> None:
    targets = [one for name in DASHBOARDS for one in targets_of(loaded(root, name))]
    used = {base(name) for query, _ in targets for name in NAME.findall(query)}
    assert METRICS.keys() <= used


def test_its_queries_use_only_labels_that_the_metrics_have(
    targets: list[tuple[str, str]],
) -> None:
    for query, legend in targets:
        has = {
            label
            for name in NAME.findall(query)
            if base(name) in METRICS
            for label in METRICS[base(name)].labels
        }
        for grouped, shown, matched in LABELS.findall(f"{query} {legend}"):
            for label in filter(None, (*grouped.split(", "), shown, matched)):
                assert label in has | OF_PROMETHEUS, query


def test_a_quantile_is_of_a_histogram_and_keeps_its_buckets(
    targets: list[tuple[str, str]],
) -> None:
    for query, _ in targets:
        if "histogram_quantile" in query:
            assert "_bucket{" in query
            assert "by (le" in query


def test_the_share_within_a_second_asks_for_an_edge_that_there_is(
    targets: list[tuple[str, str]],
) -> None:
    edges = {str(edge) for spec in METRICS.values() for edge in spec.buckets}
    for query, _ in targets:
        for edge in re.findall(r'le="([^"]+)"', query):
            assert edge in edges


def test_panels_do_not_cover_each_other_and_each_says_what_it_shows(dashboard: Any) -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"]


@pytest.mark.parametrize(("name", "about"), DASHBOARDS.items())
def test_each_begins_with_what_it_is_for(root: Path, name: str, about: str) -> None:
    row, first, *_ = loaded(root, name)["panels"]
    assert row["type"] == "row"
    assert all(about in one["expr"] for one in first["targets"])


def test_each_has_an_address_of_its_own_and_leads_to_the_others(root: Path) -> None:
    boards = {name: loaded(root, name) for name in DASHBOARDS}
    assert {name: one["uid"] for name, one in boards.items()} == {
        name: f"ccstream-{name.removesuffix('.json')}" for name in DASHBOARDS
    }
    assert len({one["title"] for one in boards.values()}) == len(boards)
    for one in boards.values():
        (link,) = one["links"]
        assert link["type"] == "dashboards"
        assert all(set(link["tags"]) <= set(other["tags"]) for other in boards.values())


def test_no_panel_is_on_two_dashboards(root: Path) -> None:
    shown = [target for name in DASHBOARDS for target in set(targets_of(loaded(root, name)))]
    twice = {query for query, _ in shown if shown.count((query, _)) > 1}
    assert all('le="1.0"' in query for query in twice)  # the promise, now


def test_a_variable_asks_for_a_metric_that_every_process_shown_has(dashboard: Any) -> None:
    (asked,) = (
        one["query"]["query"] for one in dashboard["templating"]["list"] if "refresh" in one
    )
    metric = asked.removeprefix("label_values(").removesuffix(", instance)")
    assert metric == (
        "ccstream_gateway_streams"
        if dashboard["uid"] == "ccstream-gateway"
        else "ccstream_build_info"
    )
