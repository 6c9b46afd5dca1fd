"""Timers against a plain model, through crashes and restores.

The model knows neither rows nor heaps: a dictionary of timers, a list of what happened, and a copy
of both as of the last commit. Whatever the history, the engine tells each timer that was neither
replaced nor cancelled once, in the same order, and signals it under one id.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.moment import Scope
from ccstream.domain.timers import Timer
from ccstream.engine.firing import timer_id
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.wire.catalogue import SIGNALS_TOPIC, TABLES
from ccstream.wire.rows import ROW_CODECS
from tests.engine.alarms import TABLE, AlarmWorld, LogCodec, alarm
from tests.engine.world import CODEC, INPUTS, NOW, PARTITIONS, STATE_ID, key_living_at

ENTITIES = (key_living_at(0), key_living_at(0, "visitor"), key_living_at(0, "device"))
NAMES = ("a", "b", "signal1", "signal2", "again")


class Model:
    """What should happen, for all entities."""

    def __init__(self) -> None:
        self.timers: dict[tuple[str, str], tuple[int, str]] = {}
        self.latest: dict[str, int] = {}
        self.log: dict[str, list[str]] = {entity: [] for entity in ENTITIES}
        self.signalled: list[tuple[str, str, int]] = []

    def record(self, entity: str, event_id: str, at: int, commands: list[Any]) -> None:
        now = max(at, self.latest.get(entity, 0))
        self.latest[entity] = now
        self.fire(entity, now, ("wall", "event"))
        self.log[entity].append(event_id)
        for command in commands:
            if command[0] == "set":
                _, name, due, clock = command
                self.timers[entity, name] = (due, clock)
            else:
                self.timers.pop((entity, command[1]), None)

    def fire(self, entity: str, now: int, clocks: tuple[str, ...]) -> None:
        while True:
            due = sorted(
                (when, name)
                for (whose, name), (when, clock) in self.timers.items()
                if whose == entity and when <= now and clock in clocks
            )
            if not due:
                return
            when, name = due[0]
            _, clock = self.timers.pop((entity, name))
            told_at = when if clock == "wall" else now
            self.log[entity].append(f"{name}@{when}/{told_at}")
            if name.startswith("signal"):
                self.signalled.append((entity, name, when))
            if name == "again":
                self.timers[entity, name] = (when + 1, clock)


class Engine:
    """The engine's own parts, with what of it is durable beside them."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, bytes]] = {name: {} for name in TABLES}
        self.folded = [-1] * len(INPUTS)
        self.signals: list[str] = []
        self.epoch = 7
        self.world = AlarmWorld()

    def commit(self) -> None:
        for table, key, value in self.world.partition.drain():
            if value is None:
                self.rows[table].pop(key, None)
            else:
                self.rows[table][key] = value
        self.folded = list(self.world.partition.folded)
        self.signals += [
            CODEC.decode(sent.value)[1]["event_id"]
            for sent in self.world.delivery.sent
            if sent.topic == SIGNALS_TOPIC
        ]
        self.world.delivery.sent.clear()

    def crash(self) -> None:
        """Another worker takes over what was committed."""
        self.world = AlarmWorld()
        codecs = {name: LogCodec() if name == TABLE else ROW_CODECS[name] for name in TABLES}
        tables = {name: Table(name, codecs[name], 2) for name in TABLES}
        for name, rows in self.rows.items():
            for key, value in rows.items():
                tables[name].restore(key, value)
        partition = Partition(Scope(STATE_ID, 0, PARTITIONS), tables, list(self.folded))
        partition.index_rows()
        self.epoch += 1
        partition.begin_epoch(self.epoch)
        self.world.partition = partition
        self.world._offsets = [offset + 1 for offset in self.folded]


_commands = st.lists(
    st.one_of(
        st.tuples(
            st.just("set"),
            st.sampled_from(NAMES),
            st.integers(0, 60),
            st.sampled_from(["wall", "event"]),
        ),
        st.tuples(st.just("cancel"), st.sampled_from(NAMES)),
    ),
    max_size=3,
)
_actions = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(0, 2), st.integers(0, 60), _commands),
        st.tuples(st.just("wall"), st.integers(0, 60), st.integers(1, 3)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("crash")),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(_actions)
def test_each_timer_is_told_once_in_order_whatever_befalls_the_workers(
    actions: list[tuple[Any, ...]],
) -> None:
    engine, model = Engine(), Model()
    since_commit: list[tuple[Any, ...]] = []
    committed = copy.deepcopy(model)

    def fold(number: int, action: tuple[Any, ...]) -> None:
        _, who, at, commands = action
        entity, event_id = ENTITIES[who], f"e{number}"
        model.record(entity, event_id, at, commands)
        says = "; ".join(" ".join(map(str, command)) for command in commands)
        engine.world.fold(alarm(event_id, says, subject=entity), at=NOW + at)

    for number, action in enumerate([*actions, ("crash",), ("wall", 100, 2), ("commit",)]):
        match action[0]:
            case "record":
                since_commit.append((number, action))
                fold(number, action)
            case "wall":
                now, at_a_time = action[1:]
                while engine.world.partition.timers.next_due <= NOW + now:
                    engine.world.fire(now, at_a_time)
                for entity in ENTITIES:
                    model.fire(entity, now, ("wall",))
            case "commit":
                engine.commit()
                committed = copy.deepcopy(model)
                since_commit.clear()
            case "crash":
                engine.crash()
                model = copy.deepcopy(committed)
                for again in since_commit:
                    fold(*again)
    for entity in ENTITIES:
        assert engine.world.log(entity) == model.log[entity]
        assert sorted(engine.world.timers(entity)) == sorted(
            (name, due) for (whose, name), (due, _) in model.timers.items() if whose == entity
        )
    assert sorted(engine.signals) == sorted(
        timer_id(entity, Timer(TABLE, entity, name, NOW + due, "wall"))
        for entity, name, due in model.signalled
    )
