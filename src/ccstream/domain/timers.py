"""Timers: an aggregate asks to be told when a time has come.

A timer belongs to a row and has a name; setting one of the same name replaces it. All timers of an
entity's rows are kept together, in the order in which they fire: by when they are due, then by
name. An aggregate is told by ``on_timer(state, timer, now)``, as pure as a step.

There are two clocks. An *event-time* timer is due when a record of its entity says so: it fires
before the first one folded that was appended when it was due, or later, with that record's
``now``; if none ever comes, it never fires. A *wall-clock* timer fires by itself, with ``now``
being when it was due, however late that is; and before such a record, too, so that whatever is
folded finds done what was due before it.

Law: each (row, name, due) that was set, and neither replaced nor cancelled, is told once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from ccstream.domain.moment import Instant

__all__ = ["TIMERS_MAX", "Timer", "TimerClock", "Timers", "first_due", "replaced", "without"]

TimerClock = Literal["event", "wall"]

TIMERS_MAX: Final = 256
"""Timers of one entity. They are one row, written whole whenever one of them changes."""


class Timer(Struct, frozen=True, gc=False):
    """One timer: ``table`` and ``key`` say whose row is told."""

    table: str
    key: str
    name: str
    due_ms: Instant
    clock: TimerClock


class Timers(Struct, frozen=True, gc=False):
    """The row of the table ``timers``: those of one entity, as they fire."""

    timers: tuple[Timer, ...]


def replaced(timers: tuple[Timer, ...], timer: Timer) -> tuple[Timer, ...]:
    """With this one, in place of that of the same row and name."""
    others = without(timers, timer.table, timer.key, timer.name)
    return _in_order((*others, timer))


def without(timers: tuple[Timer, ...], table: str, key: str, name: str) -> tuple[Timer, ...]:
    """Without that of this row and name; the same tuple if there is none."""
    kept = tuple(
        timer for timer in timers if timer.name != name or timer.key != key or timer.table != table
    )
    return kept if len(kept) < len(timers) else timers


def first_due(timers: tuple[Timer, ...], now: Instant, *, by_itself: bool) -> Timer | None:
    """The first that is due.

    Args:
        timers: those of one entity.
        now: the time.
        by_itself: no record is being folded, so that only wall-clock timers can be due.
    """
    for timer in timers:
        if timer.due_ms > now:
            return None
        if not by_itself or timer.clock == "wall":
            return timer
    return None


def _in_order(timers: Iterable[Timer]) -> tuple[Timer, ...]:
    return tuple(sorted(timers, key=lambda one: (one.due_ms, one.name, one.table, one.key)))
