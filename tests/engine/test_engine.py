"""What the engine is told, and in which order it does it. Its thread is started in few of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ccstream.engine.assignment import Assignment
from ccstream.engine.engine import Engine
from ccstream.engine.takeover import TakeOverCancelled
from ccstream.errors import DeliveryError, FencedError


class Taking:
    """A take-over that notes what it was asked for."""

    def __init__(self) -> None:
        self.retained: list[dict[int, Any]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def acquire(
        self,
        assignment: Assignment,
        retained: Mapping[int, Any],
        cancelled: Callable[[], bool],
    ) -> dict[int, Any]:
        self.retained.append(dict(retained))
        self.meanwhile()
        if cancelled():
            raise TakeOverCancelled
        return {number: f"partition {number}" for number in assignment.partitions}


class Chunks:
    """A chunk loop that notes what happens to it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.partitions: dict[int, Any] = {}
        self.failure: BaseException | None = None

    def begin(self, partitions: dict[int, Any], waiting: frozenset[int]) -> None:
        self.done.append("begin")
        self.partitions = partitions

    def turn(self, assignment: Assignment) -> None:
        self.done.append(f"turn in {assignment.generation}")
        if self.failure is not None:
            raise self.failure

    def end(self, assignment: Assignment, timeout: float) -> dict[int, Any]:
        self.done.append(f"end of {assignment.generation}")
        if self.failure is not None:
            raise self.failure
        released, self.partitions = self.partitions, {}
        return released

    def close(self) -> None:
        self.done.append("close")


class Told:
    def __init__(self) -> None:
        self.taking = Taking()
        self.chunks = Chunks()
        self.failures: list[BaseException] = []
        self.served = 0
        self.engine = Engine(
            self.taking,  # type: ignore[arg-type]
            self.chunks,  # type: ignore[arg-type]
            release_timeout=1.0,
            on_failure=self.failures.append,
        )

    def assign(self, generation: int, *numbers: int) -> None:
        assignment = Assignment("group", generation, "me", None, frozenset(numbers))
        self.engine.assign(assignment, self.note)

    def note(self) -> None:
        self.served += 1

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.engine.step()


@pytest.fixture
def told() -> Told:
    return Told()


def test_partitions_are_served_once_they_are_taken_over(told: Told) -> None:
    told.assign(1, 0, 1)
    assert told.served == 0
    told.step(2)
    assert told.served == 1
    assert told.chunks.done == ["begin", "turn in 1"]


def test_a_release_ends_folding_before_it_is_answered(told: Told) -> None:
    told.assign(1, 0)
    told.step()
    released = told.engine.release()
    assert not released.done()
    told.step()
    assert released.done()
    assert told.chunks.done == ["begin", "end of 1"]
    assert told.engine.assignment is None


def test_a_release_of_nothing_is_answered(told: Told) -> None:
    released = told.engine.release()
    told.step()
    assert released.done()
    assert told.chunks.done == []


def test_what_was_released_is_offered_to_the_generation_that_follows(told: Told) -> None:
    told.assign(1, 0)
    told.step()
    told.engine.release()
    told.step()
    told.assign(2, 0)
    told.step()
    assert told.taking.retained == [{}, {0: "partition 0"}]


def test_after_a_generation_without_it_a_worker_trusts_nothing_that_it_kept(told: Told) -> None:
    told.assign(1, 0)
    told.step()
    told.engine.release()
    told.step()
    told.assign(3, 0)
    told.step()
    assert told.taking.retained == [{}, {}]


def test_a_take_over_ends_when_something_newer_is_said(told: Told) -> None:
    told.taking.meanwhile = lambda: told.assign(2, 1)
    told.assign(1, 0)
    told.step()
    assert told.served == 0
    assert told.engine.assignment is None
    told.taking.meanwhile = lambda: None
    told.step()
    assert told.engine.assignment is not None
    assert told.engine.assignment.generation == 2
    assert told.taking.retained == [{}, {}]


def test_work_of_one_assignment_never_goes_on_into_the_next(told: Told) -> None:
    told.assign(1, 0)
    told.step()
    told.assign(2, 0)
    with pytest.raises(DeliveryError, match="before the last ones were given up"):
        told.step()


def test_a_last_commit_that_fails_is_told_and_the_release_answered_all_the_same(
    told: Told,
) -> None:
    told.assign(1, 0)
    told.step()
    told.chunks.failure = DeliveryError("too slow")
    released = told.engine.release()
    with pytest.raises(DeliveryError, match="given up in time: too slow"):
        told.step()
    assert released.done()


def test_a_failure_ends_the_thread_and_is_told_once(told: Told) -> None:
    told.chunks.failure = FencedError("gone")
    told.assign(1, 0)
    told.engine.start()
    told.engine._thread.join(5)
    assert told.failures == [told.chunks.failure]
    assert told.chunks.done[-1] == "close"


def test_a_release_of_an_engine_that_has_ended_is_answered_at_once(told: Told) -> None:
    told.engine.start()
    told.engine.stop(5)
    assert told.engine.release().done()
    assert told.failures == []


def test_a_release_that_the_end_overtakes_is_answered(told: Told) -> None:
    told.chunks.failure = FencedError("gone")
    told.assign(1, 0)
    told.engine.start()
    releases = [told.engine.release() for _ in range(100)]
    told.engine._thread.join(5)
    for released in releases:
        released.result(timeout=5)
