"""A broker that is not there yet, goes away, or stays away."""

from __future__ import annotations

import time

import pytest

from ccstream.devkit.kafka import LocalKafka
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from tests.integration.feed import Feed, settled
from tests.integration.harness import added, publish, wait_until, worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


def test_a_worker_waits_for_its_broker_and_says_so(
    own_cluster: LocalKafka, settings: Settings
) -> None:
    own_cluster.kill()
    with worker(settings, ready=False) as one:
        wait_until(lambda: "no broker yet" in one.log, 30)
        assert settings.kafka.bootstrap in one.log
        assert one.process.poll() is None
        assert not one.ready()
        own_cluster.restart()
        one.wait_ready(60)
        assert "Traceback" not in one.log
        publish(settings.kafka.bootstrap, [added(1, "customer:1")])
        settled(settings, {"customer:1": 1})


@pytest.mark.parametrize("seconds", [2, 25])
def test_nothing_is_lost_and_nothing_twice_while_the_broker_is_away(
    own_cluster: LocalKafka, settings: Settings, seconds: float
) -> None:
    """For a moment, and for longer than a transaction may be open."""
    with worker(settings, supervised=True) as one, Feed(settings.kafka.bootstrap) as feed:
        time.sleep(1)
        own_cluster.kill()
        time.sleep(seconds)
        own_cluster.restart()
        time.sleep(1)
        settled(settings, feed.finish(), 120)
        wait_until(one.ready, 30)
        assert one.stop() == ExitStatus.STOPPED


def test_a_worker_without_supervisor_ends_with_a_reason_when_its_broker_goes(
    own_cluster: LocalKafka, settings: Settings
) -> None:
    with worker(settings) as one, Feed(settings.kafka.bootstrap):
        wait_until(lambda: one.metric("ccstream_events_total") > 100, 30)
        own_cluster.kill()
        assert one.wait_ended(60) in {ExitStatus.BROKER_UNAVAILABLE, ExitStatus.DELIVERY}
        assert len(one.log.splitlines()) < 100
        assert any('"worker ended"' in line and '"reason"' in line for line in one.log.splitlines())
        assert "Traceback" not in one.log
