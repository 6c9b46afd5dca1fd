"""When a worker is taken to be stuck, and when it is not."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import pytest

from ccstream.engine.watchdog import Sight, Watchdog
from ccstream.errors import BrokerUnavailableError, StalledError
from tests.simulation.clock import FakeClock

A, B = ("channel.web.events.v1", 0), ("channel.web.events.v1", 1)
TIMEOUT = 60.0
STACK = ("engine.py:90 step", "chunks.py:120 turn", "cart.py:7 step")


class Watched:
    """An engine and brokers that are as the test says."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.folded = {A: 9, B: 9}
        self.ends: dict[tuple[str, int], int] = {A: 10, B: 10}
        self.markers_from: dict[tuple[str, int], int] = {}
        self.doing = "serving"
        self.steps: int | None = None
        self.waiting: frozenset[int] = frozenset()
        self.progress: object = None
        self.away = False
        self.turned = 0
        self.told: list[BaseException] = []
        self.gave_up = threading.Event()
        self.watchdog = Watchdog(
            self.see,
            self,
            lambda: STACK,
            timeout=TIMEOUT,
            clock=self.clock,  # type: ignore[arg-type]
            on_stall=self.told.append,
            give_up=self.gave_up.set,
        )

    def see(self) -> Sight:
        """Its thread takes steps unless the test says that it stands."""
        self.turned += 1
        steps = self.turned if self.steps is None else self.steps
        return Sight(self.doing, steps, dict(self.folded), self.waiting, self.progress)

    def readable_ends(self, partitions: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        return {} if self.away else {at: self.ends[at] for at in partitions}

    def next_record(self, topic: str, partition: int, offset: int) -> int | None:
        if self.away:
            raise BrokerUnavailableError("away")
        markers = self.markers_from.get((topic, partition), 1 << 60)
        return offset if offset < min(self.ends[topic, partition], markers) else None

    def look_for(self, seconds: float, every: float = TIMEOUT / 4) -> None:
        for _ in range(round(seconds / every)):
            self.watchdog.look()
            self.clock.advance(every)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_partition_with_records_that_nobody_folds_has_stalled(watched: Watched) -> None:
    watched.look_for(300)
    watched.ends[A] = 12
    watched.look_for(TIMEOUT)
    with pytest.raises(StalledError) as stalled:
        watched.watchdog.look()
    text = str(stalled.value)
    assert "channel.web.events.v1[0]" in text
    assert "offset 10" in text
    assert "ends at 12" in text
    assert "serving" in text
    assert "cart.py:7 step < chunks.py:120 turn" in text


def test_what_is_folded_in_the_meantime_is_no_stall(watched: Watched) -> None:
    watched.ends[A] = 1_000
    for _ in range(100):
        watched.look_for(45)
        watched.folded[A] += 1


def test_an_idle_worker_has_not_stalled_however_long(watched: Watched) -> None:
    watched.look_for(100_000)


def test_a_record_that_comes_after_a_long_pause_has_its_time(watched: Watched) -> None:
    watched.look_for(100_000)
    watched.ends[A] = 11
    watched.look_for(TIMEOUT)
    watched.folded[A] = 10
    watched.look_for(100_000)


def test_markers_at_the_end_of_a_log_are_no_lag(watched: Watched) -> None:
    watched.ends[A], watched.markers_from[A] = 14, 10
    watched.look_for(1_000)
    watched.ends[A] = watched.markers_from[A] = 20
    watched.look_for(TIMEOUT)
    with pytest.raises(StalledError):
        watched.watchdog.look()


def test_while_others_move_one_partition_has_five_times_as_long(watched: Watched) -> None:
    watched.ends = {A: 11, B: 1_000_000}
    for _ in range(21):
        watched.look_for(TIMEOUT / 4)
        watched.folded[B] += 500
    with pytest.raises(StalledError, match=r"\[0\]"):
        watched.watchdog.look()


def test_while_brokers_are_away_nothing_is_said_and_then_the_time_begins_anew(
    watched: Watched,
) -> None:
    watched.ends[A] = 12
    watched.look_for(45)
    watched.away = True
    watched.look_for(1_000)
    watched.away = False
    watched.look_for(TIMEOUT)
    with pytest.raises(StalledError):
        watched.watchdog.look()


def test_partitions_that_were_given_up_are_not_looked_at(watched: Watched) -> None:
    watched.ends[A] = 12
    watched.look_for(45)
    del watched.folded[A]
    watched.look_for(1_000)


def test_a_partition_number_that_waits_for_its_rest_is_only_told(watched: Watched) -> None:
    watched.folded, watched.waiting = {}, frozenset({0, 1})
    watched.look_for(1_000)


def test_a_thread_that_does_not_come_back_from_its_last_record_has_stalled(
    watched: Watched,
) -> None:
    watched.look_for(1_000)
    watched.steps = 7
    watched.look_for(90)
    with pytest.raises(StalledError, match="serving for 90 s without progress"):
        watched.watchdog.look()


def test_a_take_over_may_be_long_as_long_as_it_gets_on(watched: Watched) -> None:
    watched.steps = 7
    watched.folded, watched.doing = {}, "taking partitions over"
    for records in range(20):
        watched.progress = (records, 100 - records)
        watched.look_for(165)
    with pytest.raises(StalledError, match="taking partitions over"):
        watched.look_for(200)


def test_a_stall_is_told_once_and_the_process_ended_if_it_does_not_end(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccstream.engine.watchdog._EXIT_SECONDS", 0.05)

    def stalled() -> None:
        raise StalledError("stuck")

    monkeypatch.setattr(watched.watchdog, "look", stalled)
    watched.watchdog._timeout = 0.04
    watched.watchdog.start()
    assert watched.gave_up.wait(5)
    assert [str(one) for one in watched.told] == ["stuck"]


def test_a_look_that_fails_is_followed_by_another(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    enough = threading.Event()

    def failing() -> None:
        looks.append(1)
        if len(looks) == 3:
            enough.set()
        raise RuntimeError("no")

    monkeypatch.setattr(watched.watchdog, "look", failing)
    watched.watchdog._timeout = 0.04
    watched.watchdog.start()
    assert enough.wait(5)
    watched.watchdog.stop()
    assert watched.told == []
