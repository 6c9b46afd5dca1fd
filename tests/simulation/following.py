"""Standbys of the simulation: those of production, without their thread.

What follows is told when to take its turn, and how much it gets to read then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ccstream.engine.standbys import Standby, Standbys
from ccstream.errors import CcstreamError

__all__ = ["SteppedStandbys"]


class SteppedStandbys(Standbys):
    """Follows by steps; ``taken`` counts what take-overs found, by whether they could use it."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._following = False
        self.taken: Counter[str] = Counter()

    def follow(self, numbers: Iterable[int]) -> None:
        self._follower.wanted = set(numbers)
        self.keep(numbers)
        self._following = bool(self._follower.wanted)

    def stop(self) -> None:
        if self._following:
            self._following = False
            self._follower.pause()

    def step(self, take: int, mix: int) -> None:
        """One round of the thread: at most ``take`` records, of partitions mixed by ``mix``."""
        if not self._following:
            return
        consumer: Any = self._consumer
        consumer.take, consumer.mix = take, mix
        try:
            self._follower.turn()
        except CcstreamError:
            self.taken["not followed"] += 1

    def take(self, number: int, state_id: bytes) -> Standby | None:
        held = super().take(number, state_id)
        if held is not None:
            read = any(len(table) for table in held.tables.values())
            self.taken["taken over with rows" if read else "taken over empty"] += 1
        return held
