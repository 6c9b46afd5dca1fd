"""When Python looks for cyclic garbage in a worker: seldom, and not at the rows.

What an event leaves behind lives long and holds no cycles, so reference counts alone free it
when its time comes. Left to itself the collector looks at each such object at least once, cold
from memory: a quarter of what an event costs. Cycles come from the control plane alone (tasks,
exceptions), a few an hour.
"""

from __future__ import annotations

import gc

from ccstream.engine.clock import Clock

__all__ = ["Collector"]

_INTERVAL = 300.0
"""Seconds between looks at what has come since the last one: some tens of milliseconds each, a
few in a hundred thousand of the time. After an assignment it is all there is: 0.1 s or more."""


class Collector:
    """Takes the collector over from Python until :meth:`end`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: float | None = None
        self._thorough = False

    def begin(self) -> None:
        """Partitions were taken over: to look at all there is would keep them waiting."""
        gc.disable()
        self._thorough = True
        if self._due is None:
            self._due = self._clock.monotonic() + _INTERVAL

    def turn(self) -> None:
        """Collect if it is time to."""
        if self._due is not None and self._clock.monotonic() >= self._due:
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
        self._due = self._clock.monotonic() + _INTERVAL
