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
from tests.integration.harness import (
    added,
    publish,
    synced_units,
    table,
    units,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

CUSTOMERS = 40
SHORT_SESSION = {
    "GROUP__SESSION_TIMEOUT_MS": "6000",
    "GROUP__HEARTBEAT_INTERVAL_MS": "1000",
}


def events(count: int, start: int = 0) -> Iterator[CartItemAdded]:
    for number in range(start, start + count):
        channel = ("web", "app", "store")[number % 3]
        yield added(number, f"customer:{number % CUSTOMERS}", channel)


def expected(count: int) -> dict[str, int]:
    return dict(Counter(f"customer:{number % CUSTOMERS}" for number in range(count)))


def settled(settings: Settings, count: int, timeout: float = 60.0) -> None:
    """Wait until the committed carts hold ``count`` units, then compare all there is."""
    bootstrap, app_id = settings.kafka.bootstrap, settings.app_id
    wait_until(
        lambda: sum(units(table(bootstrap, app_id, "carts")).values()) >= count, timeout, every=0.5
    )
    time.sleep(0.5)
    assert units(table(bootstrap, app_id, "carts")) == expected(count)
    assert synced_units(bootstrap) == expected(count)


def test_a_worker_killed_while_folding_loses_nothing_and_repeats_nothing(
    settings: Settings,
) -> None:
    bootstrap = settings.kafka.bootstrap
    with worker(settings, **SHORT_SESSION) as first:
        feeding = threading.Thread(
            target=lambda: [publish(bootstrap, events(100, i * 100)) for i in range(40)]
        )
        feeding.start()
        time.sleep(1.0)
        first.signal(signal.SIGKILL)
        with worker(settings, **SHORT_SESSION):
            feeding.join()
            settled(settings, 4000)


def test_two_workers_share_and_one_takes_over_when_the_other_dies(settings: Settings) -> None:
    bootstrap = settings.kafka.bootstrap
    with worker(settings, **SHORT_SESSION) as first, worker(settings, **SHORT_SESSION) as second:
        publish(bootstrap, events(1000))
        wait_until(lambda: second.metric("ccstream_events_total") > 0, 30)
        wait_until(lambda: first.metric("ccstream_events_total") > 0, 30)
        second.signal(signal.SIGKILL)
        publish(bootstrap, events(1000, 1000))
        settled(settings, 2000)


def test_a_frozen_worker_that_wakes_up_is_fenced_and_changes_nothing(settings: Settings) -> None:
    bootstrap = settings.kafka.bootstrap
    with worker(settings, **SHORT_SESSION) as zombie:
        publish(bootstrap, events(500))
        settled(settings, 500)
        zombie.signal(signal.SIGSTOP)
        publish(bootstrap, events(500, 500))
        with worker(settings, **SHORT_SESSION):
            settled(settings, 1000)
            zombie.signal(signal.SIGCONT)
            publish(bootstrap, events(500, 1000))
            assert zombie.process.wait(30) == ExitStatus.FENCED, zombie.log[-2000:]
            settled(settings, 1500)


def test_of_two_workers_with_one_instance_id_one_ends(settings: Settings) -> None:
    bootstrap = settings.kafka.bootstrap
    twin = SHORT_SESSION | {"GROUP__INSTANCE_ID": "twin"}
    with worker(settings, **twin) as first:
        with worker(settings, ready=False, **twin) as second:
            wait_until(
                lambda: first.process.poll() is not None or second.process.poll() is not None, 40
            )
            ended = first if first.process.poll() is not None else second
            assert ended.process.returncode == ExitStatus.FENCED, ended.log[-2000:]
            publish(bootstrap, events(500))
            settled(settings, 500)


def test_stopping_takes_under_five_seconds_and_a_restart_repeats_nothing(
    settings: Settings,
) -> None:
    bootstrap = settings.kafka.bootstrap
    with worker(settings) as first:
        publish(bootstrap, events(2000))
        started = time.monotonic()
        assert first.stop() == ExitStatus.STOPPED, first.log[-2000:]
        assert time.monotonic() - started < 5
    with worker(settings) as second:
        settled(settings, 2000)
        assert second.stop() == ExitStatus.STOPPED
    with worker(settings) as third:
        time.sleep(1)
        assert third.metric("ccstream_events_total") == 0
        settled(settings, 2000)


def test_an_idle_worker_stays_a_member_beyond_the_poll_interval(settings: Settings) -> None:
    bootstrap = settings.kafka.bootstrap
    with worker(settings, GROUP__MAX_POLL_INTERVAL_MS="5000", **SHORT_SESSION) as idle:
        time.sleep(12)
        assert idle.process.poll() is None, idle.log[-2000:]
        assert idle.metric("ccstream_rebalances_total") == 1
        publish(bootstrap, events(100))
        settled(settings, 100)
