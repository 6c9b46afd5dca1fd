"""The engine's one clock, so that a simulation can put its own in its place."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def now_ms(self) -> int:
        """The wall clock, in milliseconds since the epoch, UTC: for metrics and people."""
        return int(time.time() * 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
