"""Workers die, freeze and come back: every event has its effect once."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from ccstream.domain.events import CartItemAdded
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from tests.integration.feed import settled
from tests.integration.harness import added, publish, wait_until, worker
from tests.support.machine import Stopwatch

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

CUSTOMERS = 40
SHORT_SESSION = {
    "GROUP__SESSION_TIMEOUT_MS": "6000",
    "GROUP__HEARTBEAT_INTERVAL_MS": "1000",
}
"""Of who is to be killed or frozen; a session is its member's own."""

LONG_SESSION = {"GROUP__SESSION_TIMEOUT_MS": "45000"}
"""Of who is to survive, also where the machine stands still for a while."""


def events(app: Settings, count: int, start: int = 0) -> Iterator[CartItemAdded]:
    for number in range(start, start + count):
        channel = ("web", "app", "store")[number % 3]
        yield added(number, f"customer:{app.app_id}-{number % CUSTOMERS}", channel)


def folded(app: Settings, count: int) -> None:
    """Wait until the first ``count`` events are in the tables; then nothing else is."""
    settled(app, dict(Counter(event.subject for event in events(app, count))))


def test_a_worker_killed_while_folding_loses_nothing_and_repeats_nothing(
    app: Settings,
) -> None:
    bootstrap = app.kafka.bootstrap
    with worker(app, **SHORT_SESSION) as first:
        feeding = threading.Thread(
            target=lambda: [publish(bootstrap, events(app, 100, i * 100)) for i in range(40)]
        )
        feeding.start()
        wait_until(lambda: first.metric("ccstream_events_total") > 300, 30)
        first.signal(signal.SIGKILL)
        with worker(app, **LONG_SESSION):
            feeding.join()
            folded(app, 4000)


def test_two_workers_share_and_one_takes_over_when_the_other_dies(app: Settings) -> None:
    bootstrap = app.kafka.bootstrap
    with worker(app, **LONG_SESSION) as first, worker(app, **SHORT_SESSION) as second:
        publish(bootstrap, events(app, 1000))
        wait_until(lambda: second.metric("ccstream_events_total") > 0, 30)
        wait_until(lambda: first.metric("ccstream_events_total") > 0, 30)
        second.signal(signal.SIGKILL)
        publish(bootstrap, events(app, 1000, 1000))
        folded(app, 2000)


def test_a_frozen_worker_that_wakes_up_is_fenced_and_changes_nothing(app: Settings) -> None:
    bootstrap = app.kafka.bootstrap
    with worker(app, **SHORT_SESSION) as zombie:
        publish(bootstrap, events(app, 500))
        folded(app, 500)
        zombie.signal(signal.SIGSTOP)
        publish(bootstrap, events(app, 500, 500))
        with worker(app, **LONG_SESSION):
            folded(app, 1000)
            zombie.signal(signal.SIGCONT)
            publish(bootstrap, events(app, 500, 1000))
            assert zombie.wait_ended() == ExitStatus.FENCED, zombie.log[-2000:]
            folded(app, 1500)


def test_of_two_workers_with_one_instance_id_one_ends(app: Settings) -> None:
    bootstrap = app.kafka.bootstrap
    twin = LONG_SESSION | {"GROUP__INSTANCE_ID": "twin"}
    with worker(app, **twin) as first:
        with worker(app, ready=False, **twin) as second:
            wait_until(
                lambda: first.process.poll() is not None or second.process.poll() is not None, 40
            )
            ended = first if first.process.poll() is not None else second
            assert ended.process.returncode == ExitStatus.FENCED, ended.log[-2000:]
            publish(bootstrap, events(app, 500))
            folded(app, 500)


def test_stopping_takes_under_five_seconds_and_a_restart_repeats_nothing(
    app: Settings,
) -> None:
    bootstrap = app.kafka.bootstrap
    with worker(app) as first:
        publish(bootstrap, events(app, 2000))
        with Stopwatch() as stopping:
            assert first.stop() == ExitStatus.STOPPED, first.log[-2000:]
        assert stopping.kept(5), stopping
    with worker(app) as second:
        folded(app, 2000)
        assert second.stop() == ExitStatus.STOPPED
    with worker(app) as third:
        time.sleep(1)
        assert third.metric("ccstream_events_total") == 0
        folded(app, 2000)


def test_an_idle_worker_stays_a_member_beyond_the_poll_interval(app: Settings) -> None:
    bootstrap = app.kafka.bootstrap
    with worker(app, GROUP__MAX_POLL_INTERVAL_MS="5000", **LONG_SESSION) as idle:
        time.sleep(12)
        assert idle.process.poll() is None, idle.log[-2000:]
        assert idle.metric("ccstream_rebalances_total") == 1
        publish(bootstrap, events(app, 100))
        folded(app, 100)
