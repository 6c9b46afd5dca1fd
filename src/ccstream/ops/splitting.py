"""What an unlink would come to, worked out before anybody is told of it."""

from __future__ import annotations

from msgspec import Struct

from ccstream.domain.effects import Reject
from ccstream.domain.events import IdentifierUnlinked
from ccstream.domain.forest import Apart, Fact, forest
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.linking import facts_of
from ccstream.errors import InvalidEventError

__all__ = ["Moved", "is_news", "moves_of"]


class Moved(Struct, frozen=True):
    """An identifier, the root that it has and the one that it would have."""

    key: str
    before: str
    after: str


def moves_of(
    event: IdentifierUnlinked, known: frozenset[Fact], rules: IdentifierRules
) -> tuple[Moved, ...]:
    """Which identifiers change their root by this event, in the order of their keys.

    Args:
        event: the unlink, of an account or a personal identifier.
        known: all that is known of the profile.
        rules: the rules that workers have.

    Raises:
        InvalidEventError: workers would reject it.
    """
    before = forest(known, rules.is_account).roots
    after = forest({*known, *_said(event, rules)}, rules.is_account).roots
    moved = (Moved(key, before.get(key, key), root) for key, root in sorted(after.items()))
    return tuple(one for one in moved if one.before != one.after)


def is_news(event: IdentifierUnlinked, known: frozenset[Fact], rules: IdentifierRules) -> bool:
    """Whether it keeps apart for good what may still be linked, now or later."""
    kept = {frozenset((one.one, one.other)) for one in known if isinstance(one, Apart)}
    said = (one for one in _said(event, rules) if isinstance(one, Apart))
    return any(frozenset((one.one, one.other)) not in kept for one in said)


def _said(event: IdentifierUnlinked, rules: IdentifierRules) -> tuple[Fact, ...]:
    said = facts_of(event, rules)
    if isinstance(said, Reject):
        raise InvalidEventError(said.reason, said.detail)
    return said
