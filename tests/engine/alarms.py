"""An aggregate that does what its events say: sets and cancels timers, and notes what it is told.

An ``InteractionLogged`` says it in its topic: ``set a 300 wall; cancel b``. The state is what
happened, in order; a timer called ``signal…`` signals, ``fail…`` raises, and ``again…`` sets itself
anew a millisecond later, ``same…`` for the same time.
"""

from __future__ import annotations

import json
from typing import Any

from ccstream.domain.effects import CancelTimer, Effect, SetTimer, Signal, TimerEffect
from ccstream.domain.events import InteractionLogged
from ccstream.domain.moment import Moment
from ccstream.domain.signals import CartAbandoned
from ccstream.domain.timers import Timer
from ccstream.engine.aggregates import Aggregate
from ccstream.engine.store import Table
from ccstream.engine.timers import TIMERS
from ccstream.wire.rows import Entry
from tests.engine.world import NOW, World, key_living_at

__all__ = ["ALARMS", "TABLE", "AlarmWorld", "LogCodec", "alarm"]

TABLE = "profiles"


class LogCodec:
    """Rows that are lists of text."""

    def encode_row(self, entry: Entry) -> bytes:
        return json.dumps([entry.version, *entry.state]).encode()

    def decode_row(self, value: bytes) -> Entry:
        version, *state = json.loads(value)
        return Entry(tuple(state), version)


def _step(
    state: tuple[str, ...] | None, event: InteractionLogged, at: Moment
) -> tuple[tuple[str, ...], tuple[Effect, ...]]:
    effects: list[Effect] = []
    for command in filter(None, event.topic.split(";")):
        match command.split():
            case ["set", name, due, clock]:
                effects.append(SetTimer(name, NOW + int(due), clock))  # type: ignore[arg-type]
            case ["cancel", name]:
                effects.append(CancelTimer(name))
    return (*(state or ()), event.event_id), tuple(effects)


def _on_timer(
    state: tuple[str, ...] | None, timer: Timer, now: int
) -> tuple[tuple[str, ...] | None, tuple[TimerEffect, ...]]:
    if timer.name.startswith("fail"):
        raise RuntimeError("this timer fails")
    effects: tuple[TimerEffect, ...] = ()
    if timer.name.startswith("signal"):
        effects = (Signal(CartAbandoned(1, now, None, ())),)
    if timer.name.startswith("again"):
        effects = (SetTimer(timer.name, timer.due_ms + 1, timer.clock),)
    if timer.name.startswith("same"):
        effects = (SetTimer(timer.name, timer.due_ms, timer.clock),)
    if timer.name.startswith("quiet"):
        return state, effects
    return (*(state or ()), f"{timer.name}@{timer.due_ms - NOW}/{now - NOW}"), effects


ALARMS = Aggregate(
    table=TABLE,
    step=_step,
    row_suffix=None,
    sync_topic="",
    encode_synced=None,
    encode_row=LogCodec().encode_row,
    hands_out_tokens=False,
    on_timer=_on_timer,
)


def alarm(event_id: str, says: str = "", **fields: Any) -> InteractionLogged:
    """An event of an entity of partition 0 that says what to do."""
    whole: dict[str, Any] = {
        "event_id": event_id,
        "occurred_at": NOW,
        "channel": "web",
        "source": "shop-1",
        "subject": key_living_at(0),
        "interaction_id": "i",
        "kind": "call",
        "topic": says,
        **fields,
    }
    return InteractionLogged(**whole)


class AlarmWorld(World):
    """A world in which alarms go off."""

    def __init__(self, **options: Any) -> None:
        super().__init__({InteractionLogged: (ALARMS,)}, **options)
        self.partition.tables[TABLE] = Table(TABLE, LogCodec(), 100)

    def fire(self, at: int, count_max: int = 1_000) -> int:
        """By the wall clock."""
        return self.folder.fire(self.partition, NOW + at, count_max)

    def log(self, key: str) -> list[str]:
        """What happened to it."""
        return list(self.state(TABLE, key) or ())

    def timers(self, key: str) -> list[tuple[str, int]]:
        """What it waits for."""
        kept = self.state(TIMERS, key)
        return [] if kept is None else [(one.name, one.due_ms - NOW) for one in kept.timers]
