"""Workers that keep their rows in RocksDB, killed and started again on a real Kafka."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES, changelog_topic
from tests.integration.feed import Feed, settled
from tests.integration.harness import (
    Worker,
    added,
    make_topics,
    publish,
    read,
    settings_for,
    steady,
    wait_until,
    worker,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

TAIL_RECORDS_MAX = 400
"""What two hundred events a second can have added to the changelogs between the last commit that
a store has and the end: two commits and what is lost in between, three rows an event."""


CUSTOMERS = 3_000
"""Each has two rows at least, so that to read all would be to read much more than a tail."""


def stored(directory: Path) -> dict[str, str]:
    return {"STATE__STORE": "rocksdb", "STATE__DIRECTORY": str(directory)}


def changelog_records(settings: Settings) -> int:
    topics = (changelog_topic(settings.app_id, name) for name in TABLES)
    return sum(len(read(settings.kafka.bootstrap, topic)) for topic in topics)


def restored(one: Worker) -> float:
    return one.metric("ccstream_restore_records_total")


def rows(one: Worker) -> float:
    return one.metric("ccstream_store_rows")


def folds(one: Worker, count: int) -> None:
    """Wait until it has folded so many more."""
    before = one.metric("ccstream_events_total")
    wait_until(lambda: one.metric("ccstream_events_total") >= before + count, 60, every=0.02)


def test_a_worker_killed_at_any_point_goes_on_from_its_store_and_reads_the_tail_only(
    app: Settings, tmp_path: Path
) -> None:
    steps = random.Random(1)
    quick = stored(tmp_path) | {"GROUP__INSTANCE_ID": "one"}
    many = [f"customer:{app.app_id}-{number}" for number in range(CUSTOMERS)]
    with worker(app, **quick) as first:
        publish(app.kafka.bootstrap, (added(1, subject) for subject in many))
        settled(app, dict.fromkeys(many, 1))
        assert first.stop() == ExitStatus.STOPPED
    with Feed(app.kafka.bootstrap, app.app_id + "-feed") as feed:
        with worker(app, **quick) as first:
            folds(first, 200)
            first.signal(signal.SIGKILL)
            first.wait_ended()
        for _ in range(3):
            with worker(app, ready=False, **quick) as again:
                again.wait_ready()
                assert restored(again) < TAIL_RECORDS_MAX
                assert "made anew" not in again.log
                folds(again, 200)
                time.sleep(steps.random())
                again.signal(signal.SIGKILL)
                again.wait_ended()
        with worker(app, ready=False, **quick) as dying:  # while it restores, or about
            wait_until(lambda: "restoring" in dying.log or dying.ready(), 40, every=0.01)
            dying.signal(signal.SIGKILL)
            dying.wait_ended()
        with worker(app, **quick) as last:
            assert restored(last) < TAIL_RECORDS_MAX
            expected = feed.finish() | dict.fromkeys(many, 1)
            settled(app, expected)
            kept = steady(lambda: rows(last))
            assert last.stop() == ExitStatus.STOPPED
    assert changelog_records(app) > 2 * CUSTOMERS > 10 * TAIL_RECORDS_MAX
    with worker(app) as from_changelogs:
        wait_until(lambda: rows(from_changelogs) == kept, 30)


def test_a_worker_that_stopped_has_nothing_to_read(app: Settings, tmp_path: Path) -> None:
    subjects = [f"customer:{app.app_id}-{number}" for number in range(50)]
    with worker(app, **stored(tmp_path)) as first:
        publish(app.kafka.bootstrap, (added(1, subject) for subject in subjects))
        settled(app, dict.fromkeys(subjects, 1))
        assert first.stop() == ExitStatus.STOPPED
    with worker(app, **stored(tmp_path)) as second:
        assert restored(second) == 0
        publish(app.kafka.bootstrap, (added(2, subject) for subject in subjects))
        settled(app, dict.fromkeys(subjects, 2))


def test_two_workers_on_one_directory_are_told_so(app: Settings, tmp_path: Path) -> None:
    with worker(app, **stored(tmp_path)), worker(app, ready=False, **stored(tmp_path)) as second:
        assert second.wait_ended(30) == ExitStatus.STORE
        assert "in use by another worker" in second.log
        assert "Traceback" not in second.log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that has room for 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if shutil.which(mount[0]) is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a file system of a few megabytes cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_worker_with_a_sentence_and_loses_nothing(
    app: Settings, small_disk: Path, tmp_path: Path
) -> None:
    filler = small_disk / "filler"
    subjects = [f"customer:{app.app_id}-{number}" for number in range(400)]
    with worker(app, **stored(small_disk)) as one:
        filler.write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - 50_000)))
        publish(app.kafka.bootstrap, (added(1, subject) for subject in subjects))
        assert one.wait_ended(60) == ExitStatus.STORE
        assert "no room left on disk" in one.log
        assert "Traceback" not in one.log
    filler.unlink()
    with worker(app, **stored(small_disk)):
        settled(app, dict.fromkeys(subjects, 1))


def test_a_broker_that_tells_no_settings_is_waited_for_once(tmp_path: Path) -> None:
    """The embedded one: what it does not know of each of a dozen topics is asked in one request."""
    with EmbeddedKafka() as kafka:
        app = settings_for(kafka.bootstrap, "app")
        make_topics(app)
        with worker(app, ready=False, **stored(tmp_path)) as one:
            one.wait_ready(45)
            publish(kafka.bootstrap, [added(1, "customer:1")])
            wait_until(lambda: rows(one) > 0, 20)
