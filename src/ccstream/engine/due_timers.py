"""When wall-clock timers fire: between chunks, once what came before them is folded.

Whatever was appended before a timer was due is to be folded before it fires: a cart that somebody
filled while no worker was there has not been abandoned. So timers wait while the worker is behind,
and after a take-over until every input has been fetched from and what that brought is folded. But
not for ever: one that has been behind for long is told what is true by its own lights.

At most so many fire in a turn, shared among the partitions: records go on being folded between, and
a transaction that is too large already waits for the one before, as it does for records.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from ccstream.engine.clock import Clock
from ccstream.engine.dataplane import DataPlane
from ccstream.engine.partition import Partition

__all__ = ["DueTimers", "Fires"]

_FIRED_MAX: Final = 200
"""Timers in a turn: as many as a full chunk has records, some milliseconds."""

_PATIENCE: Final = 60.0
"""Seconds that timers wait for a worker that is behind: millions of records. Longer, and its load
is more than it can take, of which nobody knows when it ends."""


class Fires(Protocol):
    """What fires timers; see `Folder.fire`."""

    @property
    def fire(self) -> Callable[[Partition, int, int], int]: ...


class DueTimers:
    """Asked once in each turn of the chunk loop."""

    def __init__(self, plane: DataPlane, folder: Fires, clock: Clock) -> None:
        self._plane = plane
        self._folder = folder
        self._clock = clock
        self._heard = False
        self._waiting_since: float | None = None
        self.more = False
        """Whether some are left that are due now."""

    def begin(self) -> None:
        """Partitions have been taken over."""
        self._heard = False
        self._waiting_since = None
        self.more = False

    def due(self, partitions: Collection[Partition], *, behind: bool) -> list[Partition]:
        """The partitions of which timers are to fire now."""
        self.more = False
        now = self._clock.now_ms()
        due = [partition for partition in partitions if partition.timers.next_due <= now]
        caught_up = self._heard and not behind
        if not self._heard and any(partition.timers.armed for partition in partitions):
            # What has been fetched by now is folded with the next chunk, or begins to be.
            self._heard = self._plane.heard()
        if caught_up or not due:
            self._waiting_since = None
            return due
        return due if self._waited_enough() else []

    def fire(self, due: list[Partition]) -> int:
        """Fire timers of these partitions; how many, those looked at in vain included."""
        share = max(1, _FIRED_MAX // len(due))
        fired = sum(self._folder.fire(one, self._now_ms(one.number), share) for one in due)
        self.more = any(one.timers.next_due <= self._now_ms(one.number) for one in due)
        return fired

    def _now_ms(self, _number: int) -> int:
        """What the time is for the timers of a partition number."""
        return self._clock.now_ms()

    def _waited_enough(self) -> bool:
        now = self._clock.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= _PATIENCE
