"""Records what Prometheus sees while a fault of the chaos suite goes on.

``python -m tests.chaos.record_alerts`` takes three quarters of an hour, ``… "broker killed"`` three
minutes, and writes a file each to ``deploy/prometheus/recorded/``, which promtool then runs the
rules on. Which alerts have to fire is said in `tests.chaos.held`, not taken from the run. As in
production, ``ccstream heartbeat`` runs beside the workers, and channels publish.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from ccstream.devkit.ports import LOOPBACK
from ccstream.ops.health import Health
from ccstream.ops.heartbeat import SHOWN, Prober
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from tests.chaos.cluster import Cluster
from tests.chaos.disk import Disk
from tests.chaos.faults import FAULTS, Fault, Plan, available
from tests.chaos.held import CALM, HELD, Held
from tests.chaos.run import COMPACT_LATER, Run
from tests.integration.feed import Feed
from tests.support.alert_recorder import FOLDER, STEP_S, Recorder, Target, rule_tests

__all__ = ["RECORDED"]

RECORDED: Final = FOLDER / "recorded"

CALM_S: Final = 60.0
WARM_S: Final = 15.0
"""Before the first scrape: what a start makes late is no part of calm."""

PAUSE_S: Final = 0.02
"""Between two events: fewer than a test's, for what a restart has to restore grows for minutes."""

SEED: Final = 26

HEAD: Final = """\
# Recorded by `python -m tests.chaos.record_alerts "{name}"` from workers on a real Kafka, their
# heartbeats and 50 events a second: calm for a minute, then {what}.
"""

_NO_FAULT: Final = Fault("undisturbed", lambda _run, _dice: None)


class HeldRun(Run):
    """A run whose fault goes on, and is watched in place of being checked."""

    def __init__(self, cluster: Cluster, fault: Fault, held: Held) -> None:
        plan = Plan(SEED, (fault,), max(fault.workers, 1), static=fault.static, stored=fault.stored)
        super().__init__(cluster, plan)
        self._fault = fault
        self._held = held

    def record(self) -> str:
        """The recording, as promtool takes it."""
        with ExitStack() as stack:
            self.proxy.heal()
            self._direct = self._cluster.fresh(self.app_id)
            self._settings = self._reached_by(self.plan)
            stack.callback(self.proxy.heal)
            if self.plan.stored:
                self.disk = Disk(self.folder / "state", small=self.plan.small_disk)
                stack.callback(self.disk.close)
            stack.callback(self._close_workers)
            if self.plan.compacting:
                self._cluster.configure(self._changelogs(), **COMPACT_LATER)
            for number in range(self.plan.workers):
                instance = self.instance_id(number) if self.plan.static else None
                self.workers.append(self._worker(f"worker{number}", instance))
            for one in self.workers:
                one.wait_ready()
            targets: list[Target] = [
                ("ccstream", one.name, f"http://{LOOPBACK}:{one.port}") for one in self.workers
            ]
            url = stack.enter_context(_heartbeats(self._direct))
            targets.append(("ccstream-heartbeat", "heartbeat", url))
            stack.enter_context(Feed(self.kafka.bootstrap, "recorded", PAUSE_S))
            time.sleep(WARM_S)
            recorder = Recorder(targets)
            scraping = stack.enter_context(_scraped(recorder))
            time.sleep(CALM_S)
            calm = recorder.steps - 1
            self._held.hold(self, self._fault, random.Random(SEED))
            scraping.set()
            fired = recorder.steps - 1
        what = "nothing else" if self._held is CALM else "the fault, until somebody is called"
        return HEAD.format(name=self._held.name, what=what) + rule_tests(
            self._held.name,
            recorder,
            [(calm, ()), (fired, self._held.fires)],
            rules="../alerts.yml",
        )


@contextmanager
def _heartbeats(settings: Settings) -> Iterator[str]:
    """``ccstream heartbeat`` in a thread; where its metrics are."""
    settings = settings.model_copy(
        update={"heartbeat": settings.heartbeat.model_copy(update={"interval_ms": 2_000})}
    )
    metrics = Metrics(only=SHOWN)
    prober, stop = Prober(settings, metrics), threading.Event()
    beats = threading.Thread(target=prober.run, args=(stop,), daemon=True)
    beats.start()
    try:
        with Health(
            lambda: (True, {}), lambda: (True, {}), metrics.registry, LOOPBACK, 0
        ) as health:
            yield health.url
    finally:
        stop.set()
        beats.join(30)
        prober.close()


@contextmanager
def _scraped(recorder: Recorder) -> Iterator[threading.Event]:
    """Scrapes in a thread until the event is set, each at its time."""
    done = threading.Event()

    def scrape() -> None:
        began = time.monotonic()
        while not done.wait(max(0.0, began + recorder.steps * STEP_S - time.monotonic())):
            recorder.step()

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        done.set()
        thread.join(30)


def main(names: list[str]) -> None:
    """Record those named, or all that can be had here."""
    faults = {fault.name: fault for fault in available()} | {CALM.fault: _NO_FAULT}
    missing = {fault.name: fault.missing for fault in FAULTS if fault.missing}
    RECORDED.mkdir(exist_ok=True)
    for held in (CALM, *HELD):
        if names and held.name not in names:
            continue
        if held.fault in missing:
            sys.stdout.write(f"left out: {held.name} ({missing[held.fault]})\n")
            continue
        with Cluster() as cluster:
            text = HeldRun(cluster, faults[held.fault], held).record()
        (RECORDED / held.file).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{RECORDED / held.file}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
