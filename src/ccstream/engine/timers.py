"""Which entities of a partition number have timers, and when the next ones may be due.

What counts is the table ``timers``, one row an entity. This is found from it when the number is
taken over, and kept beside it in memory from then on: a dictionary entry an entity, and for those
with wall-clock timers a place in a heap. A place may be earlier than the timer it is for, which
was replaced by a later one meanwhile: then it is only looked at in vain, once. So an entity
whose timer moves on with every event stays where it is.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final, final

from ccstream.domain.timers import Timer
from ccstream.engine.store import Table

__all__ = ["NEVER", "TIMERS", "TimerIndex"]

TIMERS: Final = "timers"
"""The table."""

NEVER: Final = 1 << 62
"""Later than any time there is."""

_SPARE_PLACES: Final = 64
"""Places in the heap that are nobody's any more, beside as many as there are entities: they are
cleared out together, so that it costs next to nothing for each."""


@final
class TimerIndex:
    """The timers of one partition number by the time of their entities' first.

    ``next_due``: before that no wall-clock timer is due.
    ``armed``: whether there is any timer.
    """

    def __init__(self) -> None:
        self.next_due = NEVER
        self.armed = False
        self._event: dict[str, int] = {}
        self._wall: dict[str, int] = {}
        self._places: list[tuple[int, str]] = []

    def rebuild(self, table: Table) -> None:
        """Begin anew from the rows of the table: each is decoded once, and not kept."""
        self._event.clear()
        self._wall.clear()
        self._places = []
        keys = table.keys()
        for key in keys:
            entry = table.peek(key)
            if entry is not None:
                self._note(key, entry.state.timers)
        self._places = [(due, entity) for entity, due in self._wall.items()]
        heapify(self._places)
        self._look()

    def knows(self, entity: str) -> bool:
        """Whether it has timers."""
        return entity in self._wall or entity in self._event

    def due(self, entity: str) -> int:
        """Before that none of the entity's timers is due, of either clock."""
        due = self._wall.get(entity, NEVER)
        if self._event:
            due = min(due, self._event.get(entity, NEVER))
        return due

    def note(self, entity: str, timers: tuple[Timer, ...]) -> None:
        """These are all that the entity has now."""
        if self._note(entity, timers):
            heappush(self._places, (self._wall[entity], entity))
        if len(self._places) > 2 * len(self._wall) + _SPARE_PLACES:
            self._places = [(due, known) for known, due in self._wall.items()]
            heapify(self._places)
        self._look()

    def take(self, now: int) -> str | None:
        """An entity that may have a wall-clock timer due; it is to be noted again after that."""
        if self.next_due > now:
            return None
        _, entity = heappop(self._places)
        del self._wall[entity]
        self._look()
        return entity

    def waiting(self, now: int, count_max: int) -> int:
        """How many entities are due and were not taken yet; no more than so many are counted."""
        count, below = 0, [0]
        while below and count < count_max:
            place = below.pop()
            if place < len(self._places) and self._places[place][0] <= now:
                due, entity = self._places[place]
                count += self._wall.get(entity) == due
                below += (2 * place + 1, 2 * place + 2)
        return count

    def _note(self, entity: str, timers: tuple[Timer, ...]) -> bool:
        """Whether the entity needs another place in the heap."""
        event = wall = NEVER
        for timer in timers:
            if timer.clock == "wall":
                wall = min(wall, timer.due_ms)
            else:
                event = min(event, timer.due_ms)
        if event != NEVER:
            self._event[entity] = event
        elif self._event:
            self._event.pop(entity, None)
        if wall == NEVER:
            self._wall.pop(entity, None)
            return False
        if wall >= self._wall.get(entity, NEVER):
            return False
        self._wall[entity] = wall
        return True

    def _look(self) -> None:
        """Pass over places that are nobody's any more, and see what comes next."""
        places, wall = self._places, self._wall
        while places and wall.get(places[0][1]) != places[0][0]:
            heappop(places)
        self.next_due = places[0][0] if places else NEVER
        self.armed = bool(wall) or bool(self._event)
