"""Who is called for which fault, shown by what Prometheus saw of it in a run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chaos.faults import FAULTS
from tests.chaos.held import CALM, HELD, Held
from tests.chaos.record_alerts import RECORDED
from tests.support.alert_recorder import FOLDER

RULES = FOLDER / "alerts.yml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="there is no promtool here (on Debian: apt-get install prometheus)",
)
each_recording = pytest.mark.parametrize("held", [CALM, *HELD], ids=lambda held: held.name)


def promtool(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def recorded(held: Held) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((RECORDED / held.file).read_text(encoding="utf-8"))
    (test,) = content["tests"]
    return dict(test)


def test_every_fault_is_held_and_says_what_it_shows_by_itself() -> None:
    assert list(dict.fromkeys(held.fault for held in HELD)) == [fault.name for fault in FAULTS]
    assert len({held.file for held in HELD}) == len(HELD)
    assert all(held.fires and held.alone for held in HELD)


def test_who_is_called_is_an_alert_that_there_is() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    alerts = {rule.get("alert") for group in rules["groups"] for rule in group["rules"]}
    assert {name for held in HELD for name in held.fires} <= alerts


@each_recording
def test_a_recording_is_silent_while_it_is_calm_and_then_fires_what_the_table_says(
    held: Held,
) -> None:
    calm, fired = recorded(held)["promql_expr_test"]
    assert calm["exp_samples"] == []
    assert "alertname" not in calm["expr"].replace("by (alertname)", ""), "of all alerts"
    assert sorted(one["labels"] for one in fired["exp_samples"]) == sorted(
        f'{{alertname="{name}"}}' for name in held.fires
    )


@needs_promtool
@each_recording
def test_the_rules_say_so_of_what_was_recorded(held: Held) -> None:
    done = promtool(RECORDED / held.file)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.long
def test_rules_that_call_nobody_fail_every_recording_but_the_undisturbed(tmp_path: Path) -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["expr"] = "vector(0) > 1"
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    folder = tmp_path / "recorded"
    shutil.copytree(RECORDED, folder)
    passed = [one.name for one in (CALM, *HELD) if promtool(folder / one.file).returncode == 0]
    assert passed == [CALM.name]


@needs_promtool
@pytest.mark.long
def test_rules_that_always_call_fail_every_recording(tmp_path: Path) -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    always = {"alert": "CcstreamAlways", "expr": "vector(1)"}
    rules["groups"].append({"name": "always", "rules": [always]})
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    folder = tmp_path / "recorded"
    shutil.copytree(RECORDED, folder)
    assert all(promtool(folder / one.file).returncode for one in (CALM, *HELD))
