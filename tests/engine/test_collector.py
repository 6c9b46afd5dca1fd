"""Cyclic garbage is looked for when the engine says so, and by Python again afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ccstream.engine.collector import Collector


class ManualClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Knot:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def collector(clock: ManualClock) -> Iterator[Collector]:
    collector = Collector(clock)
    collector.begin()
    yield collector
    collector.end()


def test_python_does_not_collect_by_itself_until_the_end(clock: ManualClock) -> None:
    collector = Collector(clock)
    assert gc.isenabled()
    collector.begin()
    assert not gc.isenabled()
    collector.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_garbage_goes_when_it_is_time(collector: Collector, clock: ManualClock) -> None:
    knot = weakref.ref(Knot())
    collector.turn(0)
    assert knot() is not None
    clock.now += 301
    collector.turn(0)
    assert knot() is None


def test_garbage_of_before_an_assignment_goes_when_it_is_time(
    collector: Collector, clock: ManualClock
) -> None:
    held = Knot()
    knot = weakref.ref(held)
    clock.now += 301
    collector.turn(0)  # from here on it is passed over
    del held
    clock.now += 301
    collector.turn(0)
    assert knot() is not None
    collector.begin()
    assert knot() is not None, "a take-over does not wait for garbage"
    clock.now += 301
    collector.turn(0)
    assert knot() is None


def test_assignments_that_follow_each_other_put_nothing_off(
    collector: Collector, clock: ManualClock
) -> None:
    knot = weakref.ref(Knot())
    for _ in range(4):
        clock.now += 100
        collector.begin()
    collector.turn(0)
    assert knot() is None


def test_memory_is_given_back_once_it_is_quiet_after_a_burst(clock: ManualClock) -> None:
    given_back: list[float] = []
    collector = Collector(clock, lambda _: given_back.append(clock.now))
    collector.turn(99_999)
    clock.now += 10
    collector.turn(0)
    assert given_back == [], "so few are not worth it"
    collector.turn(1)
    clock.now += 0.9
    collector.turn(0)
    assert given_back == [], "the next ones may be on their way"
    clock.now += 0.1
    collector.turn(0)
    clock.now += 10
    collector.turn(0)
    assert given_back == [10 + 0.9 + 0.1], "once a burst"


def test_memory_is_given_back_where_it_is_never_quiet_too(clock: ManualClock) -> None:
    given_back: list[float] = []
    collector = Collector(clock, lambda _: given_back.append(clock.now))
    collector.begin()
    try:
        for _ in range(301):
            clock.now += 1
            collector.turn(1_000)
    finally:
        collector.end()
    assert given_back == [300]
