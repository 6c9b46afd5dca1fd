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


DASHBOARDS = ("ccstream.json", "overview.json")


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


def test_the_first_panel_is_of_the_latency_from_event_to_sync(dashboard: Any) -> None:
    first = next(panel for panel in dashboard["panels"] if panel["type"] != "row")
    assert all("ccstream_sync_latency_seconds" in one["expr"] for one in first["targets"])
