"""Reading changelogs back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ccstream.engine import restore as module
from ccstream.engine.restore import ChangelogRange, RestoreProgress, restore
from ccstream.engine.store import Table
from ccstream.errors import BrokerUnavailableError, StateError
from tests.engine.test_store import Words
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.process import on_fakes

AT = ("changelog", 0)


def row(text: str) -> bytes:
    return b"\xc3\x01" + text.encode()


class Restoring:
    """A changelog, and a table that it is read into."""

    def __init__(self) -> None:
        self.broker = FakeBroker(FakeClock(), {"changelog": 2}, "group")
        self.tables = [Table("words", Words(), 10), Table("words", Words(), 10)]
        self.told: list[tuple[int, int]] = []
        self.idle: Callable[[], None] = lambda: None

    def rows(self, *pairs: tuple[str, str | None]) -> None:
        for key, text in pairs:
            self.broker.append(AT, key.encode(), None if text is None else row(text))

    def run(self, *, end: int | None = None, cancelled: Callable[[], bool] = lambda: False) -> None:
        log = self.broker.logs[AT]
        ranges = [
            ChangelogRange("changelog", 0, log.start, log.end if end is None else end),
            ChangelogRange("changelog", 1, 0, 0),
        ]
        restore(
            {"broker": self.broker, "isolation.level": "read_committed", "idle": self.idle},
            ranges,
            lambda topic, number: self.tables[number],
            cancelled=cancelled,
            progress=self.progress,
        )

    def progress(self, progress: RestoreProgress) -> None:
        self.told.append((progress.records, progress.remaining))

    @property
    def stored(self) -> dict[str, bytes]:
        return dict(self.tables[0]._encoded)


@pytest.fixture
def restoring() -> Iterator[Restoring]:
    with on_fakes():
        yield Restoring()


def test_the_last_row_of_each_key_is_restored(restoring: Restoring) -> None:
    restoring.rows(("a", "1"), ("b", "2"), ("a", "3"), ("b", None))
    restoring.run()
    assert restoring.stored == {"a": row("3")}


def test_an_empty_changelog_is_done_at_once(restoring: Restoring) -> None:
    restoring.run()
    assert restoring.stored == {}


def test_a_changelog_compacted_to_nothing_is_done(restoring: Restoring) -> None:
    restoring.rows(("a", "1"), ("a", None))
    restoring.broker.compact(AT, tombstones=False)
    assert restoring.broker.logs[AT].end == 2
    restoring.run()
    assert restoring.stored == {}


def test_an_aborted_tail_is_passed_over(restoring: Restoring) -> None:
    restoring.rows(("a", "1"))
    epoch = restoring.broker.initialise("tx")
    restoring.broker.produce("tx", epoch, "w", AT, b"a", row("never"), None)
    restoring.broker.end("tx", epoch, commit=False)
    restoring.broker.write_markers()
    restoring.run()
    assert restoring.stored == {"a": row("1")}


def test_a_commit_that_is_not_known_yet_is_waited_for(restoring: Restoring) -> None:
    epoch = restoring.broker.initialise("tx")
    restoring.broker.produce("tx", epoch, "w", AT, b"a", row("1"), None)
    restoring.broker.end("tx", epoch, commit=True)
    restoring.idle = lambda: restoring.broker.write_markers() and None
    restoring.run()
    assert restoring.stored == {"a": row("1")}


def test_nothing_is_waited_for_for_ever(
    restoring: Restoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STALLED_AFTER", 0.0)
    epoch = restoring.broker.initialise("tx")
    restoring.broker.produce("tx", epoch, "w", AT, b"a", row("1"), None)
    with pytest.raises(BrokerUnavailableError, match="no record"):
        restoring.run()


def test_a_restore_can_be_cancelled(restoring: Restoring) -> None:
    restoring.rows(("a", "1"))
    restoring.run(cancelled=lambda: True)
    assert restoring.stored == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, row("1")),
        (b"\xff\xfe", row("1")),
        (b"a", b"something else"),
        (b"a", b"\x00\0\0\0\1x"),
    ],
)
def test_a_record_that_is_no_row_is_refused_rather_than_left_out(
    restoring: Restoring, key: bytes | None, value: bytes
) -> None:
    restoring.broker.append(AT, key, value)
    with pytest.raises(StateError, match="something else wrote"):
        restoring.run()


def test_progress_ends_at_nothing_remaining(restoring: Restoring) -> None:
    restoring.rows(("a", "1"), ("b", "2"))
    restoring.run()
    assert restoring.told[-1] == (2, 0)
    assert all(remaining > 0 for _, remaining in restoring.told[:-1])
