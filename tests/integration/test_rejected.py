"""What was rejected is found, shown and sent again, and then takes effect once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from ccstream.cli.exits import ExitCode
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.domain import reasons
from ccstream.domain.events import CartItemAdded, Event, IdentifiersLinked
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, SYNC_TOPICS, input_topic
from ccstream.wire.headers import RETRY_OF, TRACEPARENT, event_headers
from tests.integration.harness import (
    Worker,
    added,
    codec,
    make_topics,
    publish,
    read,
    rejected,
    settings_for,
    synced_units,
    wait_until,
    worker,
)
from tests.support.brokers import why_no_local_kafka

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

SECRET = "4711-0815"
DAY_MS = 24 * 3_600_000

POISON = """
import dataclasses
from ccstream.engine import folding

make_plans = folding.make_plans

def poisoned(aggregate):
    def step(state, event, at):
        if getattr(event, "sku", "") == "poison":
            raise ValueError(f"cannot take {event.subject}")
        return aggregate.step(state, event, at)
    return dataclasses.replace(aggregate, step=step)

folding.make_plans = lambda *made: {
    kind: tuple(map(poisoned, plan)) for kind, plan in make_plans(*made).items()
}
"""
"""A mistake of ours: the basket's step raises for one article."""

POISONED_MERGE = """
import dataclasses
from ccstream.engine import folding

make_plans = folding.make_plans

def merge(*given):
    raise ValueError("cannot take it")

folding.make_plans = lambda *made: {
    kind: tuple(
        dataclasses.replace(one, merge=merge) if one.table == "carts" else one for one in plan
    )
    for kind, plan in make_plans(*made).items()
}
"""
"""A mistake of ours: no basket can be taken over."""


@pytest.fixture(params=["embedded", "real"])
def app(request: pytest.FixtureRequest, unique: str) -> Iterator[Settings]:
    if request.param == "real":
        missing = why_no_local_kafka()
        if missing:
            pytest.skip(missing)
        made = settings_for(request.getfixturevalue("cluster").bootstrap, unique)
        make_topics(made)
        yield made
    else:
        with EmbeddedKafka() as kafka:
            made = settings_for(kafka.bootstrap, unique)
            make_topics(made)
            yield made


