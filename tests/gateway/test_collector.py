"""Python's collector never looks at all that a gateway holds in the midst of deliveries."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from ccstream.gateway.collector import LOST_MAX, SELDOM, Collector


class Cycle:
    """Something that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    made.begin()
    try:
        yield made
    finally:
        made.end()


def test_what_is_there_is_passed_over_and_python_does_not_look_at_all_by_itself(
    collector: Collector,
) -> None:
    assert gc.get_threshold()[2] == SELDOM
    held = [Cycle() for _ in range(1_000)]
    before = gc.get_freeze_count()
    collector.turn()
    assert gc.get_freeze_count() >= before + len(held)


def test_cycles_that_are_new_are_freed_at_the_next_look(collector: Collector) -> None:
    gone = ref(Cycle())
    collector.turn()
    assert gone() is None


def test_cycles_that_were_passed_over_are_freed_once_many_connections_have_ended(
    collector: Collector,
) -> None:
    held = Cycle()
    gone = ref(held)
    collector.turn()
    del held
    for _ in range(LOST_MAX - 1):
        collector.lost()
    collector.turn()
    assert gone() is not None
    collector.lost()
    collector.turn()
    assert gone() is None


def test_at_the_end_python_has_it_back() -> None:
    before = gc.get_threshold()
    collector = Collector()
    collector.begin()
    collector.end()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
