"""How long a question may take, so that all of them together end in time.

A question measures in rounds, each of which has a run of every subject. Another round begins
only if the longest so far still fits: a slow machine gets fewer runs, and is told so, rather
than an evening of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

__all__ = ["rounds"]


def rounds(
    question: str,
    runs: int,
    budget_s: float,
    say: Callable[[str], None],
    *,
    began: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[int]:
    """Number the rounds from 1 to ``runs``, or to the last that fits into ``budget_s``.

    Args:
        began: when the question began, by ``clock``; what it did before its first round counts.
    """
    started = clock() if began is None else began
    longest = 0.0
    for number in range(1, runs + 1):
        at = clock()
        if number > 1 and at - started + longest > budget_s:
            say(f"{question}: {number - 1} of {runs} runs fit into its {budget_s:.0f} s")
            return
        yield number
        longest = max(longest, clock() - at)
