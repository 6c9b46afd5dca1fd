"""Which identifiers are of one profile, and how sure that is, for people to look at."""

from __future__ import annotations

from msgspec import Struct

from ccstream.domain.forest import (
    Apart,
    Fact,
    Link,
    Strength,
    forest,
    is_undone,
    rank_of,
    undone_by,
)
from ccstream.domain.identifiers import IdentifierClass, IdentifierRules
from ccstream.domain.identity_events import conflict

__all__ = [
    "Identifier",
    "KeptApart",
    "PassedOver",
    "identifiers_of",
    "kept_apart",
    "passed_over_by",
]


class Identifier(Struct, frozen=True):
    """One of a profile. ``strength`` is that of the surest link that it has within the profile."""

    key: str
    kind: IdentifierClass
    strength: Strength | None


class PassedOver(Struct, frozen=True):
    """A link of ``one`` and ``other`` that does not count, since of the roots of its two sides both
    are accounts, or since something is kept apart by the event ``kept_apart_by``.
    """

    event_id: str
    one: str
    other: str
    strength: Strength
    one_root: str
    other_root: str
    kept_apart_by: str | None


class KeptApart(Struct, frozen=True):
    """Two identifiers that are never to be of one profile, by which event."""

    event_id: str
    one: str
    other: str


def identifiers_of(
    root: str, facts: frozenset[Fact], rules: IdentifierRules
) -> tuple[Identifier, ...]:
    """The identifiers whose root this is, itself among them, in the order of their keys."""
    roots = forest(facts, rules.is_account).roots
    members = {root, *(key for key, of in roots.items() if of == root)}
    undone = undone_by(facts)
    surest: dict[str, Link] = {}
    for fact in facts:
        if not isinstance(fact, Link) or is_undone(fact, undone):
            continue
        if not {fact.one, fact.other} <= members:
            continue
        for key in (fact.one, fact.other):
            known = surest.get(key)
            if known is None or rank_of(fact) < rank_of(known):
                surest[key] = fact
    return tuple(
        Identifier(key, rules.class_of(key), surest[key].strength if key in surest else None)
        for key in sorted(members)
    )


def passed_over_by(
    root: str, facts: frozenset[Fact], rules: IdentifierRules
) -> tuple[PassedOver, ...]:
    """The links of this profile that do not count, by their events."""
    return tuple(
        PassedOver(
            found.link.event_id,
            found.link.one,
            found.link.other,
            found.link.strength,
            found.one,
            found.other,
            conflict(found, facts, rules.is_account).kept_apart_by,
        )
        for found in sorted(
            forest(facts, rules.is_account).conflicts,
            key=lambda found: (found.link.event_id, found.link.one, found.link.other),
        )
        if root in (found.one, found.other)
    )


def kept_apart(root: str, facts: frozenset[Fact], rules: IdentifierRules) -> tuple[KeptApart, ...]:
    """What the identifiers of this profile are kept apart from for good, by their events."""
    roots = forest(facts, rules.is_account).roots
    members = {root, *(key for key, of in roots.items() if of == root)}
    pairs = (
        KeptApart(one.event_id, one.one, one.other)
        for one in facts
        if isinstance(one, Apart) and members & {one.one, one.other}
    )
    return tuple(sorted(pairs, key=lambda pair: (pair.event_id, pair.one, pair.other)))
