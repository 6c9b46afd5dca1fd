"""Waiting for what becomes true a little later, as a change of topics does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["eventually"]

T = TypeVar("T")


def eventually(
    look: Callable[[], T],
    good: Callable[[T], object],
    seconds_max: float = 15.0,
    every: float = 0.1,
) -> T:
    """What ``look`` finds once it is ``good``, or at the end of the time in any case."""
    deadline = time.monotonic() + seconds_max
    while True:
        found = look()
        if good(found) or time.monotonic() > deadline:
            return found
        time.sleep(every)
