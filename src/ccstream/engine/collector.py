"""When a worker looks for garbage: cyclic garbage seldom, and not at the rows.

What an event leaves behind lives long and holds no cycles, so reference counts alone free it
when its time comes. Left to itself the collector looks at each such object at least once, cold
from memory: a quarter of what an event costs. Cycles come from the control plane alone (tasks,
exceptions), a few an hour.

What was freed is given back to the system once it is quiet: after a burst, the C library keeps
what records in flight have taken, which can be more than the rows.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

from ccstream.engine.clock import Clock

__all__ = ["Collector"]

_INTERVAL = 300.0
"""Seconds between looks at what has come since the last one: some tens of milliseconds each, a
few in a hundred thousand of the time. After an assignment it is all there is: 0.1 s or more."""

_BURST = 100_000
"""Records that are worth it: to give memory back takes some milliseconds."""

_QUIET = 1.0
"""Seconds without a record: the next one hardly comes just then."""


def _nothing(_: int) -> object:
    return None


def _trimmer() -> Callable[[int], object]:
    """What gives freed memory back to the system, where the C library has that (glibc)."""
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return _nothing
    return found


class Collector:
    """Takes the collector over from Python until :meth:`end`."""

    def __init__(self, clock: Clock, trim: Callable[[int], object] | None = None) -> None:
        self._clock = clock
        self._trim = trim or _trimmer()
        self._records = 0
        self._latest = 0.0
        self._due: float | None = None
        self._thorough = False

    def begin(self) -> None:
        """Partitions were taken over: to look at all there is would keep them waiting."""
        gc.disable()
        self._thorough = True
        if self._due is None:
            self._due = self._clock.monotonic() + _INTERVAL

    def turn(self, records: int) -> None:
        """Collect if it is time to, after so many records were folded."""
        now = self._clock.monotonic()
        if records:
            self._records += records
            self._latest = now
        elif self._records >= _BURST and now - self._latest >= _QUIET:
            self._give_back()
        if self._due is not None and now >= self._due:
            self._collect()

    def end(self) -> None:
        """Give it back."""
        gc.unfreeze()
        gc.enable()

    def _collect(self) -> None:
        if self._thorough:  # what was passed over may have gone with the assignment before
            gc.unfreeze()
            self._thorough = False
        gc.collect()
        gc.freeze()
        if self._records >= _BURST:  # it is never quiet for so long
            self._give_back()
        self._due = self._clock.monotonic() + _INTERVAL

    def _give_back(self) -> None:
        self._trim(0)
        self._records = 0
