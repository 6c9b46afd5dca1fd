"""What a step asks for. A closed union: the engine interprets it in one place.

Every record folded publishes the snapshot of each row it addresses whether or not a step
asks for it; ``Publish`` says what was special about this change.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["Effect", "Publish", "Reject"]


class Publish(Struct, frozen=True):
    """The row changed; ``delta`` is the aggregate's own record of how (see its module)."""

    delta: Any = None


class Reject(Struct, frozen=True):
    """The event has no effect; ``reason`` is a catalogue constant, ``detail`` a sentence
    without personal values.
    """

    reason: str
    detail: str


Effect = Publish | Reject
