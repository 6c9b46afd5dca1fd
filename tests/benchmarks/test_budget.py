"""A question ends in time, and says how much fitted into it."""

from __future__ import annotations

from benchmarks.budget import rounds


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(seconds: list[float], budget_s: float, began: float | None = None) -> tuple[int, list[str]]:
    clock, said = Clock(), list[str]()
    done = 0
    for number in rounds("q", len(seconds), budget_s, said.append, began=began, clock=clock):
        clock.now += seconds[number - 1]
        done = number
    return done, said


def test_all_rounds_are_run_where_they_fit() -> None:
    assert run([10.0, 10.0, 10.0], 30.0) == (3, [])


def test_a_round_that_would_not_fit_is_left_out_and_said() -> None:
    assert run([10.0, 20.0, 1.0], 45.0) == (2, ["q: 2 of 3 runs fit into its 45 s"])


def test_the_first_round_is_always_run() -> None:
    assert run([60.0, 60.0], 1.0)[0] == 1


def test_what_came_before_the_first_round_counts() -> None:
    assert run([10.0, 10.0], 25.0, began=90.0)[0] == 1
