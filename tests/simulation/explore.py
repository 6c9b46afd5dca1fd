"""Runs histories, and makes one that fails as short as it can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.simulation.checker import check
from tests.simulation.history import History, Rebalance, Restart, generate
from tests.simulation.process import Parts
from tests.simulation.simulation import Simulation, Violation

__all__ = ["Explored", "explore", "failure_of", "first_failure", "report", "shrink"]

_RUNS_MAX = 600
"""Attempts to make a history shorter; most need a third of them."""

_HONEST = Parts()


class Explored(NamedTuple):
    """What a number of histories showed."""

    failures: list[str]
    outcomes: Counter[str]
    deaths: Counter[str]


def explore(seeds: Iterable[int], parts: Parts = _HONEST, *, failures_max: int = 1) -> Explored:
    """Run the histories of these seeds on workers as they are, or made of these parts."""
    explored = Explored([], Counter(), Counter())
    for seed in seeds:
        simulation = Simulation(generate(seed), parts)
        outcomes, failure = _outcomes_of(simulation)
        explored.outcomes.update(outcomes)
        explored.deaths.update(simulation.points)
        if failure is not None:
            explored.failures.append(report(seed, parts))
            if len(explored.failures) == failures_max:
                break
    return explored


def failure_of(history: History, parts: Parts = _HONEST) -> str | None:
    """How this history fails, None if it does not."""
    return _outcomes_of(Simulation(history, parts))[1]


def _outcomes_of(simulation: Simulation) -> tuple[Counter[str], str | None]:
    try:
        simulation.run()
        return check(simulation), None
    except Violation as violation:
        return Counter(), str(violation)
    except Exception as error:  # noqa: BLE001 - whatever it is, this history brought it about
        return Counter(), repr(error)


def first_failure(parts: Parts, seeds: Iterable[int]) -> int | None:
    """The first of these seeds whose history fails on workers made of these parts."""
    return next((seed for seed in seeds if failure_of(generate(seed), parts)), None)


def report(seed: int, parts: Parts = _HONEST) -> str:
    """The failure of a seed, its shortest history, and how to run it again."""
    history = generate(seed)
    shortest = shrink(history, lambda shorter: failure_of(shorter, parts) is not None)
    return (
        f"seed {seed}: {failure_of(history, parts)}\n\n"
        f"shortest history that fails, {len(shortest.actions)} of {len(history.actions)} actions:\n"
        f"{shortest}\n"
        f"fails with: {failure_of(shortest, parts)}\n\n"
        f"again: CCSTREAM_SIMULATION_SEED={seed} CCSTREAM_SIMULATION_HISTORIES=1 "
        "pytest tests/simulation"
    )


def shrink(history: History, fails: Callable[[History], bool]) -> History:
    """Leave out actions, in ever smaller runs, as long as the rest still fails."""
    runs = 0

    def still_fails(candidate: History) -> bool:
        nonlocal runs
        runs += 1
        return runs <= _RUNS_MAX and fails(candidate)

    size = len(history.actions) // 2
    while size:
        at = 0
        while at < len(history.actions):
            actions = history.actions[:at] + history.actions[at + size :]
            candidate = history._replace(actions=actions)
            if still_fails(candidate):
                history = candidate
            else:
                at += size
        size //= 2
    return _without_nested(history, still_fails)


def _without_nested(history: History, fails: Callable[[History], bool]) -> History:
    """Leave out what happens in the midst of rebalances, one by one."""
    for at, action in enumerate(history.actions):
        if not isinstance(action, Rebalance | Restart):
            continue
        for nested in action.during:
            present = history.actions[at]
            assert isinstance(present, Rebalance | Restart)
            during = tuple(one for one in present.during if one is not nested)
            shorter = present._replace(during=during)
            actions = (*history.actions[:at], shorter, *history.actions[at + 1 :])
            candidate = history._replace(actions=actions)
            if fails(candidate):
                history = candidate
    return history