def ccstream(app: Settings, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """What a command of the group prints as JSON."""
    ended = subprocess.run(
        [sys.executable, "-m", "ccstream", "rejected", *arguments, "--json"],
        env=os.environ
        | {
            "CCSTREAM_KAFKA__BOOTSTRAP": app.kafka.bootstrap,
            "CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS": str(app.kafka.connect_timeout_ms),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def places_of(app: Settings, subject: str) -> list[str]:
    shown = ccstream(app, "list", "--show-keys", "--limit", "10000")
    return [one["place"] for one in shown if one["key"] == subject]


def put(app: Settings, event: Event, **headers: bytes) -> None:
    producer = Producer({"bootstrap.servers": app.kafka.bootstrap, "partitioner": "murmur2_random"})
    given = [*event_headers(event), *headers.items()]
    value = codec.encode_event(event)
    producer.produce(input_topic(event.channel), value, event.subject.encode(), headers=given)
    assert producer.flush(30) == 0


def letters_of(app: Settings, event: Event) -> list[dict[str, Any]]:
    return [one for one in rejected(app.kafka.bootstrap) if one["event_id"] == event.event_id]


def wait_letters(app: Settings, event: Event, count: int = 1) -> list[dict[str, Any]]:
    wait_until(lambda: len(letters_of(app, event)) >= count, 30, every=0.3)
    return letters_of(app, event)


def wait_folded(one: Worker, count: int, outcome: str = "") -> None:
    labels = {"outcome": outcome} if outcome else {}
    wait_until(lambda: one.metric("ccstream_events_total", **labels) >= count, 30)


def poison(subject: str) -> CartItemAdded:
    return added(1, subject, event_id=f"poison-{subject}", sku="poison")


def test_an_event_that_a_mistake_of_ours_rejects_is_applied_once_after_it_was_mended(
    app: Settings,
) -> None:
    bootstrap, subject = app.kafka.bootstrap, f"customer:{app.app_id}-{SECRET}"
    bad = poison(subject)
    with worker(app, program=POISON) as broken:
        put(app, bad, **{TRACEPARENT: b"00-1-2-01"})
        publish(bootstrap, [added(2, subject)])  # in the same partition, behind it
        wait_until(lambda: synced_units(bootstrap).get(subject) == 1, 30, every=0.3)
        (letter,) = wait_letters(app, bad)
        assert letter["reason"] == reasons.FAILED
        assert "Traceback" in letter["detail"]
        assert letter["detail"].endswith("in step\nValueError\n"), "where, and not of whom"
        assert broken.metric("ccstream_rejected_total", reason=reasons.FAILED) == 1
        assert broken.stop() == 0
        assert SECRET not in broken.log
    (place,) = places_of(app, subject)
    (shown,) = ccstream(app, "show", place)
    assert shown["event"]["sku"] == "poison"
    assert shown["detail"] == letter["detail"]
    with worker(app) as mended:
        for _ in range(3):
            (told,) = ccstream(app, "retry", place)
            assert (told["sent"], told["places"]) == (1, [place])
        wait_folded(mended, 2, "duplicate")
        wait_until(lambda: synced_units(bootstrap).get(subject) == 2, 30, every=0.3)
        assert mended.metric("ccstream_events_total", outcome="applied") == 1
    retried = [m for m in read(bootstrap, input_topic("web")) if m.key() == subject.encode()][-1]
    original = [*event_headers(bad), (TRACEPARENT, b"00-1-2-01")]
    assert retried.headers() == [*original, (RETRY_OF, place.encode())]
    assert retried.value() == codec.encode_event(bad)


def test_an_event_that_was_sent_on_when_it_was_rejected_goes_back_to_where_it_was_sent(
    app: Settings,
) -> None:
    bootstrap = app.kafka.bootstrap
    visitor, account = f"visitor:{app.app_id}", f"customer:{app.app_id}"
    metadata = {name: getattr(added(0, visitor), name) for name in Event.__struct_fields__}
    link = IdentifiersLinked(**metadata, identifiers=(account,))
    bad = poison(visitor)
    with worker(app, program=POISON):
        publish(bootstrap, [link])
        publish(bootstrap, [bad])
        (letter,) = wait_letters(app, bad)
        assert letter["to"] == account
    (place,) = places_of(app, visitor)
    with worker(app) as mended:
        ccstream(app, "retry", place)
        ccstream(app, "retry", place)
        wait_folded(mended, 1, "duplicate")
        wait_until(lambda: synced_units(bootstrap).get(account) == 1, 30, every=0.3)
    letters = [m for m in read(bootstrap, MAIL_TOPIC) if m.key() == account.encode()]
    assert [dict(m.headers() or ()).get(RETRY_OF) for m in letters[-2:]] == [place.encode()] * 2


def test_a_basket_that_could_not_be_taken_over_is_handed_over_after_a_retry_and_once(
    app: Settings,
) -> None:
    bootstrap = app.kafka.bootstrap
    visitor, account = f"visitor:{app.app_id}", f"customer:{app.app_id}"
    metadata = {name: getattr(added(0, visitor), name) for name in Event.__struct_fields__}
    link = IdentifiersLinked(**metadata, identifiers=(account,))
    with worker(app, program=POISONED_MERGE):
        publish(bootstrap, [added(2, visitor), link])
        (letter,) = wait_letters(app, link)
        assert (letter["reason"], letter["to"]) == (reasons.FAILED, account)
        assert "ValueError" in letter["detail"] and "cannot take it" not in letter["detail"]
        assert synced_units(bootstrap).get(visitor) == 1
    (place,) = places_of(app, visitor)
    with worker(app) as mended:
        (told,) = ccstream(app, "retry", place)
        assert told["sent"] == 1
        wait_until(lambda: synced_units(bootstrap).get(account) == 1, 30, every=0.3)
        wait_until(lambda: not synced_units(bootstrap).get(visitor), 30, every=0.3)
        versions = len(read(bootstrap, SYNC_TOPICS["carts"]))
        ccstream(app, "retry", place)
        publish(bootstrap, [added(3, visitor)])  # behind it, and sent on
        wait_until(lambda: synced_units(bootstrap).get(account) == 2, 30, every=0.3)
        assert mended.metric("ccstream_mail_total", kind="hand_over") == 1
    assert letters_of(app, link) == [letter]
    assert len(read(bootstrap, SYNC_TOPICS["carts"])) == versions + 2, "of the third event alone"


def test_an_event_that_is_too_late_is_applied_by_hand_and_only_so(app: Settings) -> None:
    bootstrap, subject = app.kafka.bootstrap, f"customer:{app.app_id}"
    old = added(1, subject, occurred_at=int(time.time() * 1000) - 40 * DAY_MS)
    with worker(app) as one:
        publish(bootstrap, [old])
        wait_letters(app, old)
        (place,) = places_of(app, subject)
        ccstream(app, "retry", place)
        wait_letters(app, old, 2)
        assert synced_units(bootstrap).get(subject, 0) == 0
        chosen = ("retry", "--late", "--reason", "too_late", "--since", "1h")
        assert ccstream(app, *chosen, code=ExitCode.USAGE) == [], "nothing without --yes"
        (told,) = ccstream(app, *chosen, "--yes")
        assert told["sent"] == 1, "the same event in two dead letters is sent once"
        assert len(told["places"]) == 2
        wait_until(lambda: synced_units(bootstrap).get(subject) == 1, 30, every=0.3)
        ccstream(app, "retry", "--late", place)
        wait_folded(one, 1, "duplicate")
        assert synced_units(bootstrap)[subject] == 1
