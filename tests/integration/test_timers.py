"""Abandoned carts, signalled by workers that are killed on the way, on a real Kafka."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import Any

import pytest

from ccstream.client import CartAbandoned, Change, SyncReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SIGNALS, SIGNALS_TOPIC
from ccstream.wire.headers import CE_SOURCE, header, sync_source
from tests.integration.harness import added, codec, publish, read, table, wait_until, worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

DIES_BEFORE_IT_COMMITS_A_FIRING = """
import os, signal
from ccstream.engine.transactional import TransactionalDelivery

commit = TransactionalDelivery.commit

def dying(self, snapshot, *more):
    if any(row.key == "SUBJECT" and row.value is None for row in snapshot.rows):
        self._open.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, snapshot, *more)

TransactionalDelivery.commit = dying
"""


def after(ms: int, **more: str) -> dict[str, str]:
    return {"SIGNALS__CART_ABANDONED_AFTER_MS": str(ms), **more}


def signals(app: Settings, isolation: str = "read_committed") -> list[dict[str, Any]]:
    """Those of this application, of subjects of this test: a cluster's inputs are all tests'."""
    ours = sync_source(app.app_id)
    found = [
        codec.decode(message.value())[1]
        for message in read(app.kafka.bootstrap, SIGNALS_TOPIC, isolation)
        if header(message.headers(), CE_SOURCE) == ours
    ]
    return [fields for fields in found if app.app_id in fields["subject"]]


def test_a_reader_of_facts_hears_of_an_idle_cart_though_nothing_more_happens(
    each_app: Settings,
) -> None:
    app, subject = each_app, f"customer:{each_app.app_id}"
    reader = SyncReader([SIGNALS], settings=app, live=False)
    with worker(app, **after(700)), reader:
        publish(app.kafka.bootstrap, [added(1, subject)])
        heard: list[Change] = []

        def listened() -> bool:
            changes = [one for one in reader.read(0.1) if isinstance(one, Change)]
            heard.extend(one for one in changes if one.key == subject)
            return bool(heard)

        wait_until(listened, 30)
    record = heard[0].record
    assert isinstance(record, CartAbandoned)
    assert [(line.sku, line.quantity) for line in record.lines] == [("sku1", 1)]
    assert record.occurred_at == record.idle_since + 700


def test_a_worker_killed_between_due_and_commit_has_signalled_nothing_and_its_successor_does_once(
    app: Settings,
) -> None:
    bootstrap, subject = app.kafka.bootstrap, f"customer:{app.app_id}"
    static = after(1_500, GROUP__INSTANCE_ID="one")
    program = DIES_BEFORE_IT_COMMITS_A_FIRING.replace("SUBJECT", subject)
    with worker(app, program=program, **static) as first:
        publish(bootstrap, [added(1, subject)])
        assert first.wait_ended(40) == -signal.SIGKILL
    shown = signals(app, "read_uncommitted")
    assert [one["subject"] for one in shown] == [subject]
    with worker(app, **static) as second:
        wait_until(lambda: signals(app), 40)
        time.sleep(1.0)
        facts = signals(app)
        assert [(one["subject"], one["event_id"]) for one in facts] == [
            (subject, shown[0]["event_id"])
        ]
        assert second.metric("ccstream_timers_fired_total", outcome="fired") >= 1
        assert second.metric("ccstream_timers_due") == 0
    assert subject not in table(bootstrap, app.app_id, "timers")


def test_whoever_takes_partitions_over_fires_their_timers_once(app: Settings) -> None:
    subjects = [f"customer:{app.app_id}-{number}" for number in range(12)]
    long = after(15_000, GROUP__SESSION_TIMEOUT_MS="45000")
    short = after(15_000, GROUP__SESSION_TIMEOUT_MS="6000", GROUP__HEARTBEAT_INTERVAL_MS="1500")
    with worker(app, **long) as staying, worker(app, **short) as leaving:
        publish(app.kafka.bootstrap, (added(1, subject) for subject in subjects))
        wait_until(
            lambda: set(subjects) <= table(app.kafka.bootstrap, app.app_id, "timers").keys(), 14
        )
        wait_until(lambda: leaving.metric("ccstream_store_rows", table="timers") > 0, 10)
        leaving.signal(signal.SIGKILL)
        leaving.wait_ended()
        wait_until(lambda: len(signals(app)) >= len(subjects), 60, every=0.5)
        time.sleep(1.0)
        assert Counter(one["subject"] for one in signals(app)) == Counter(subjects)
        assert staying.metric("ccstream_timers_due") == 0
