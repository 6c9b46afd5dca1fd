"""When Python looks for cyclic garbage in a gateway: each second, at what has come since.

Left to itself the collector looks, from time to time, at all there is. Ten thousand open streams
are over a million objects, and all of them wait while it does: for a second, more on a busy
machine. Here every object is looked at once while it is new, and then passed over. What is passed
over and holds a cycle is found later, when enough of it may have come together: asyncio's
transports refer to themselves, so each connection that ends leaves one.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

__all__ = ["LOST_MAX", "Collector"]

INTERVAL_S: Final = 1.0
"""Between two looks. A thousand streams that begin within it take some 50 ms to look at."""

YOUNG: Final = 50_000
"""Objects that come, and are not gone again, before Python looks at these by itself. Its own 700
are a batch of events, of which none is garbage: a twentieth of the time that ingest takes."""

SELDOM: Final = 1_000_000_000
"""Looks at the younger ones before Python looks at all by itself."""

LOST_MAX: Final = 50_000
"""Connections that end before all there is is looked at again. Each leaves some 1.5 KB; ten
thousand streams, of which fifteen end in a second, come to as many in an hour."""


class Collector:
    """Takes the oldest generation over from Python until :meth:`end`."""

    def __init__(self) -> None:
        self._lost = 0
        self._thresholds = gc.get_threshold()

    def begin(self) -> None:
        """Collect all there is, and pass what is left over from now on."""
        _, middle, _ = self._thresholds = gc.get_threshold()
        gc.set_threshold(YOUNG, middle, SELDOM)
        self._collect()

    async def run(self) -> None:
        """Look at what is new until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.turn()

    def turn(self) -> None:
        """Look at what has come since the last time."""
        if self._lost >= LOST_MAX:
            self._lost = 0
            gc.unfreeze()
        self._collect()

    def lost(self) -> None:
        """A connection has ended."""
        self._lost += 1

    def end(self) -> None:
        """Give it back."""
        gc.unfreeze()
        gc.set_threshold(*self._thresholds)

    def _collect(self) -> None:
        gc.collect()
        gc.freeze()
