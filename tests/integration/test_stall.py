"""A worker whose engine thread hangs ends with a reason; one that is idle, or alone, does not."""

from __future__ import annotations

import time

import pytest

from ccstream.devkit.kafka import LocalKafka
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC
from tests.integration.harness import (
    added,
    make_topics,
    publish,
    read,
    settings_for,
    synced_units,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

QUICK = {"ENGINE__STALL_TIMEOUT_MS": "4000"}
LONGER_S = 14.0

HANGS = """
import dataclasses, time
from ccstream.engine import folding

make_plans = folding.make_plans

def hanging(aggregate):
    def stuck_step(state, event, at):
        if getattr(event, "sku", "") == "hang":
            time.sleep(1_000)
        return aggregate.step(state, event, at)
    return dataclasses.replace(aggregate, step=stuck_step)

folding.make_plans = lambda *made: {
    kind: tuple(map(hanging, plan)) for kind, plan in make_plans(*made).items()
}
"""


def test_a_fold_that_hangs_ends_the_worker_with_its_place(embedded_kafka: str, unique: str) -> None:
    app = settings_for(embedded_kafka, unique)
    make_topics(app)
    subject = f"customer:{app.app_id}-4711"
    with worker(app, program=HANGS, **QUICK) as one:
        started = time.monotonic()
        publish(app.kafka.bootstrap, [added(1, subject, sku="hang"), added(2, subject)])

        def hangs() -> bool:
            try:
                return one.metric("ccstream_step_seconds") > 1  # its own gauges stand
            except OSError:
                return one.process.poll() is not None

        wait_until(hangs, 60)
        assert one.wait_ended(60) == ExitStatus.STALLED, one.log[-3000:]
        assert time.monotonic() - started > 3.5
        (line,) = [line for line in one.log.splitlines() if '"worker ended"' in line]
        assert "channel.web.events.v1[" in line
        assert "stuck_step" in line
        assert "it stands at offset 1, its log ends at 2" in line
        assert "4711" not in one.log
    with worker(app):
        wait_until(lambda: synced_units(app.kafka.bootstrap).get(subject) == 2, 30)


def test_an_idle_worker_whose_mail_ends_in_markers_goes_on(app: Settings) -> None:
    bootstrap = app.kafka.bootstrap
    with worker(app, **QUICK) as one:
        subjects = [f"customer:{app.app_id}-{n}" for n in range(20)]
        publish(bootstrap, [added(1, subject) for subject in subjects], "consistent_random")
        wait_until(lambda: set(subjects) <= set(synced_units(bootstrap)), 30)
        assert read(bootstrap, MAIL_TOPIC)
        time.sleep(LONGER_S)
        assert one.process.poll() is None, one.log[-2000:]


def test_a_broker_that_is_away_is_no_stall(cluster: LocalKafka, app: Settings) -> None:
    subject = f"customer:{app.app_id}"
    with worker(app, supervised=True, **QUICK) as one:
        publish(app.kafka.bootstrap, [added(1, subject)])
        wait_until(lambda: synced_units(app.kafka.bootstrap).get(subject) == 1, 60)
        cluster.kill()
        time.sleep(LONGER_S)
        assert "nothing was folded" not in one.log
        cluster.restart()
        publish(app.kafka.bootstrap, [added(2, subject)])
        wait_until(lambda: synced_units(app.kafka.bootstrap).get(subject) == 2, 90)
