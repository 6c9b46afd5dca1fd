"""When and where a record is being folded: the only clock that the domain knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from mypy_extensions import mypyc_attr

__all__ = ["Instant", "Moment", "Scope"]

Instant = int
"""Milliseconds since the epoch, UTC."""


@final
@dataclass(frozen=True)
class Scope:
    """The partition that decides: offsets mean something only within one of these.

    ``state_id`` is 8 random bytes made when the application's state was first created;
    ``partitions`` is the common partition count N of all topics.
    """

    state_id: bytes
    partition: int
    partitions: int


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Moment:
    """One record's place in the log.

    ``now`` is the record's append time, never less than that of the record folded before
    it for the same entity. ``topic`` is the catalogue's number of the input topic and
    ``offset`` the record's offset there. ``folded[t]`` is the last offset folded of topic
    number ``t`` in this partition, this record included, -1 where there is none.
    ``appended_at`` is when the event was appended first: the record's own append time, not
    raised to that of its predecessor (of forwarded mail, the original record's). None where
    it is ``now``. It says which of two events of different topics came first, which ``now``
    cannot once a crash has changed the order in which they are folded.
    ``came_by`` is the account or personal identifier that the event is of, empty if it is of the
    entity that it is folded for: what it makes goes with that one when the two part.
    ``erased_at`` is when the entity was erased, 0 if it was not, or if it is known already whom it
    has belonged to.
    """

    now: Final[Instant]
    topic: Final[int]
    offset: Final[int]
    scope: Final[Scope]
    folded: Final[Sequence[int]]
    appended_at: Final[Instant | None]
    came_by: Final[str]
    erased_at: Final[Instant]

    def __init__(
        self,
        now: Instant,
        topic: int,
        offset: int,
        scope: Scope,
        folded: Sequence[int],
        appended_at: Instant | None = None,
        came_by: str = "",
        erased_at: Instant = 0,
    ) -> None:
        self.now = now
        self.topic = topic
        self.offset = offset
        self.scope = scope
        self.folded = folded
        self.appended_at = appended_at
        self.came_by = came_by
        self.erased_at = erased_at
