"""Records what Prometheus sees while a worker hangs, stops answering and dies again and again.

``python -m tests.ops.record_alerts`` takes eight minutes and writes
``deploy/prometheus/alerts_recorded_test.yml``, which promtool then runs the rules on: series as
they are, where those of ``alerts_test.yml`` are written by hand. Which alerts have to fire at the
end of each part is said here, not taken from the run.
"""

from __future__ import annotations

import math
import os
import re
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.ports import free_port
from ccstream.ops.health import Health
from ccstream.ops.heartbeat import SHOWN, Prober
from ccstream.ops.metrics import Metrics
from tests.integration.feed import Feed
from tests.integration.harness import Worker, make_topics, settings_for
from tests.support.source import ROOT

FOLDER: Final = ROOT / "deploy" / "prometheus"
FILE: Final = "alerts_recorded_test.yml"
STEP_S: Final = 10
"""Between two scrapes; Prometheus is told 15 s in deploy/, and a run is shorter so."""

HEAD: Final = """\
# Recorded by `python -m tests.ops.record_alerts` from a worker, its heartbeats and 200 events a
# second on an embedded broker: calm, then its engine hangs, then the process is stopped, then it
# dies three times.
"""

HANGS: Final = """
import dataclasses, os, time
from ccstream.engine import worker

make_plans = worker.make_plans

def hanging(aggregate):
    def stuck_step(state, event, at):
        while os.path.exists(os.environ["HANG_WHILE"]):
            time.sleep(0.2)
        return aggregate.step(state, event, at)
    return dataclasses.replace(aggregate, step=stuck_step)

worker.make_plans = lambda rules, codecs: {
    kind: tuple(map(hanging, plan)) for kind, plan in make_plans(rules, codecs).items()
}
"""

Series = dict[str, list[str]]


class Recorder:
    """Scrapes as Prometheus does, and keeps the series that the rules use."""

    def __init__(self, targets: dict[str, tuple[str, str]]) -> None:
        self._targets = targets
        rules = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
        self._names = set(re.findall(r"\b(?:ccstream|process)_[a-z0-9_]+", rules))
        self._objective = re.compile(r'le="(1\.0|\+Inf|0\.1|2\.0|5\.0)"')
        self.series: Series = {}
        self.steps = 0

    def step(self) -> None:
        """One scrape of all targets."""
        seen: dict[str, float] = {}
        for job, (instance, url) in self._targets.items():
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
                if "le=" not in own or self._objective.search(own):
                    found[name] = sample.value
        return found


def record() -> None:
    """All of it."""
    with ExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka())
        settings = settings_for(kafka.bootstrap, "app", heartbeat__interval_ms=2_000)
        make_topics(settings)
        flag = Path(stack.enter_context(TemporaryDirectory())) / "hang"
        port = str(free_port())

        def start() -> Worker:
            made = Worker(
                settings,
                program=HANGS,
                WEB__PORT=port,
                ENGINE__STALL_TIMEOUT_MS="600000",
            )
            made.port = int(port)  # the same after a restart, as behind a name
            stack.callback(made.close)
            return made

        os.environ["HANG_WHILE"] = str(flag)
        stack.callback(lambda: flag.unlink(missing_ok=True))
        one = start()
        one.wait_ready()
        metrics = Metrics(only=SHOWN)
        prober = Prober(settings, metrics)
        health = stack.enter_context(
            Health(lambda: (True, {}), lambda: (True, {}), metrics.registry, "127.0.0.1", 0)
        )
        stop = threading.Event()
        beats = threading.Thread(target=prober.run, args=(stop,))
        beats.start()
        stack.callback(prober.close)
        stack.callback(beats.join)
        stack.callback(stop.set)
        stack.enter_context(Feed(kafka.bootstrap, "recorded"))
        time.sleep(15)
        recorder = Recorder(
            {
                "ccstream": ("worker-0", f"http://127.0.0.1:{port}"),
                "ccstream-heartbeat": ("heartbeat", health.url),
            }
        )
        moments: list[tuple[int, list[str]]] = []

        def part(steps: int, fires: Iterable[str]) -> None:
            for _ in range(steps):
                began = time.monotonic()
                recorder.step()
                time.sleep(max(0.0, STEP_S - (time.monotonic() - began)))
            moments.append((recorder.steps - 1, sorted(fires)))

        part(6, [])
        flag.touch()
        part(15, ["CcstreamHeartbeatMissing", "CcstreamWorkerHangs"])
        flag.unlink()
        part(2, [])
        moments.pop()
        one.signal(signal.SIGSTOP)
        part(15, ["CcstreamHeartbeatMissing", "CcstreamWorkerDown"])
        for _ in range(3):
            one.close()
            one = start()
            part(3, ["CcstreamWorkerRestarts"])
        del moments[-3:-1]
        (FOLDER / FILE).write_text(HEAD + _tests(recorder, moments), encoding="utf-8")


def _tests(recorder: Recorder, moments: list[tuple[int, list[str]]]) -> str:
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
        "rule_files": ["alerts.yml"],
        "evaluation_interval": f"{STEP_S}s",
        "tests": [
            {
                "name": "a worker has a bad day",
                "interval": f"{STEP_S}s",
                "input_series": [
                    {"series": name, "values": _short(values)}
                    for name, values in sorted(recorder.series.items())
                    if any(value not in {"0", "_", "stale"} for value in values)
                ],
                "promql_expr_test": tests,
            }
        ],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=1_000_000)
    return text


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


if __name__ == "__main__":
    record()
    sys.stdout.write(f"{FOLDER / FILE}\n")
