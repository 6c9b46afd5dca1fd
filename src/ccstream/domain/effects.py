"""What a step asks for. A closed union: the engine interprets it in one place.

Every record folded publishes the snapshot of each row it addresses whether or not a step
asks for it; ``Publish`` says what was special about this change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

from mypy_extensions import mypyc_attr

__all__ = ["Effect", "Publish", "Reject"]


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


Effect = Publish | Reject
