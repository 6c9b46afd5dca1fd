"""The alerts: tested by promtool, each with a runbook, on nothing but metrics that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ccstream.ops.metric_spec import SYNC_LATENCY_BUCKETS
from ccstream.ops.metrics import METRICS

TESTS = ("alerts_test.yml", "alerts_slow_test.yml")
RECORDED = "alerts_recorded_test.yml"
"""From a run, by `tests.ops.record_alerts`."""
OBJECTIVE_SECONDS = 1.0
OF_PROMETHEUS = {"up", "process_start_time_seconds"}
NAME = re.compile(r"\b(?:up|process_\w+|ccstream_\w+)\b(?=[{\[)\s]|$)")
SUFFIX = re.compile(r"_(bucket|sum|count)$")
LABELS = re.compile(r"by \(([^)]*)\)")

PROMTOOL_S_MAX = 150.0
"""Two seconds; a burn rate over a month, on a machine with much else to do, has taken 50."""

pytestmark = pytest.mark.timeout(3 * PROMTOOL_S_MAX)

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="there is no promtool here (on Debian: apt-get install prometheus)",
)


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "deploy" / "prometheus"


@pytest.fixture(scope="module")
def rules(folder: Path) -> list[dict[str, Any]]:
    loaded = yaml.safe_load((folder / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def alerts(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for rule in rules if "alert" in rule]


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PROMTOOL_S_MAX,
        check=False,
    )


@needs_promtool
@pytest.mark.parametrize("name", [*TESTS, RECORDED])
def test_promtool_takes_the_rules_and_their_tests_pass(folder: Path, name: str) -> None:
    done = promtool("test", "rules", folder / name)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_alerts_that_never_fire_fail_the_tests(
    folder: Path, alerts: list[dict[str, Any]], tmp_path: Path
) -> None:
    loaded = yaml.safe_load((folder / "alerts.yml").read_text(encoding="utf-8"))
    for group in loaded["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["expr"] = "vector(0) > 1"
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(loaded), encoding="utf-8")
    for name in (*TESTS, RECORDED):
        shutil.copy(folder / name, tmp_path)
    assert promtool("test", "rules", tmp_path / RECORDED).returncode
    done = [promtool("test", "rules", tmp_path / name) for name in TESTS]
    said = "".join(one.stdout + one.stderr for one in done)
    assert not [one["alert"] for one in alerts if f"alertname: {one['alert']}," not in said]


@needs_promtool
def test_the_scrape_file_is_one(folder: Path) -> None:
    done = promtool("check", "config", "--syntax-only", folder / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_that_fires_and_one_that_is_silent(
    folder: Path, alerts: list[dict[str, Any]]
) -> None:
    cases = [
        case
        for name in TESTS
        for test in yaml.safe_load((folder / name).read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    for alert in alerts:
        fires = {bool(one["exp_alerts"]) for one in cases if one["alertname"] == alert["alert"]}
        assert fires == {True, False}, alert["alert"]


def test_each_alert_says_how_urgent_it_is_and_has_a_runbook(
    root: Path, alerts: list[dict[str, Any]]
) -> None:
    page = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### (Ccstream\w+)$", page, re.MULTILINE)
    assert sections == [alert["alert"] for alert in alerts]
    for alert in alerts:
        assert alert["labels"]["severity"] in {"page", "ticket"}
        anchor = f"docs/operations.md#{alert['alert'].lower()}"
        assert alert["annotations"]["runbook"] == anchor
        assert alert["annotations"]["summary"]


def test_rules_use_only_metrics_of_the_table_and_their_labels(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        names = set(NAME.findall(rule["expr"]))
        base = {
            n if n in METRICS | dict.fromkeys(OF_PROMETHEUS) else SUFFIX.sub("", n) for n in names
        }
        assert base <= METRICS.keys() | OF_PROMETHEUS, rule
        has = {label for name in base & METRICS.keys() for label in METRICS[name].labels}
        for grouped in LABELS.findall(rule["expr"]):
            assert set(grouped.split(", ")) <= has | {"instance", "le"}, rule


def test_the_objective_is_an_edge_of_the_latencies_so_that_the_share_is_exact(
    rules: list[dict[str, Any]],
) -> None:
    assert OBJECTIVE_SECONDS in SYNC_LATENCY_BUCKETS
    edges = {edge for rule in rules for edge in re.findall(r'le="([^"]+)"', rule["expr"])}
    assert edges == {str(OBJECTIVE_SECONDS)}
