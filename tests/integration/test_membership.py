"""Workers come and go, and share what there is; what they fold does not depend on it."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack

import pytest

from ccstream.devkit.kafka import LocalKafka
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.partition import partition_for
from tests.integration.feed import Feed, settled
from tests.integration.harness import (
    PARTITIONS,
    Worker,
    added,
    codec,
    make_topics,
    publish,
    read,
    settings_for,
    table,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


WATCHED = 6.0
"""Seconds after each step of an upgrade: a rebalance and what follows it."""


def folded(one: Worker) -> float:
    return one.metric("ccstream_events_total")


def test_from_one_worker_to_three_to_two_under_load_the_tables_are_the_same(
    app: Settings,
) -> None:
    with (
        Feed(app.kafka.bootstrap, app.app_id) as feed,
        worker(app) as first,
        worker(app, ready=False) as second,
        worker(app, ready=False) as third,
    ):
        second.wait_ready(60)
        third.wait_ready(60)
        for one in (first, second, third):
            before = folded(one)
            wait_until(lambda one=one, before=before: folded(one) > before, 60)
        assert second.stop() == ExitStatus.STOPPED, second.log[-2000:]
        for one in (first, third):
            before = folded(one)
            wait_until(lambda one=one, before=before: folded(one) > before, 60)
        expected = feed.finish()
        settled(app, expected)
        assert first.process.poll() is None, first.log[-2000:]
        assert third.process.poll() is None, third.log[-2000:]
    versions: dict[bytes, int] = {}
    for message in read(app.kafka.bootstrap, SYNC_TOPICS["carts"]):
        if message.key().decode() in expected:
            version = codec.decode(message.value())[1]["version"]
            assert version > versions.get(message.key(), 0)
            versions[message.key()] = version


def test_who_waited_for_a_dead_member_longer_than_a_session_begins_with_what_piled_up(
    app: Settings,
) -> None:
    patient = {"GROUP__SESSION_TIMEOUT_MS": "30000", "GROUP__REBALANCE_TIMEOUT_MS": "30000"}
    hasty = {"GROUP__SESSION_TIMEOUT_MS": "12000", "GROUP__HEARTBEAT_INTERVAL_MS": "3000"}
    subject = f"customer:{app.app_id}"
    with worker(app, **patient) as frozen:
        frozen.signal(signal.SIGSTOP)
        publish(app.kafka.bootstrap, (added(number, subject) for number in range(100)))
        with worker(app, **hasty) as successor:
            settled(app, {subject: 100})
            assert successor.process.poll() is None, successor.log[-2000:]


def test_a_number_of_which_only_a_part_is_assigned_waits_until_it_is_whole(
    cluster: LocalKafka, unique: str
) -> None:
    """As in a rolling upgrade that adds a channel: the old worker knows nothing of it."""
    app = settings_for(cluster.bootstrap, unique, channels_extra=("kiosk",))
    make_topics(app)
    subjects = {
        partition_for(key.encode(), PARTITIONS): key
        for key in (f"customer:{unique}-{number}" for number in range(40))
    }
    assert len(subjects) == PARTITIONS
    with worker(app) as old, worker(app, CHANNELS_EXTRA="kiosk") as new:
        wait_until(lambda: new.metric("ccstream_partition_paused") > 0, 30)
        paused = int(new.metric("ccstream_partition_paused"))
        assert 0 < paused < PARTITIONS
        assert "waiting for the rest of partitions" in new.log
        publish(cluster.bootstrap, (added(1, key, "kiosk") for key in subjects.values()))

        def held() -> int:
            return len(set(subjects.values()) & set(table(cluster.bootstrap, unique, "carts")))

        wait_until(lambda: held() >= PARTITIONS - paused, 30)
        time.sleep(1)
        assert held() == PARTITIONS - paused
        assert old.stop() == ExitStatus.STOPPED
        settled(app, dict.fromkeys(subjects.values(), 1))
        assert new.metric("ccstream_partition_paused") == 0


def test_a_rolling_upgrade_that_adds_a_channel_gives_no_number_two_owners_and_loses_nothing(
    cluster: LocalKafka, unique: str
) -> None:
    app = settings_for(cluster.bootstrap, unique, channels_extra=("kiosk",))
    make_topics(app)
    with ExitStack() as stack:
        feed = stack.enter_context(Feed(app.kafka.bootstrap, unique))
        workers = [stack.enter_context(worker(app)) for _ in range(2)]
        for place in range(2):
            assert workers[place].stop() == ExitStatus.STOPPED, workers[place].log[-2000:]
            workers[place] = stack.enter_context(worker(app, CHANNELS_EXTRA="kiosk"))
            until = time.monotonic() + WATCHED
            while time.monotonic() < until:
                # One after the other: a number that moves meanwhile is seen at both, yet not
                # again at the first.
                asked = (*workers, workers[0])
                first, second, again = (one.serving() for one in asked)
                assert not first & second & again
                time.sleep(0.1)
        wait_until(
            lambda: set.union(*(one.serving() for one in workers)) == set(range(PARTITIONS)), 60
        )
        at_the_kiosk = f"customer:{unique}-kiosk"
        publish(cluster.bootstrap, [added(1, at_the_kiosk, "kiosk")])
        settled(app, feed.finish() | {at_the_kiosk: 1})
        for one in workers:
            assert one.process.poll() is None, one.log[-2000:]
            assert one.metric("ccstream_partition_paused") == 0
