"""Which erasures of a partition have no receipt yet, and since when: what an operator has to watch.

A person's request is to be done within a month. Workers tell how old the oldest is, which they know
without looking at all of those that were: those that are unfinished are few.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ccstream.domain.erasure import Erasure
from ccstream.engine.store import Table

__all__ = ["STATES", "Unfinished", "oldest"]

STATES: Final = ("erased", "waiting")
"""Erased, and the logs have not had their time; waiting for the end of a legal hold."""


class Unfinished:
    """Of one partition, by fingerprint: the state, and when it was asked for."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: dict[str, tuple[str, int]] = {}

    def rebuild(self, table: Table) -> None:
        """Begin anew from the rows of the table: each is decoded once, and not kept."""
        self._asked.clear()
        for key in table.keys():  # noqa: SIM118 - a table is no mapping
            entry = table.peek(key)
            self.note(key, None if entry is None else entry.state)

    def note(self, fingerprint: str, erasure: Erasure | None) -> None:
        """This is what is known of somebody now; an identifier goes with its account's receipt."""
        if erasure is not None and erasure.requested_at and not erasure.part_of:
            if erasure.state == "waiting":
                self._asked[fingerprint] = ("waiting", erasure.requested_at)
                return
            if erasure.erased_at and not erasure.receipt:
                self._asked[fingerprint] = ("erased", erasure.requested_at)
                return
        self._asked.pop(fingerprint, None)

    def since(self, state: str) -> list[int]:
        """When those were asked for that are in this state."""
        return [at for one, at in self._asked.values() if one == state]


def oldest(some: Iterable[Unfinished], state: str) -> tuple[int, int]:
    """How many erasures are in this state, and when the first was asked for; 0 if none is."""
    asked = [at for one in some for at in one.since(state)]
    return len(asked), min(asked, default=0)
