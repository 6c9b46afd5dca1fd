"""A broker that is not there yet, goes away, or stays away."""

from __future__ import annotations

import time

import pytest

from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.ports import free_port
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from tests.integration.feed import Feed, settled
from tests.integration.harness import added, publish, settings_for, wait_until, worker
from tests.support.machine import Stopwatch

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

SHORT_SESSION = {
    "GROUP__SESSION_TIMEOUT_MS": "6000",
    "GROUP__HEARTBEAT_INTERVAL_MS": "1000",
}


def test_a_worker_waits_for_its_broker_and_says_so(cluster: LocalKafka, app: Settings) -> None:
    cluster.kill()
    with worker(app, ready=False) as one:
        wait_until(lambda: "no broker yet" in one.log, 30)
        assert app.kafka.bootstrap in one.log
        assert one.process.poll() is None
        assert not one.ready()
        cluster.restart()
        one.wait_ready(60)
        assert "Traceback" not in one.log
        customer = f"customer:{app.app_id}"
        publish(app.kafka.bootstrap, [added(1, customer)])
        settled(app, {customer: 1})


@pytest.mark.parametrize("supervised", [True, False])
def test_a_worker_that_waits_for_its_broker_can_be_stopped_at_once(supervised: bool) -> None:
    nowhere = settings_for(f"127.0.0.1:{free_port()}", "app")
    with worker(nowhere, ready=False, supervised=supervised) as one:
        wait_until(lambda: "no broker yet" in one.log, 30)
        with Stopwatch() as stopping:
            assert one.stop() == ExitStatus.STOPPED
        assert stopping.kept(5), stopping


@pytest.mark.parametrize("seconds", [2, 25])
def test_nothing_is_lost_and_nothing_twice_while_the_broker_is_away(
    cluster: LocalKafka, app: Settings, seconds: float
) -> None:
    """For a moment, and for longer than a transaction may be open."""
    with (
        worker(app, supervised=True, **SHORT_SESSION) as one,
        Feed(app.kafka.bootstrap, app.app_id) as feed,
    ):
        time.sleep(1)
        cluster.kill()
        time.sleep(seconds)
        cluster.restart()
        time.sleep(1)
        settled(app, feed.finish(), 120)
        wait_until(one.ready, 30)
        assert one.stop() == ExitStatus.STOPPED


def test_a_worker_without_supervisor_ends_with_a_reason_when_its_broker_goes(
    cluster: LocalKafka, app: Settings
) -> None:
    with worker(app, **SHORT_SESSION) as one, Feed(app.kafka.bootstrap, app.app_id):
        wait_until(lambda: one.metric("ccstream_events_total") > 100, 30)
        cluster.kill()
        assert one.wait_ended(60) in {ExitStatus.BROKER_UNAVAILABLE, ExitStatus.DELIVERY}
        assert len(one.log.splitlines()) < 100
        assert any('"worker ended"' in line and '"reason"' in line for line in one.log.splitlines())
        assert "Traceback" not in one.log
    cluster.restart()
