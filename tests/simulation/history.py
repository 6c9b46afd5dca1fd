"""Histories: what channels publish and what befalls the workers, drawn from a seed.

A history is a list of actions. Each carries the dice that it rolls, so that leaving others out
changes nothing about it, and a failing history can be made shorter.
"""

from __future__ import annotations

import random
from typing import Any, Literal, NamedTuple

__all__ = [
    "AT_WORK",
    "SLOTS",
    "Action",
    "Cancel",
    "Compact",
    "Crash",
    "Deliver",
    "History",
    "Kind",
    "Mark",
    "Nested",
    "Publish",
    "Rebalance",
    "Restart",
    "Step",
    "Turn",
    "Wait",
    "generate",
]

SLOTS = 3
"""Workers that there can be at a time, apart from zombies, which are numbered from here on."""

Kind = Literal[
    "add",
    "remove",
    "set",
    "clear",
    "order",
    "visit",
    "profile",
    "link",
    "unlink",
    "erase",
    "hold",
    "before",
    "again",
    "late",
    "garbage",
    "null",
    "stray",
    "mismatch",
    "invalid",
    "brittle",
]


class Publish(NamedTuple):
    """A channel appends an event; ``dice`` decide whatever else it says."""

    kind: Kind
    subject: int
    dice: int


class Turn(NamedTuple):
    """A worker takes up to ``take`` records, ``ms`` after what happened before.

    Just before the ``step_at``-th output of it, its commit goes a step on.
    """

    worker: int
    take: int
    mix: int
    ms: int
    step_at: int = 0


class Deliver(NamedTuple):
    """Some of what one of a worker's producers holds reaches the broker."""

    worker: int
    count: int
    mix: int
    producer: int = 0


class Step(NamedTuple):
    """The next third of a worker's commit: its outputs are acknowledged, its offsets, its end.

    If ``flaky``, the broker does what it is asked to, but its answer gets lost at first.
    """

    worker: int
    flaky: bool = False


class Mark(NamedTuple):
    """The broker writes some of the markers of transactions that are decided."""

    count: int
    mix: int


class Wait(NamedTuple):
    """Time passes."""

    ms: int


class Compact(NamedTuple):
    """The broker compacts the changelogs of a partition number, and the owners."""

    partition: int
    tombstones: bool


AT_WORK = -1
"""Whichever worker the others interrupt."""


class Crash(NamedTuple):
    """A worker is gone, wherever it was."""

    worker: int


class Cancel(NamedTuple):
    """A worker that is taking over is told to give up again."""

    worker: int


class Nested(NamedTuple):
    """An action in the midst of another, at its ``point``-th chance."""

    point: int
    action: Any


class Rebalance(NamedTuple):
    """A new generation of the workers in ``members`` (bits of slots).

    Those that served and are not in ``told`` hear nothing of it: they go on as zombies. So
    does, if this happens in the midst of another, whoever is at work there. ``deal`` decides
    who gets what.
    """

    members: int
    told: int
    deal: int
    during: tuple[Nested, ...] = ()


class Restart(NamedTuple):
    """A worker is started again with the same static id, in the same generation.

    With ``twin`` its predecessor is not dead: it goes on as a zombie.
    """

    worker: int
    twin: bool
    during: tuple[Nested, ...] = ()


Action = (
    Publish | Turn | Deliver | Step | Mark | Wait | Compact | Crash | Cancel | Rebalance | Restart
)


class History(NamedTuple):
    """``static`` says which slots have static ids, as bits."""

    partitions: int
    static: int
    actions: tuple[Action, ...]

    def __str__(self) -> str:
        lines = [f"    {action!r}," for action in self.actions]
        head = f"History(partitions={self.partitions}, static={self.static}, actions=("
        return "\n".join([head, *lines, "))"])


_KINDS: dict[Kind, int] = {
    "add": 30,
    "remove": 10,
    "set": 7,
    "clear": 3,
    "order": 6,
    "visit": 6,
    "profile": 6,
    "link": 8,
    "unlink": 4,
    "erase": 5,
    "hold": 3,
    "before": 3,
    "again": 12,
    "late": 2,
    "garbage": 2,
    "null": 1,
    "stray": 5,
    "mismatch": 1,
    "invalid": 1,
    "brittle": 2,
}

_ACTIONS = {
    "publish": 40,
    "turn": 26,
    "deliver": 8,
    "step": 20,
    "mark": 6,
    "wait": 2,
    "compact": 1,
    "crash": 3,
    "rebalance": 6,
    "restart": 2,
}


