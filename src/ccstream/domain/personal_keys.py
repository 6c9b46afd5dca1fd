"""The data keys that an entity's personal fields are encrypted with, each wrapped.

Who writes a personal field encrypts it with a key of the field's subject, and publishes that key,
wrapped under the master key, before. What is kept of them is one row: all that is needed to read
what was ever written of a person, and all that has to go for nobody to read it again.

*Laws.* A key that is known stays, whatever comes later, so whoever made one may use it. Of an
entity's keys the first in the order of the log is the one to encrypt with: two publishers that met
a person at the same moment agree on one as soon as they have read. Of two wrappings of one key
that of the later ``(occurred_at, event_id)`` holds, so a rotation of the master key may be
repeated, and be read in any order.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import PersonalKeyProvided
from ccstream.domain.limits import KEYS_MAX
from ccstream.domain.moment import Moment

__all__ = ["PersonalKey", "PersonalKeys", "merge", "step"]


class PersonalKey(Struct, frozen=True, gc=False):
    """One key of ``entity``, as it was wrapped last."""

    key_id: str
    entity: str
    master_id: str
    wrapped: str
    provided_at: int
    event_id: str


class PersonalKeys(Struct, frozen=True):
    """The row; its order is that of the log."""

    keys: tuple[PersonalKey, ...]


_NONE: Final = PersonalKeys(())
_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def step(
    state: PersonalKeys | None, event: PersonalKeyProvided, at: Moment
) -> tuple[PersonalKeys | None, tuple[Effect, ...]]:
    """Take a key in.

    Args:
        state: the keys known so far, None if there are none.
        event: a new key, or one that was wrapped anew.
        at: its place in the log, which decides nothing here.

    Returns:
        The keys and `Publish`; those as they were, if it says nothing new; or `Reject`.
    """
    key = PersonalKey(
        event.key_id,
        event.entity or event.subject,
        event.master_id,
        event.wrapped,
        event.occurred_at,
        event.event_id,
    )
    return _with(state, (key,))


def merge(
    ours: PersonalKeys | None, theirs: PersonalKeys
) -> tuple[PersonalKeys | None, tuple[Effect, ...]]:
    """Those of both: what an identifier's fields were encrypted with is the account's to keep."""
    return _with(ours, theirs.keys)


def _with(
    state: PersonalKeys | None, more: tuple[PersonalKey, ...]
) -> tuple[PersonalKeys | None, tuple[Effect, ...]]:
    keys = {key.key_id: key for key in (state or _NONE).keys}
    changed = False
    for key in more:
        known = keys.get(key.key_id)
        if known is None or _stamp(key) > _stamp(known):
            keys[key.key_id] = key
            changed = True
    if not changed:
        return state, ()
    if len(keys) > KEYS_MAX:
        return state, (
            Reject(reasons.TOO_MANY_KEYS, f"the entity would have more than {KEYS_MAX} data keys"),
        )
    return PersonalKeys(tuple(keys.values())), _CHANGED


def _stamp(key: PersonalKey) -> tuple[int, str]:
    return key.provided_at, key.event_id
