"""What follows from what was said: a maximum spanning forest, a function of the set of facts.

Facts are links (two identifiers were seen to be of one person, with a strength), unlinks, and pairs
that never go together. An unlink undoes the links of its pair (or of its one identifier with any)
that are earlier by ``(at, event_id)``. The links that are left are walked strongest first, of the
same strength the earlier first, and one that would join two accounts, or two identifiers that never
go together, is skipped: it stays known, and counts again once nothing stronger is in its way. What
is joined is a profile; its *root* is its account, or else its smallest key.

How the facts come together, and everybody is told, is for ``links.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

from msgspec import Struct

__all__ = [
    "Apart",
    "Conflict",
    "Fact",
    "Forest",
    "IsAccount",
    "Link",
    "Strength",
    "Unlink",
    "forest",
    "is_before",
    "is_forgotten",
    "is_undone",
    "joined_by",
    "members_of",
    "names_of",
    "order_of",
    "rank_of",
    "undone_by",
]

Strength = Literal["verified", "asserted", "observed"]

_RANKS: Final[dict[Strength, int]] = {"verified": 0, "asserted": 1, "observed": 2}

IsAccount = Callable[[str], bool]


class Link(Struct, frozen=True, gc=False, tag=True):
    """``one`` and ``other`` were seen to be of one person."""

    event_id: str
    at: int
    one: str
    other: str
    strength: Strength


class Unlink(Struct, frozen=True, gc=False, tag=True):
    """They are not, nor is ``one`` of one person with anybody if ``other`` is None."""

    event_id: str
    at: int
    one: str
    other: str | None


class Apart(Struct, frozen=True, gc=False, tag=True):
    """They never go together, whatever is said; ``at`` is 0 where it is not known any more."""

    event_id: str
    one: str
    other: str
    at: int = 0


Fact = Link | Unlink | Apart


class Conflict(Struct, frozen=True, gc=False):
    """A link that was skipped, and the roots of its ``one`` and ``other``."""

    link: Link
    one: str
    other: str


class Forest(Struct, frozen=True):
    """The root of each identifier that a fact names, and the links that hold or were skipped."""

    roots: dict[str, str]
    kept: tuple[Link, ...]
    conflicts: tuple[Conflict, ...]


def forest(facts: Iterable[Fact], is_account: IsAccount) -> Forest:
    """The maximum spanning forest of these facts; see the module."""
    facts = tuple(facts)
    links: list[Link] = []
    unlinks = undone_by(facts)
    apart: dict[str, set[str]] = {}
    members: dict[str, list[str]] = {}
    for fact in facts:
        for name in names_of(fact):
            members.setdefault(name, [name])
        if isinstance(fact, Link):
            links.append(fact)
        elif isinstance(fact, Apart):
            apart.setdefault(fact.one, set()).add(fact.other)
            apart.setdefault(fact.other, set()).add(fact.one)
    root = {name: name for name in members}
    kept: list[Link] = []
    skipped: list[Link] = []
    links.sort(key=order_of)
    for link in links:
        one, other = root[link.one], root[link.other]
        if one == other or is_undone(link, unlinks):
            continue
        if (is_account(one) and is_account(other)) or _never(
            members[one], set(members[other]), apart
        ):
            skipped.append(link)
            continue
        kept.append(link)
        into, away = (one, other) if is_before(one, other, is_account) else (other, one)
        for name in members[away]:
            root[name] = into
        members[into] += members.pop(away)
    conflicts = tuple(Conflict(link, root[link.one], root[link.other]) for link in skipped)
    return Forest(root, tuple(kept), conflicts)


def joined_by(facts: Iterable[Fact], roots: dict[str, str]) -> dict[str, Link]:
    """Of each identifier that is an alias the link that joined it to its root, by time.

    As if the links within each profile were walked the earlier first, however strong they are: so
    it is the earliest time from which on what holds now was known, whatever the order of arrival.

    Args:
        facts: all of them.
        roots: what the `forest` of these facts says.
    """
    facts = tuple(facts)
    unlinks = undone_by(facts)
    links = [
        fact
        for fact in facts
        if isinstance(fact, Link)
        and roots[fact.one] == roots[fact.other]
        and not is_undone(fact, unlinks)
    ]
    links.sort(key=lambda link: (link.at, link.event_id, link.one, link.other))
    joined: dict[str, Link] = {}
    members = {name: [name] for name in roots}
    for link in links:
        one, other = members[link.one], members[link.other]
        if one is other:
            continue
        root = roots[link.one]
        if members[root] is one or members[root] is other:
            joined.update(dict.fromkeys(other if members[root] is one else one, link))
        one += other
        for name in other:
            members[name] = one
    return joined


def members_of(facts: Iterable[Fact], root: str, is_account: IsAccount) -> list[str]:
    """The identifiers whose root this one is by these facts, without itself."""
    roots = forest(facts, is_account).roots
    return sorted(name for name, its in roots.items() if its == root != name)


def is_forgotten(fact: Fact, name: str, since: int) -> bool:
    """Whether a fact names somebody who was erased then (0: never), and is not from after that."""
    return 0 < since >= fact.at and name in names_of(fact)


def is_before(one: str, other: str, is_account: IsAccount) -> bool:
    """Whether a key rather than the other one is the root of a profile with both."""
    return (not is_account(one), one) < (not is_account(other), other)


def order_of(link: Link) -> tuple[int, int, str, str, str]:
    """By which links are walked: the smallest first."""
    return _RANKS[link.strength], link.at, link.event_id, link.one, link.other


def names_of(fact: Fact) -> tuple[str, ...]:
    """The identifiers that a fact names."""
    return (fact.one,) if fact.other is None else (fact.one, fact.other)


def rank_of(link: Link) -> int:
    """How strong it is, 0 for the strongest."""
    return _RANKS[link.strength]


def undone_by(facts: Iterable[Fact]) -> dict[frozenset[str], tuple[int, str]]:
    """The last unlink of each pair, and of each identifier with any."""
    unlinks: dict[frozenset[str], tuple[int, str]] = {}
    for fact in facts:
        if isinstance(fact, Unlink):
            pair = frozenset(names_of(fact))
            unlinks[pair] = max(unlinks.get(pair, (-1, "")), (fact.at, fact.event_id))
    return unlinks


def is_undone(link: Link, unlinks: dict[frozenset[str], tuple[int, str]]) -> bool:
    """Whether one of these unlinks, as `undone_by` has them, undoes the link."""
    said = (link.at, link.event_id)
    pairs = ({link.one, link.other}, {link.one}, {link.other})
    return any(unlinks.get(frozenset(pair), (-1, "")) > said for pair in pairs)


def _never(ours: Iterable[str], theirs: set[str], apart: dict[str, set[str]]) -> bool:
    return any(apart.get(name, set()) & theirs for name in ours)
