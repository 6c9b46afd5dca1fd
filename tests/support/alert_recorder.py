"""Records series as Prometheus sees them, for promtool to run the rules on."""

from __future__ import annotations

import math
import re
import urllib.request
from collections.abc import Iterable, Sequence
from typing import Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.source import ROOT

__all__ = ["FOLDER", "STEP_S", "Moment", "Recorder", "Target", "rule_tests"]

FOLDER: Final = ROOT / "deploy" / "prometheus"
STEP_S: Final = 10
"""Between two scrapes; Prometheus is told 15 s in deploy/, and a run is shorter so."""

Series = dict[str, list[str]]
Target = tuple[str, str, str]
"""Job, instance and address of what is scraped."""

Moment = tuple[int, Sequence[str]]
"""The number of a scrape, and alerts that fire then, maybe others too; if none is named, none."""


class Recorder:
    """Scrapes as Prometheus does, and keeps the series that the rules use."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        rules = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
        self._names = set(re.findall(r"\b(?:ccstream|process)_[a-z0-9_]+", rules))
        self._objective = re.compile(r'le="(1\.0|\+Inf|0\.1|2\.0|5\.0)"')
        self.series: Series = {}
        self.steps = 0

    def step(self) -> None:
        """One scrape of all targets."""
        seen: dict[str, float] = {}
        for job, instance, url in self._targets:
            labels = f'job="{job}",instance="{instance}"'
            try:
                with urllib.request.urlopen(f"{url}/metrics", timeout=2) as answer:
                    text = answer.read().decode()
            except OSError:
                seen[f"up{{{labels}}}"] = 0
                continue
            seen[f"up{{{labels}}}"] = 1
            seen |= self._wanted(text, labels)
        for name in {*self.series, *seen}:
            values = self.series.setdefault(name, ["_"] * self.steps)
            gone = "stale" if values and values[-1] not in {"_", "stale"} else "_"
            values.append(_number(seen[name]) if name in seen else gone)
        self.steps += 1

    def _wanted(self, text: str, labels: str) -> dict[str, float]:
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name not in self._names:
                    continue
                own = "".join(f'{name}="{value}",' for name, value in sample.labels.items())
                name = f"{sample.name}{{{own}{labels}}}"
                if "le" not in sample.labels or self._objective.search(own):
                    found[name] = sample.value
        return found


def rule_tests(
    name: str, recorder: Recorder, moments: Iterable[Moment], rules: str = "alerts.yml"
) -> str:
    """A file for promtool: the series, and what fires at these moments."""
    tests = []
    for step, fires in moments:
        names = "|".join(fires)
        which = f',alertname=~"{names}"' if fires else ""
        tests.append(
            {
                "expr": f'group by (alertname) (ALERTS{{alertstate="firing"{which}}})',
                "eval_time": f"{step * STEP_S}s",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in fires
                ],
            }
        )
    document = {
        "rule_files": [rules],
        "evaluation_interval": f"{STEP_S}s",
        "tests": [
            {
                "name": name,
                "interval": f"{STEP_S}s",
                "input_series": [
                    {"series": name, "values": _short(values)}
                    for name, values in sorted(recorder.series.items())
                    if _says_something(name, values)
                ],
                "promql_expr_test": tests,
            }
        ],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=1_000_000)
    return text


def _says_something(name: str, values: Sequence[str]) -> bool:
    """Whether a rule could tell a series from one that is not there.

    Rules use counters by how they grow, and gauges that stay 0 by nothing.
    """
    known = {value for value in values if value not in {"_", "stale"}}
    metric = name.partition("{")[0]
    if metric.endswith(("_total", "_bucket", "_count")):
        return len(known) > 1
    return bool(known - {"0"})


def _short(values: list[str]) -> str:
    """The values as promtool writes them, what repeats once: ``7x3`` is four times 7."""
    found: list[tuple[str, int]] = []
    for value in values:
        if found and found[-1][0] == value and value != "stale":
            found[-1] = (value, found[-1][1] + 1)
        else:
            found.append((value, 1))
    return " ".join(
        value if times == 1 else f"{value}x{times if value == '_' else times - 1}"
        for value, times in found
    )


def _number(value: float) -> str:
    return str(int(value)) if value == math.floor(value) else f"{value:.3f}"
