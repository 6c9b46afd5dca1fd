"""Who is who, worked out plainly from all facts at once: Kruskal's algorithm, and nothing else.

It shares no code with the protocol. What was unlinked is taken out first. Links are walked
strongest first, of the same strength the earlier first; one that would join two accounts, or two
identifiers that never go together, is skipped. A tree's root is its account, or else the smallest
of its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

__all__ = ["Apart", "Fact", "Link", "Unlink", "roots_of"]


class Link(NamedTuple):
    """Two identifiers were seen to be of one person."""

    event_id: str
    at: int
    one: str
    other: str
    strength: str


class Unlink(NamedTuple):
    """They are not, as far as that was said before; ``other`` None: ``one`` is nobody else's."""

    event_id: str
    at: int
    one: str
    other: str | None


class Apart(NamedTuple):
    """They never go together, whatever is said."""

    event_id: str
    one: str
    other: str


Fact = Link | Unlink | Apart

_RANK = {"verified": 0, "asserted": 1, "observed": 2}


def roots_of(
    facts: Iterable[Fact], is_account: Callable[[str], bool]
) -> tuple[dict[str, str], frozenset[str]]:
    """The root of each identifier that a fact names, and the ids of the links that were skipped."""
    facts = set(facts)
    names = sorted({n for f in facts for n in (f.one, f.other) if n is not None})
    tree = {name: frozenset({name}) for name in names}
    apart = [{f.one, f.other} for f in facts if isinstance(f, Apart)]
    skipped = set()
    for link in sorted(
        (f for f in facts if isinstance(f, Link) and not _undone(f, facts)),
        key=lambda f: (_RANK[f.strength], f.at, f.event_id, f.one, f.other),
    ):
        if tree[link.one] == tree[link.other]:
            continue
        both = tree[link.one] | tree[link.other]
        if sum(map(is_account, both)) > 1 or any(pair <= both for pair in apart):
            skipped.add(link.event_id)
            continue
        for name in both:
            tree[name] = both
    roots = {n: min(members, key=lambda m: (not is_account(m), m)) for n, members in tree.items()}
    return roots, frozenset(skipped)


def _undone(link: Link, facts: Iterable[Fact]) -> bool:
    pair = {link.one, link.other}
    return any(
        isinstance(fact, Unlink)
        and (fact.at, fact.event_id) > (link.at, link.event_id)
        and (pair == {fact.one, fact.other} or (fact.other is None and fact.one in pair))
        for fact in facts
    )