_STORM = {**_ACTIONS, "mark": 12, "crash": 6, "rebalance": 18, "restart": 4}
"""Hardly anything but hand-overs: these are where most can go wrong."""

_FLOW = {
    "publish": 40,
    "turn": 40,
    "deliver": 18,
    "step": 18,
    "mark": 5,
    "compact": 1,
    "crash": 2,
    "rebalance": 1,
    "restart": 1,
}
"""Commit upon commit of workers that nothing is taken from, so that transactions meet."""

_NESTED = {
    "publish": 3,
    "turn": 8,
    "deliver": 6,
    "step": 14,
    "mark": 5,
    "wait": 1,
    "crash": 5,
    "cancel": 1,
    "rebalance": 3,
    "restart": 2,
}
"""What happens in the midst of a rebalance; another one among it, which has the last word."""


def generate(seed: int) -> History:
    """The history of a seed."""
    dice = random.Random(seed)
    partitions = dice.choice((1, 2, 2, 3))
    static = dice.choice((0, 0, 1, 3))
    first = Rebalance(dice.randint(1, (1 << SLOTS) - 1), 7, dice.getrandbits(16))
    length = dice.choice((15, 30, 30, 50))
    weights = dice.choice((_ACTIONS, _ACTIONS, _STORM, _STORM, _STORM, _FLOW, _FLOW))
    if weights is _FLOW:
        length *= 2
    actions = [first, *(_action(dice, weights) for _ in range(length))]
    return History(partitions, static, tuple(actions))


def _dice(dice: random.Random) -> int:
    return dice.getrandbits(16)


def _worker(dice: random.Random) -> int:
    """Mostly one of the slots, at times a zombie."""
    return dice.randrange(SLOTS) if dice.random() < 0.8 else SLOTS + dice.randrange(2)


def _turn(dice: random.Random) -> Turn:
    take = dice.choice((1, 2, 3, 5, 20))
    mix = _dice(dice) if dice.random() < 0.8 else 0
    ms = dice.choice((0, 0, 0, 10, 50, 700))
    return Turn(_worker(dice), take, mix, ms, dice.choice((0, 0, 1, 2, 3, 5)))


def _deliver(dice: random.Random) -> Deliver:
    mix = _dice(dice) if dice.random() < 0.5 else 0
    return Deliver(_worker(dice), dice.choice((1, 2, 4, 50)), mix, dice.randrange(2))


def _publish(dice: random.Random) -> Publish:
    (kind,) = dice.choices(list(_KINDS), list(_KINDS.values()))
    return Publish(kind, dice.randrange(6), _dice(dice))


def _during(dice: random.Random) -> tuple[Nested, ...]:
    """What happens in the midst of a rebalance."""
    if dice.random() < 0.3:
        return ()
    point = 0
    nested = []
    for _ in range(dice.choice((1, 2, 3, 5))):
        point += dice.choice((1, 1, 2, 3, 8, 14))
        (name,) = dice.choices(list(_NESTED), list(_NESTED.values()))
        action = _make(name, dice, inside=True)
        if name == "crash" and dice.random() < 0.7:
            action = Crash(AT_WORK)
        nested.append(Nested(point, action))
    return tuple(nested)


def _make(name: str, dice: random.Random, *, inside: bool = False) -> Action:
    during = () if inside else _during(dice)
    match name:
        case "publish":
            return _publish(dice)
        case "turn":
            return _turn(dice)
        case "deliver":
            return _deliver(dice)
        case "step":
            return Step(_worker(dice), dice.random() < 0.15)
        case "mark":
            return Mark(dice.choice((1, 2, 5, 50)), _dice(dice))
        case "wait":
            return Wait(dice.choice((50, 500, 11_000)))
        case "compact":
            return Compact(dice.randrange(3), dice.random() < 0.7)
        case "crash":
            return Crash(_worker(dice))
        case "cancel":
            return Cancel(dice.randrange(SLOTS))
        case "restart":
            return Restart(dice.randrange(SLOTS), dice.random() < 0.4, during)
        case _:
            told = 7 if dice.random() < 0.5 else dice.randrange(8)
            return Rebalance(dice.randint(1, 7), told, _dice(dice), during)


def _action(dice: random.Random, weights: dict[str, int]) -> Action:
    (name,) = dice.choices(list(weights), list(weights.values()))
    return _make(name, dice)
