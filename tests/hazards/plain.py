"""What a plain ``faust.App`` does about the hazards of groups and recovery."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from ccstream.ops.settings import Settings
from tests.support.produce import Sent, produce
from tests.support.source import ROOT
from tests.support.topics import make_topic

PATIENCE_S = 60.0


def within(look: Callable[[], Any], seconds: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class PlainApp:
    """One running app, and what it has said so far."""

    def __init__(self, settings: Settings, name: str, **environment: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.hazards.plain_app", "--datadir", self._folder.name),
                *("worker", "--loglevel=info", "--without-web"),
            ],
            cwd=ROOT,
            stdout=self._log.open("w"),
            stderr=subprocess.STDOUT,
            env=os.environ
            | {"PLAIN_NAME": name, "PLAIN_BOOTSTRAP": settings.kafka.bootstrap}
            | environment,
        )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def said(self, what: str) -> list[list[Any]]:
        lines = (line.partition(f"plain: {what} ")[2] for line in self.log.splitlines())
        return [json.loads(line) for line in lines if line]

    def has(self, seen: bool) -> None:
        assert seen, self.log[-1500:]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._folder.cleanup()


@contextmanager
def plain_app(settings: Settings, name: str, **environment: str) -> Iterator[PlainApp]:
    app = PlainApp(settings, name, **environment)
    try:
        yield app
    finally:
        app.close()


def put(settings: Settings, name: str, count: int) -> None:
    records = [Sent(f"{name}-in", f'"{number}"'.encode(), b"x") for number in range(count)]
    produce(settings.kafka.bootstrap, records)


def topics(settings: Settings, name: str, partitions: int = 2) -> None:
    for direction in ("in", "out"):
        make_topic(settings.kafka.bootstrap, f"{name}-{direction}", partitions)


def emptied(settings: Settings) -> str:
    """A changelog of which nothing is left."""
    name, bootstrap = "emptied", settings.kafka.bootstrap
    changelog = f"{name}-counts-changelog"
    topics(settings, name)
    make_topic(bootstrap, changelog, 2, cleanup_policy="compact,delete")
    produce(bootstrap, [Sent(changelog, f'"{n}"'.encode(), b"1") for n in range(20)])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    all_of = [TopicPartition(changelog, number, -1) for number in range(2)]
    for future in admin.delete_records(all_of).values():
        future.result(20)
    with plain_app(settings, name) as app:
        ended = within(lambda: "Recovery complete" in app.log)
        put(settings, name, 4)
        folds = within(lambda: len(app.said("folded")) == 4, 20)
    return f"recovery ended: {ended}; folds: {folds}"


def hook_at_stop(settings: Settings) -> str:
    name = "stop"
    topics(settings, name)
    with plain_app(settings, name) as app:
        put(settings, name, 2)
        app.has(within(lambda: len(app.said("folded")) == 2))
        before = len(app.said("revoked"))
        app.process.send_signal(signal.SIGTERM)
        app.process.wait(40)
        calls = len(app.said("revoked")) - before
        return f"the hook for revoked partitions was called {calls} times"


def standbys_held(settings: Settings) -> str:
    """Whether a member's assignment tells what it serves from what it stands by for."""
    name = "held"
    topics(settings, name)
    with plain_app(settings, name) as one, plain_app(settings, name) as other:
        put(settings, name, 4)
        one.has(within(lambda: one.said("assigned") and other.said("assigned")))
        time.sleep(10)
        held, actives = one.said("held")[-1]
        changelogs = [found for found in held if found[0] == f"{name}-counts-changelog"]
        served = [found for found in actives if found[0] == f"{name}-in"]
        return f"serves {len(served)} partition, holds {len(changelogs)} of its table's changelog"


def twins(settings: Settings) -> str:
    name, seconds = "twins", 30
    topics(settings, name)
    both = {"PLAIN_SETTINGS": '{"consumer_group_instance_id": "one"}'}
    with plain_app(settings, name, **both) as one:
        one.has(within(lambda: one.said("assigned")))
        with plain_app(settings, name, **both) as other:
            other.has(within(lambda: other.said("assigned")))
            time.sleep(seconds)
            running = sum(app.process.poll() is None for app in (one, other))
            times = len(one.said("assigned")) + len(other.said("assigned"))
        return f"{running} of 2 running {seconds} s later, assigned {times} times in all"


def committed(settings: Settings, name: str) -> int:
    """How many records of its input the app's group is beyond."""
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap})
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)]).values()
    return sum(
        max(0, one.offset)
        for one in future.result(20).topic_partitions
        if one.topic == f"{name}-in"
    )


def commits_alone(settings: Settings) -> str:
    name = "alone"
    topics(settings, name)
    with plain_app(settings, name) as app:
        put(settings, name, 4)
        app.has(within(lambda: len(app.said("folded")) == 4))
        done = within(lambda: committed(settings, name) == 4, 20)
        return f"nobody asked it to commit, and it has: {done}"


def pause_of_prefetch(settings: Settings) -> str:
    name = "pauses"
    topics(settings, name)
    with plain_app(settings, name, PLAIN_PAUSES="1") as app:
        app.has(within(lambda: app.said("paused")))
        by_faust, by_aiokafka = app.said("paused")[-1]
        return f"of {by_faust} partitions that Faust has paused aiokafka goes on fetching " + str(
            by_faust - by_aiokafka
        )


SCENARIOS = (
    *(emptied, hook_at_stop, standbys_held, twins),
    *(commits_alone, pause_of_prefetch),
)
