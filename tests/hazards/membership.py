"""What a plain ``faust.App`` does when its group or its fetching goes wrong, or its rows age."""

from __future__ import annotations

import json
import time

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from ccstream.ops.settings import Settings
from ccstream.wire.partition import partition_for
from tests.hazards.plain import PlainApp, committed, plain_app, put, topics, within
from tests.support.produce import Sent, produce
from tests.support.topics import make_topic


def members(settings: Settings, name: str) -> int:
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap})
    (future,) = admin.describe_consumer_groups([name]).values()
    return len(future.result(20).members)


def parked(settings: Settings) -> str:
    """An error of joining: somebody else is in the group, with another way of assigning."""
    name = "parked"
    topics(settings, name)
    other = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": name,
            "partition.assignment.strategy": "range",
        }
    )
    other.subscribe([f"{name}-in"])
    assert within(lambda: other.poll(0.1) or other.assignment())
    with plain_app(settings, name) as app:
        refused = within(lambda: other.poll(0.1) or "InconsistentGroupProtocol" in app.log, 20)
        within(lambda: other.poll(0.1) or app.process.poll() is not None, 10)
        running = app.process.poll() is None
        other.close()
        joins = within(lambda: app.said("assigned"), 20)
    return (
        f"refused: {refused}; running 10 s later: {running}; joins within 20 s of the other's "
        f"leaving: {joins}"
    )


def unpolled(settings: Settings) -> str:
    """A group whose only member is busy for longer than the poll interval."""
    name = "unpolled"
    topics(settings, name)
    options = {"broker_max_poll_interval": 4, "stream_buffer_maxsize": 1}
    environment = {"PLAIN_SETTINGS": json.dumps(options), "PLAIN_HANDLING_S": "1"}
    with plain_app(settings, name, **environment) as app:
        app.has(within(lambda: app.said("assigned")))
        put(settings, name, 15)
        left = within(lambda: members(settings, name) == 0, 20)
        within(lambda: len(app.said("folded")) >= 15, 20)
        back = within(lambda: members(settings, name) == 1, 15)
        put(settings, name, 2)
        goes_on = within(lambda: len(app.said("folded")) >= 17, 10)
        running = app.process.poll() is None
    return (
        f"leaves: {left}; is back 15 s after the last event: {back}; "
        f"folds what comes then: {goes_on}; running: {running}"
    )


def stuck(settings: Settings) -> str:
    """Whether an agent that never ends is told of; and whether an idle one is left alone."""
    name = "stuck"
    topics(settings, name)
    options = {"stream_processing_timeout": 5, "broker_commit_livelock_soft_timeout": 5}
    environment = {"PLAIN_SETTINGS": json.dumps(options), "PLAIN_HANDLING_S": "600"}
    with plain_app(settings, name, **environment) as app:
        app.has(within(lambda: app.said("assigned")))
        time.sleep(15)
        idle = app.log.count("[ERROR]")
        put(settings, name, 4)
        app.has(within(lambda: app.said("folding")))
        told = within(lambda: app.log.count("[ERROR]") > idle, 25)
    return f"told while idle: {idle} times; an agent that never ends: {told}"


def expiry(settings: Settings) -> str:
    """Whether a window's rows go after their time, with a restart in between and without."""
    name, window_s = "expiry", 6
    topics(settings, name)
    options = {"table_cleanup_interval": 1}
    environment = {"PLAIN_SETTINGS": json.dumps(options), "PLAIN_WINDOW_S": str(window_s)}

    def has_rows(app: PlainApp, count: int) -> bool:
        return app.said("recent")[-1:] == [[count]]

    with plain_app(settings, name, **environment) as app:
        app.has(within(lambda: app.said("assigned")))
        put(settings, name, 2)
        app.has(within(lambda: has_rows(app, 2)))
        alone = within(lambda: has_rows(app, 0), 3 * window_s)
        put(settings, name, 2)
        app.has(within(lambda: has_rows(app, 2)))
        app.has(within(lambda: committed(settings, name) == 4))
        app.process.terminate()
        app.process.wait(40)
    with plain_app(settings, name, **environment) as app:
        app.has(within(lambda: has_rows(app, 2)))
        gone = within(lambda: has_rows(app, 0), 3 * window_s)
    return f"gone after {3 * window_s} s without a restart: {alone}; with one in between: {gone}"


class Restored:
    """An input whose every key has a row already, in a changelog that takes a while to read."""

    ROWS = 40_000
    RECORDS = 200

    def __init__(self, settings: Settings, name: str) -> None:
        changelog, bootstrap = f"{name}-counts-changelog", settings.kafka.bootstrap
        topics(settings, name)
        make_topic(bootstrap, changelog, 2, cleanup_policy="compact")
        keys = (f'"{number}"' for number in range(self.ROWS))
        produce(
            bootstrap,
            [
                Sent(changelog, json.dumps(key), b"1", (), partition_for(key.encode(), 2))
                for key in keys
            ],
        )
        self.settings, self.name = settings, name
        self.send(0)

    def send(self, first: int) -> None:
        records = range(first, first + self.RECORDS)
        produce(
            self.settings.kafka.bootstrap,
            [Sent(f"{self.name}-in", f'"{number}"'.encode(), b"x") for number in records],
        )

    def folds(self, *apps: PlainApp) -> str:
        """What is handled of what was there before, and of as much that comes afterwards."""

        def handled(first: int) -> int:
            keys = {int(key.strip('"')) for app in apps for key, _ in app.said("folded")}
            return len(keys & set(range(first, first + self.RECORDS)))

        count = self.RECORDS
        within(lambda: all("Worker ready" in app.log for app in apps), 30)
        within(lambda: handled(0) == count, 10)
        self.send(count)
        within(lambda: handled(count) == count, 10)
        within(lambda: committed(self.settings, self.name) == 2 * count, 5)
        without = sum(rows == 1 for app in apps for _, rows in app.said("folded"))
        return (
            f"of {count} records {handled(0)} are handled, of {count} later ones {handled(count)}, "
            f"{without} without their row; it is beyond {committed(self.settings, self.name)}"
        )


def fetched_early(settings: Settings) -> str:
    """Whether records that were there before a recovery ended are all handled."""
    restored = Restored(settings, "early")
    with plain_app(settings, "early") as app:
        return restored.folds(app)


def overtaken(settings: Settings) -> str:
    """The same, where a second app comes during the first one's recovery."""
    name = "overtaken"
    restored = Restored(settings, name)
    with plain_app(settings, name) as one:
        one.has(within(lambda: one.said("assigned")))
        with plain_app(settings, name) as other:
            one.has(within(lambda: len(one.said("assigned")) > 1))
            overtook = "Restore complete" not in one.log.rpartition("plain: assigned")[0]
            said = restored.folds(one, other)
    return f"{said}; the second came during the recovery: {overtook}"


SCENARIOS = (*(parked, unpolled, stuck, expiry, fetched_early, overtaken),)
