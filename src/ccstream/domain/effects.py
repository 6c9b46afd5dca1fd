"""What a step asks for. A closed union: the engine interprets it in one place.

Every record folded publishes the snapshot of each row it addresses whether or not a step
asks for it; ``Publish`` says what was special about this change. What is told of a timer asks
for the like, and may also signal; it refuses nothing, for there is nobody to be refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

from mypy_extensions import mypyc_attr

from ccstream.domain.moment import Instant
from ccstream.domain.timers import TimerClock

__all__ = ["CancelTimer", "Effect", "Publish", "Reject", "SetTimer", "Signal", "TimerEffect"]


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Publish:
    """The row changed; ``delta`` is the aggregate's own record of how (see its module)."""

    delta: Final[Any]

    def __init__(
        self,
        delta: Any = None,
    ) -> None:
        self.delta = delta


@final
@dataclass(frozen=True)
class Reject:
    """The event has no effect; ``reason`` is a catalogue constant, ``detail`` a sentence
    without personal values.
    """

    reason: str
    detail: str


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class SetTimer:
    """Tell the row's aggregate when ``due_ms`` has come; see ``timers.py``.

    It takes the place of the row's timer of the same name. ``clock`` is whose time counts.
    """

    name: Final[str]
    due_ms: Final[Instant]
    clock: Final[TimerClock]

    def __init__(self, name: str, due_ms: Instant, clock: TimerClock) -> None:
        self.name = name
        self.due_ms = due_ms
        self.clock = clock


@final
@dataclass(frozen=True)
class CancelTimer:
    """Forget the row's timer of this name, if there is one."""

    name: str


@final
@dataclass(frozen=True)
class Signal:
    """Something has come to be true that nobody did: a record of ``signals.py``."""

    record: Any


Effect = Publish | Reject | SetTimer | CancelTimer
"""Of a step."""

TimerEffect = Publish | SetTimer | CancelTimer | Signal
"""Of being told of a timer."""
