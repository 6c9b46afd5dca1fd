"""What a step asks for. A closed union: the engine interprets it in one place.

Every record folded publishes the snapshot of each row it addresses whether or not a step
asks for it; ``Publish`` says what was special about this change.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["CancelTimer", "Effect", "Mail", "Publish", "Reject", "SetTimer"]


class Publish(Struct, frozen=True):
    """The row changed; ``delta`` is the aggregate's own record of how (see its module)."""

    delta: Any = None


class Mail(Struct, frozen=True):
    """Send ``event`` to the entity ``to``, through the log."""

    to: str
    event: Any


class SetTimer(Struct, frozen=True):
    name: str
    due: int


class CancelTimer(Struct, frozen=True):
    name: str


class Reject(Struct, frozen=True):
    """The event has no effect; ``reason`` is a catalogue constant, ``detail`` a sentence
    without personal values.
    """

    reason: str
    detail: str


Effect = Publish | Mail | SetTimer | CancelTimer | Reject
