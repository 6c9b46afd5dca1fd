"""The plain strategy where the group takes no offsets: it is being put together anew."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaConnectionError,
    RebalanceInProgressError,
)

from ccstream.engine.assignment import Assignment
from ccstream.engine.delivery import Snapshot, SourceOffset
from ccstream.engine.plain import PlainDelivery
from ccstream.engine.takeover import TakeOverCancelled
from ccstream.engine.transport import ControlThread
from ccstream.errors import CcstreamError, DeliveryError, FencedError, RebalancingError
from tests.engine.takeovers import Candidate, Place

NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


class Group:
    """Takes offsets, or is being put together anew."""

    def __init__(self) -> None:
        self.rebalancing = False
        self.taken: list[Snapshot] = []

    def commit_offsets(self, snapshot: Snapshot) -> None:
        if self.rebalancing:
            raise RebalancingError("a rebalance")
        self.taken.append(snapshot)


def snapshot(assignment: Assignment, offset: int) -> Snapshot:
    return Snapshot(assignment, (), (SourceOffset("input", 0, offset),))


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def delivery(group: Group) -> Any:
    made = PlainDelivery(NOWHERE, group.commit_offsets)
    yield made
    made.close()


def assignment(generation: int) -> Assignment:
    return Assignment("app", generation, "member", None, frozenset({0}))


def committed(delivery: PlainDelivery, taken: Snapshot) -> None:
    delivery.commit(taken)
    delivery.settle(10)


def test_later_offsets_of_an_assignment_may_stay_behind(
    group: Group, delivery: PlainDelivery
) -> None:
    ours = assignment(1)
    committed(delivery, snapshot(ours, 1))
    group.rebalancing = True
    committed(delivery, snapshot(ours, 2))
    group.rebalancing = False
    committed(delivery, snapshot(ours, 3))
    assert [one.offsets[0].offset for one in group.taken] == [1, 3]


def test_what_is_held_counts_as_ahead_of_the_group_until_the_next_assignment(
    group: Group, delivery: PlainDelivery
) -> None:
    ours, behind = assignment(1), []
    for refused in False, True, False:
        group.rebalancing = refused
        committed(delivery, snapshot(ours, 1))
        behind.append(delivery.offsets_behind)
    committed(delivery, snapshot(assignment(2), 1))
    assert [*behind, delivery.offsets_behind] == [False, True, True, False]


def test_a_flush_that_was_told_of_a_fatal_error_ends_it(
    delivery: PlainDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flush(timeout: float) -> None:
        raise SystemError("returned a result with an exception set")

    monkeypatch.setattr(delivery, "_producer", SimpleNamespace(flush=flush))
    with pytest.raises(DeliveryError, match="told of a fatal error"):
        delivery._end(snapshot(assignment(1), 1))
    monkeypatch.undo()


def test_the_first_of_an_assignment_may_not(group: Group, delivery: PlainDelivery) -> None:
    """Nothing is folded on top: rows without offsets would look like a state that has lost them."""
    committed(delivery, snapshot(assignment(1), 1))
    group.rebalancing = True
    with pytest.raises(RebalancingError):
        committed(delivery, snapshot(assignment(2), 2))
    group.rebalancing = False
    committed(delivery, snapshot(assignment(2), 2))
    assert len(group.taken) == 2, "refused once, not for ever"


def refusing(who: Candidate, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group is put together anew while so many commits are tried."""
    settle, left = who.delivery.settle, [None] * times

    def settled(timeout: float) -> float | None:
        seconds = settle(timeout)
        if left:
            left.pop()
            raise RebalancingError("a rebalance")
        return seconds

    monkeypatch.setattr(who.delivery, "settle", settled)


def test_a_take_over_tries_again_while_others_are_still_joining(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    who = place.candidate("a")
    refusing(who, 3, monkeypatch)
    assert place.acquire(who).keys() == {0, 1}
    assert {owner.epoch for owner in place.owners().values()} == {1}


def test_a_take_over_is_given_up_for_the_next_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    who = place.candidate("a")
    refusing(who, 3, monkeypatch)
    asked = iter([False, False, True])
    with pytest.raises(TakeOverCancelled):
        place.acquire(who, cancelled=lambda: next(asked))


def test_a_take_over_that_is_refused_for_ever_ends_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    who = place.candidate("a")
    refusing(who, 1_000_000, monkeypatch)
    with pytest.raises(RebalancingError):
        place.acquire(who)


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (RebalanceInProgressError(), RebalancingError),
        (IllegalGenerationError(), FencedError),
        (None, FencedError),
    ],
)
def test_a_group_that_refuses_offsets_is_told_by_why(
    why: Exception | None, told: type[CcstreamError]
) -> None:
    async def commit(_marks: Any) -> None:
        if why is None:
            raise KafkaConnectionError
        raise CommitFailedError("refused") from why

    consumer = SimpleNamespace(commit=commit, _coordinator=SimpleNamespace(generation=3))
    thread: Any = SimpleNamespace(_ensure_consumer=lambda: consumer)
    with pytest.raises(told) as caught:
        asyncio.run(ControlThread.commit_offsets(thread, {("input", 0): 1}, 3))
    assert type(caught.value) is told
