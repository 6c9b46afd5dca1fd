"""Partitions that change hands: to a standby that followed them, or back to the same worker."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ccstream.ops.settings import Settings
from tests.integration.feed import Feed, settled
from tests.integration.harness import PARTITIONS, Worker, added, publish, wait_until, worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

CUSTOMERS = 2_000
TAIL_RECORDS_MAX = 1_000
"""What may be committed between a standby's last look and the end of its owner, on a busy machine;
its partitions have some three thousand records in all."""

TAKEN_UNDER_LOAD = 200
"""Events that are published before the owner ends: one second of the feed."""

PATIENCE_MS = "60000"
"""Longer than a restart may take on a busy machine."""


def following(one: Worker, lag: int = 0) -> bool:
    """Whether it follows two partitions and has no more than that to read of them."""
    lines = one.log.count("following as a standby")
    return lines >= PARTITIONS // 2 and one.metric("ccstream_standby_lag_records") <= lag


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_standby_takes_over_without_a_restore(app: Settings, tmp_path: Path, store: str) -> None:
    def environment(name: str) -> dict[str, str]:
        return {
            "STATE__STANDBY_REPLICAS": "1",
            "STATE__STORE": store,
            "STATE__DIRECTORY": str(tmp_path / name),
        }

    subjects = [f"customer:{app.app_id}-{number}" for number in range(CUSTOMERS)]
    with (
        worker(app, **environment("a")) as first,
        worker(app, ready=False, **environment("b")) as second,
    ):
        second.wait_ready(60)
        publish(app.kafka.bootstrap, (added(1, subject) for subject in subjects))
        settled(app, dict.fromkeys(subjects, 1))
        wait_until(lambda: following(second) and following(first), 60)
        with Feed(app.kafka.bootstrap, f"{app.app_id}-feed") as feed:
            # Never at 0 for sure while events come: what is in an open transaction counts, too.
            wait_until(lambda: feed.published.total() > TAKEN_UNDER_LOAD, 30)
            wait_until(lambda: following(second, TAIL_RECORDS_MAX // 5), 30)
            before = second.metric("ccstream_restore_records_total")
            first.signal(signal.SIGKILL)
            first.wait_ended()
            wait_until(lambda: second.metric("ccstream_partition_paused") == 0, 60)
            expected = feed.finish() | dict.fromkeys(subjects, 1)
            settled(app, expected)
        assert second.metric("ccstream_restore_records_total") - before < TAIL_RECORDS_MAX
        # Gauges are looked at in turn with what is folded.
        wait_until(lambda: second.metric("ccstream_store_rows") >= 2 * CUSTOMERS, 30)


@pytest.mark.parametrize(
    ("leader", "number"), [(True, signal.SIGKILL), (False, signal.SIGKILL), (False, signal.SIGTERM)]
)
def test_a_restart_under_the_same_name_moves_no_partition_of_another_worker(
    app: Settings, leader: bool, number: signal.Signals
) -> None:
    subjects = [f"customer:{app.app_id}-{number}" for number in range(40)]
    names = [
        {"GROUP__INSTANCE_ID": f"{app.app_id}-{name}", "GROUP__SESSION_TIMEOUT_MS": PATIENCE_MS}
        for name in "ab"
    ]
    with worker(app, **names[0]) as first, worker(app, ready=False, **names[1]) as second:
        second.wait_ready(60)
        publish(app.kafka.bootstrap, (added(1, subject) for subject in subjects))
        settled(app, dict.fromkeys(subjects, 1))
        goes, stays = (first, second) if leader else (second, first)
        before = stays.metric("ccstream_rebalances_total"), stays.log.count('"serving"')
        goes.signal(number)
        goes.wait_ended()
        with worker(app, **(names[0] if leader else names[1])) as again:
            publish(app.kafka.bootstrap, (added(2, subject) for subject in subjects))
            settled(app, dict.fromkeys(subjects, 2))
            assert again.metric("ccstream_events_total") > 0
            after = stays.metric("ccstream_rebalances_total"), stays.log.count('"serving"')
            assert after == before
            assert stays.process.poll() is None
