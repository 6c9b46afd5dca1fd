"""Time that passes only when told to."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["START_MS", "FakeClock"]

START_MS = 1_700_000_000_000
"""The wall clock when it all begins."""


class FakeClock:
    """One clock for all; ``idle`` is called whenever somebody would have slept."""

    def __init__(self, idle: Callable[[], None] | None = None) -> None:
        self._seconds = 100.0
        self._idle = idle

    def monotonic(self) -> float:
        return self._seconds

    def now_ms(self) -> int:
        return START_MS + int(self._seconds * 1000)

    def advance(self, seconds: float) -> None:
        self._seconds += seconds

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        if self._idle is not None:
            self._idle()
