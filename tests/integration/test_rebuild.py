"""A second application folds the log anew beside a worker, is compared with it, and takes over."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from ccstream.client import (
    CartCleared,
    CartItemAdded,
    CartItemRemoved,
    ChannelPublisher,
    IdentifiersLinked,
    IdentifierUnlinked,
    ProductViewed,
    SyncView,
)
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.kafka import LocalKafka
from ccstream.evidence.differences import fingerprint
from ccstream.ops.settings import Settings
from ccstream.wire.headers import CE_SOURCE, epoch_of, header, sync_source
from tests.integration.harness import (
    Worker,
    added,
    codec,
    make_topics,
    publish,
    read,
    settings_for,
    table,
    units,
    wait_until,
    worker,
)
from tests.support.brokers import why_no_local_kafka

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

COMMAND_S_MAX = 90.0
NOT_CROSSED_S = 0.02
"""Between two events, which are of two topics and may be folded in the other order."""

TAKEN_IN_S_MAX = 30.0

ABANDONED = {"SIGNALS__CART_ABANDONED_AFTER_MS": "300"}


@pytest.fixture(params=["embedded", "real"])
def fresh_app(request: pytest.FixtureRequest, unique: str) -> Iterator[Settings]:
    """An application alone on its cluster: others' tokens would be strange to it."""
    real = request.param == "real"
    missing = why_no_local_kafka() if real else None
    if missing:
        pytest.skip(f"needs a Kafka of its own: {missing}")
    with LocalKafka() if real else EmbeddedKafka() as kafka:
        made = settings_for(kafka.bootstrap, unique)
        make_topics(made)
        yield made


def environment(settings: Settings) -> dict[str, str]:
    kafka = settings.kafka
    return os.environ | {
        "CCSTREAM_APP_ID": settings.app_id,
        "CCSTREAM_KAFKA__BOOTSTRAP": kafka.bootstrap,
        "CCSTREAM_KAFKA__PARTITIONS": str(kafka.partitions),
        "CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS": str(kafka.connect_timeout_ms),
        **{f"CCSTREAM_{name}": value for name, value in ABANDONED.items()},
    }


def ccstream(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccstream", *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=COMMAND_S_MAX,
        check=False,
    )


def rebuilt(settings: Settings, new: str, *arguments: str) -> None:
    done = ccstream(settings, "rebuild", "--as", new, "--until-caught-up", *arguments)
    assert done.returncode == 0, done.stderr[-4000:]


