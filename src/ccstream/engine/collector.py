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
few in a hundred thousand of the time."""


class Collector:
    """Takes the collector over from Python until :meth:`end`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = 0.0

    def begin(self) -> None:
        """Collect all there is, once, and pass what is left over from now on."""
        gc.disable()
        gc.unfreeze()
        self._collect()

    def turn(self) -> None:
        """Collect if it is time to."""
        if self._clock.monotonic() >= self._due:
            self._collect()

    def end(self) -> None:
        """Give it back."""
        gc.unfreeze()
        gc.enable()

    def _collect(self) -> None:
        gc.collect()
        gc.freeze()
        self._due = self._clock.monotonic() + _INTERVAL
