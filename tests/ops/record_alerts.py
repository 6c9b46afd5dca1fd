"""Records what Prometheus sees while a worker hangs, stops answering and dies again and again.

``python -m tests.ops.record_alerts`` takes eight minutes and writes
``deploy/prometheus/alerts_recorded_test.yml``, which promtool then runs the rules on: series as
they are, where those of ``alerts_test.yml`` are written by hand. Which alerts have to fire at the
end of each part is said here, not taken from the run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.ports import free_port
from ccstream.ops.health import Health
from ccstream.ops.heartbeat import SHOWN, Prober
from ccstream.ops.metrics import Metrics
from tests.integration.feed import Feed
from tests.integration.harness import Worker, make_topics, settings_for
from tests.support.alert_recorder import FOLDER, STEP_S, Moment, Recorder, rule_tests

FILE: Final = "alerts_recorded_test.yml"

HEAD: Final = """\
# Recorded by `python -m tests.ops.record_alerts` from a worker, its heartbeats and 200 events a
# second on an embedded broker: calm, then its engine hangs, then the process is stopped, then it
# dies three times.
"""

HANGS: Final = """
import dataclasses, os, time
from ccstream.engine import folding

make_plans = folding.make_plans

def hanging(aggregate):
    def stuck_step(state, event, at):
        while os.path.exists(os.environ["HANG_WHILE"]):
            time.sleep(0.2)
        return aggregate.step(state, event, at)
    return dataclasses.replace(aggregate, step=stuck_step)

folding.make_plans = lambda *given: {
    kind: tuple(map(hanging, plan)) for kind, plan in make_plans(*given).items()
}
"""


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
            [
                ("ccstream", "worker-0", f"http://127.0.0.1:{port}"),
                ("ccstream-heartbeat", "heartbeat", health.url),
            ]
        )
        moments: list[Moment] = []

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
        (FOLDER / FILE).write_text(
            HEAD + rule_tests("a worker has a bad day", recorder, moments), encoding="utf-8"
        )


if __name__ == "__main__":
    record()
    sys.stdout.write(f"{FOLDER / FILE}\n")