def compared(settings: Settings, new: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = ccstream(settings, "diff", settings.app_id, new, "--json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


@contextmanager
def rebuilding(settings: Settings, new: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ccstream", "rebuild", "--as", new, "--no-restart"],
            env=environment(settings),
            stdout=output,
            stderr=output,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(20)


class TakenIn:
    """Which events have been folded, wherever they were sent on to, by what is published of it."""

    def __init__(self, bootstrap: str) -> None:
        topic, self._ids = "sync.touches.v1", set[str]()
        asked = {"bootstrap.servers": bootstrap, "group.id": "taken in", "fetch.wait.max.ms": 5}
        self._reader = Consumer(asked | {"isolation.level": "read_uncommitted"})
        numbers = self._reader.list_topics(topic, timeout=10).topics[topic].partitions
        self._reader.assign([TopicPartition(topic, number, 0) for number in numbers])

    def __enter__(self) -> TakenIn:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    async def wait_for(self, ids: set[str]) -> None:
        ends = time.monotonic() + TAKEN_IN_S_MAX
        while not ids <= self._ids:
            assert time.monotonic() < ends, f"not folded: {len(ids - self._ids)} of {len(ids)}"
            for message in await asyncio.to_thread(self._reader.consume, 500, 0.05):
                if message.error() is None and message.value() is not None:
                    self._ids.add(codec.decode(message.value())[1]["cause"]["event_id"])


async def shop(settings: Settings, seed: int, rounds: int = 120) -> None:
    """Customers who change channels, log in and out, and take things out of their baskets again.

    What a removal waits for depends on which events were folded before it. On a busy machine that
    may be others than were appended before it, and then it may differ, as ADR 26 says.
    """
    rng = random.Random(seed)
    bootstrap, mine = settings.kafka.bootstrap, settings.app_id
    people = [f"customer:{mine}-{seed}-{n}" for n in range(4)]
    browsers = [f"visitor:{mine}-{seed}-{n}" for n in range(6)]
    before = set[str]()
    with TakenIn(bootstrap) as taken_in:
        async with (
            SyncView(bootstrap=bootstrap) as view,
            ChannelPublisher(bootstrap=bootstrap, channel="web", source="shop", view=view) as web,
            ChannelPublisher(bootstrap=bootstrap, channel="app", source="phone", view=view) as app,
        ):
            for _ in range(rounds):
                where, who = rng.choice([web, app]), rng.choice(people)
                if rng.random() < 0.5:
                    where, who = web, rng.choice(browsers)
                sku, what = rng.choice(["tea", "cup", "hat"]), rng.random()
                if 0.5 <= what < 0.75:
                    await taken_in.wait_for(before)
                    if view.observed(who) is None:
                        continue  # who has seen nothing removes what is there, in whichever order
                if what < 0.5:
                    event = where.event(CartItemAdded, who, sku=sku, quantity=rng.randint(1, 3))
                elif what < 0.7:
                    event = where.event(CartItemRemoved, who, sku=sku)
                elif what < 0.75:
                    event = where.event(CartCleared, who)
                elif what < 0.87:
                    where, linked = web, (rng.choice(people),)
                    event = web.event(IdentifiersLinked, rng.choice(browsers), identifiers=linked)
                elif what < 0.92:
                    where = web
                    event = web.event(IdentifierUnlinked, rng.choice(browsers))
                else:
                    event = where.event(ProductViewed, who, sku=sku)
                await where.publish(event)
                if not isinstance(event, IdentifiersLinked | IdentifierUnlinked):
                    before.add(event.event_id)
                await asyncio.sleep(NOT_CROSSED_S)


def versions(settings: Settings, topic: str = "sync.carts.v1") -> dict[str, list[int]]:
    """The versions of each key of this test, as a reader of committed records meets them."""
    found: dict[str, list[int]] = {}
    for message in read(settings.kafka.bootstrap, topic):
        key = message.key().decode()
        if settings.app_id in key and message.value() is not None and message_is_ours(message):
            found.setdefault(key, []).append(codec.decode(message.value())[1]["version"])
    return found


def message_is_ours(message: Any) -> bool:
    return header(message.headers(), CE_SOURCE) is not None


async def test_what_is_rebuilt_from_the_log_is_equal_though_events_tell_what_they_had_seen(
    fresh_app: Settings,
) -> None:
    app, new = fresh_app, f"{fresh_app.app_id}-2"
    with worker(app, **ABANDONED):
        await shop(app, 1)
        await asyncio.sleep(1.0)
        rebuilt(app, new)
        code, found = compared(app, new)
        assert code == 0, json.dumps(found)
        assert found["tables"]["carts"]["old_rows"] > 0
        assert found["tables"]["aliases"]["old_rows"] > 0
        await shop(app, 2)  # it goes on where it was
        rebuilt(app, new)
        code, found = compared(app, new)
    assert code == 0, json.dumps(found)
    assert found["behind"] == 0
    assert not found["first"]


def test_other_rules_show_what_they_would_have_made_and_whom_they_concern_by_no_name(
    fresh_app: Settings, tmp_path: Path
) -> None:
    app, new = fresh_app, f"{fresh_app.app_id}-if"
    rules, subject = tmp_path / "rules.toml", f"customer:{fresh_app.app_id}"
    beat = f"heartbeat:{fresh_app.app_id}"
    rules.write_text("[cart]\nlines_max = 2\n")
    with worker(app, **ABANDONED):
        publish(app.kafka.bootstrap, [added(n, who) for n in range(3) for who in (beat, subject)])
        wait_until(
            lambda: units(table(app.kafka.bootstrap, app.app_id, "carts")).get(subject) == 3, 30
        )
        rebuilt(app, new, "--with", str(rules))
        code, found = compared(app, new)
    assert code == 1
    ours = [one for one in found["first"] if one["table"] == "carts"]
    assert ours[0]["how"] == "other"
    assert "lines" in ours[0]["fields"]
    assert units(table(app.kafka.bootstrap, new, "carts"))[subject] == 2
    assert subject not in json.dumps(found)
    assert units(table(app.kafka.bootstrap, new, "carts"))[beat] == 2
    shown = {one["fingerprint"] for one in found["first"]}
    assert fingerprint(subject) in shown
    assert fingerprint(beat) not in shown, "heartbeats are not compared"
    synced = read(app.kafka.bootstrap, f"{new}.sync.carts.v1")
    assert any(message.key() == subject.encode() for message in synced)


async def test_at_the_cut_over_versions_go_on_and_the_old_application_does_not_come_back(
    fresh_app: Settings, tmp_path: Path
) -> None:
    app = fresh_app
    new = app.model_copy(update={"app_id": f"{app.app_id}-2"})
    log = tmp_path / "rebuild.log"
    with worker(app, **ABANDONED) as old, rebuilding(app, new.app_id, log) as rebuild:
        await shop(app, 3, 60)
        wait_until(lambda: '"serving"' in log.read_text() or rebuild.poll() is not None, 60)
        assert rebuild.poll() is None, log.read_text()[-3000:]
        assert old.stop() == 0
        code, found = compared(app, new.app_id, "--wait", "60")
        assert code == 0, (found, log.read_text()[-3000:])
        rebuild.terminate()
        assert rebuild.wait(60) == 0, log.read_text()[-3000:]
    before = versions(app)
    with worker(new, **ABANDONED) as cut_over:
        await shop(app, 3, 60)
        wait_until(
            lambda: sum(map(len, versions(app).values())) > sum(map(len, before.values())), 30
        )
        cut_over.stop()
    after = versions(app)
    assert sum(map(len, after.values())) > sum(map(len, before.values()))
    for key, seen in after.items():
        assert seen == sorted(seen), f"versions of {key} went back"
    epochs = {
        (m.partition(), header(m.headers(), CE_SOURCE)): epoch_of(m.headers())
        for m in read(app.kafka.bootstrap, "sync.carts.v1")
    }
    for number in range(app.kafka.partitions):
        of_old = epochs.get((number, sync_source(app.app_id)))
        of_new = epochs.get((number, sync_source(new.app_id)))
        assert of_old is None or of_new is None or of_old < of_new
    revenant = Worker(app)
    try:
        assert revenant.wait_ended(60) == 4
        assert "of the same state, has folded" in revenant.log
    finally:
        revenant.close()
    rebuilt(new, app.app_id)  # the way back
    code, found = compared(new, app.app_id)
    assert code == 0, json.dumps(found)
    with worker(app, **ABANDONED) as again:
        wait_until(lambda: again.serving() == set(range(app.kafka.partitions)), 60)
