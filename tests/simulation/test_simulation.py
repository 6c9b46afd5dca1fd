"""The engine on a simulated cluster: histories of crashes, hand-overs and zombies.

Run more of them with ``CCSTREAM_SIMULATION_HISTORIES`` (how many) and
``CCSTREAM_SIMULATION_SEED`` (from which on).
"""

from __future__ import annotations

import os

import pytest

from ccstream.engine import fold
from tests.simulation.explore import Explored, explore, failure_of, first_failure, shrink
from tests.simulation.following import SteppedStandbys
from tests.simulation.history import (
    SLOTS,
    Action,
    History,
    Mark,
    Publish,
    Rebalance,
    Restart,
    Step,
    Turn,
    Wait,
    generate,
)
from tests.simulation.mutants import MUTANTS, OFFSETS_ONLY_WHERE_THEY_MOVED
from tests.simulation.process import Parts

pytestmark = pytest.mark.timeout(180)

_HISTORIES = int(os.environ.get("CCSTREAM_SIMULATION_HISTORIES", "2000"))
_SEED = int(os.environ.get("CCSTREAM_SIMULATION_SEED", "0"))
_MANY = 5_000

_SEEDS_TO_FIND_A_MUTANT = 2_000

_BROKEN = ("TypeError", "AttributeError", "NameError", "KeyError")
"""How a mutant fails that no longer fits what it changes."""

_SECONDS_A_HISTORY = 0.2
"""Ten times what one takes on an idle machine."""


needs_parts = pytest.mark.skipif(
    not fold.__file__.endswith(".py"), reason="of a compiled folder no part can be taken out"
)


@pytest.fixture(scope="module")
def explored() -> Explored:
    return explore(range(_SEED, _SEED + _HISTORIES))


@pytest.mark.timeout(60 + _HISTORIES * _SECONDS_A_HISTORY)
def test_every_acknowledged_event_has_its_effect_once_and_every_reader_ends_with_the_rows(
    explored: Explored,
) -> None:
    assert not explored.failures, explored.failures[0]


@pytest.mark.timeout(60 + _HISTORIES * _SECONDS_A_HISTORY)
def test_the_same_holds_where_rows_are_kept_on_the_disks_of_machines() -> None:
    stored = explore(range(_SEED, _SEED + _HISTORIES // 4), Parts(stored=True))
    assert not stored.failures, stored.failures[0]


@pytest.mark.timeout(60 + _HISTORIES * _SECONDS_A_HISTORY)
@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "on disks"])
def test_the_same_holds_where_workers_follow_the_numbers_of_others(stored: bool) -> None:
    number = _HISTORIES // 4
    begin = _SEED + (number if stored else 0)
    parts = Parts(stored=stored, standbys=SteppedStandbys)
    followed = explore(range(begin, begin + number), parts)
    assert not followed.failures, followed.failures[0]
    if number >= 500:
        assert {"taken over with rows", "taken over empty"} <= followed.deaths.keys()


@pytest.mark.parametrize("seed", [1_003_381, 1_004_617, 2_001_624])
def test_histories_that_once_ended_wrong_end_well(seed: int) -> None:
    """Room was kept for who never came; who was erased lost a root by a link from afterwards, and
    what it handed over after it had come back passed for a duplicate.
    """
    again = explore(range(seed, seed + 1))
    assert not again.failures, again.failures[0]


@pytest.mark.long
@pytest.mark.timeout(60 + _MANY * _SECONDS_A_HISTORY)
def test_the_same_holds_for_thousands_of_histories() -> None:
    many = explore(range(1_000_000, 1_000_000 + _MANY))
    assert not many.failures, many.failures[0]


@pytest.mark.skipif(_HISTORIES < 2_000, reason="too few histories to meet everything")
def test_workers_die_at_every_point_of_a_commit_and_of_a_take_over(explored: Explored) -> None:
    expected = {
        "after a fold",
        "after some outputs",
        "after all outputs",
        "before its outputs are acknowledged",
        "before its offsets",
        "before its offsets, the next begun",
        "between offsets and end",
        "between offsets and end, the next begun",
        "after its commit",
        "giving up: waiting for a commit",
        "giving up: before the end of a transaction",
        "giving up: after a commit",
        "taking over: committed offsets",
        "taking over: restore",
        "taking over: waiting for a commit",
        "taking over: before the end of a transaction",
        "taking over: after a commit",
        "fenced",
    }
    assert expected <= explored.deaths.keys(), f"met only {explored.deaths}"


@pytest.mark.skipif(_HISTORIES < 2_000, reason="too few histories to meet everything")
def test_events_meet_every_end_there_is(explored: Explored) -> None:
    assert explored.outcomes.keys() == {
        "no_effect",
        "applied",
        "duplicate",
        "too_late",
        "rejected",
    }


@needs_parts
@pytest.mark.parametrize("barrier", MUTANTS)
def test_a_barrier_that_is_taken_out_is_missed(barrier: str) -> None:
    parts = MUTANTS[barrier]
    found = first_failure(parts, range(_SEEDS_TO_FIND_A_MUTANT))
    assert found is not None, f"nothing found wrong although {barrier}"
    failure = failure_of(generate(found), parts)
    assert failure is not None
    assert not failure.startswith(_BROKEN), f"not found, but broken itself: {failure}"


def test_a_zombie_that_has_nothing_to_do_but_to_fire_a_timer_is_refused() -> None:
    committed = (Step(0),) * 4
    zombie = (Turn(SLOTS, 5, 0, 700), *(Step(SLOTS),) * 4)
    history = History(
        1,
        0,
        (
            Rebalance(1, 7, 0),
            Wait(650),
            Publish("add", 0, 1),
            Turn(0, 5, 0, 0),
            *committed,
            Mark(50, 0),
            Rebalance(2, 0, 0),
            *zombie,
        ),
    )
    assert failure_of(history) is None
    failure = failure_of(history, OFFSETS_ONLY_WHERE_THEY_MOVED)
    assert failure is not None and "signalled 2 times" in failure


@needs_parts
def test_a_failing_history_is_made_short() -> None:
    parts = MUTANTS["what changes nothing is not published"]
    seed = first_failure(parts, range(10))
    assert seed is not None
    history = generate(seed)
    shortest = shrink(history, lambda shorter: failure_of(shorter, parts) is not None)
    assert failure_of(shortest, parts) is not None
    actions = [*shortest.actions, *_inside(shortest)]
    published = [action for action in actions if isinstance(action, Publish)]
    assert 1 <= len(published) <= 2
    assert len(shortest.actions) < len(history.actions) / 3


def _inside(history: History) -> list[Action]:
    """What happens in the midst of rebalances."""
    outer = [one for one in history.actions if isinstance(one, Rebalance | Restart)]
    return [nested.action for one in outer for nested in one.during]


def test_a_seed_gives_the_same_history_again() -> None:
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)
