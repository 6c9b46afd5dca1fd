"""Who is who, worked out plainly from all facts at once: Kruskal's algorithm, and nothing else.

It shares no code with the protocol. What was unlinked is taken out first. Links are walked
strongest first, of the same strength the earlier first; one that would join two accounts, or two
identifiers that never go together, is skipped. A tree's root is its account, or else the smallest
of its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

__all__ = ["Apart", "Fact", "Link", "PassedOver", "Unlink", "passed_over", "roots_of", "since_of"]


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
    at: int = 0


Fact = Link | Unlink | Apart


class PassedOver(NamedTuple):
    """A link that was skipped, the roots of its two sides, and why it was."""

    link: Link
    roots: tuple[str, str]
    in_the_way: frozenset[Link]
    kept_apart_by: str | None


_RANK = {"verified": 0, "asserted": 1, "observed": 2}


def roots_of(
    facts: Iterable[Fact], is_account: Callable[[str], bool]
) -> tuple[dict[str, str], frozenset[str]]:
    """The root of each identifier that a fact names, and the ids of the links that were skipped."""
    roots, _, skipped = _walked(facts, is_account)
    return roots, frozenset(link.event_id for link, _ in skipped)


def since_of(
    facts: Iterable[Fact], is_account: Callable[[str], bool]
) -> dict[str, tuple[int, str]]:
    """Of each identifier with another root, when and by which event both hung together first, by
    what was said of their profile.
    """
    facts = set(facts)
    roots, _, _ = _walked(facts, is_account)
    holding = [
        f
        for f in facts
        if isinstance(f, Link) and roots[f.one] == roots[f.other] and not _undone(f, facts)
    ]
    since = {}
    for name, root in roots.items():
        for at in sorted((f.at, f.event_id) for f in holding):
            if root != name and root in _reached(
                name, [f for f in holding if (f.at, f.event_id) <= at]
            ):
                since[name] = at
                break
    return since


def passed_over(facts: Iterable[Fact], is_account: Callable[[str], bool]) -> list[PassedOver]:
    """The links that were skipped, in the order of the walk, with what was in their way: links
    without any one of which the two that cannot be of one profile would not have been.
    """
    facts = set(facts)
    roots, _, skipped = _walked(facts, is_account)
    found = []
    for link, before in skipped:
        sides = [_reached(end, before) for end in (link.one, link.other)]
        ends = [name for side in sides for name in side if is_account(name)]
        apart = None
        if len(ends) < len(sides):
            apart, *ends = min(
                (f.event_id, one, other)
                for f in facts
                if isinstance(f, Apart)
                for one, other in ((f.one, f.other), (f.other, f.one))
                if one in sides[0] and other in sides[1]
            )
        way = frozenset(
            kept
            for kept in before
            if ends[0] not in _reached(link.one, before - {kept})
            or ends[1] not in _reached(link.other, before - {kept})
        )
        found.append(PassedOver(link, (roots[link.one], roots[link.other]), way, apart))
    return found


def _reached(start: str, kept: Iterable[Link]) -> set[str]:
    reached, size = {start}, 0
    while len(reached) > size:
        size = len(reached)
        for link in kept:
            if reached & {link.one, link.other}:
                reached |= {link.one, link.other}
    return reached


def _walked(
    facts: Iterable[Fact], is_account: Callable[[str], bool]
) -> tuple[dict[str, str], frozenset[Link], list[tuple[Link, frozenset[Link]]]]:
    """Roots, the links that hold, and those that were skipped, each with what held by then."""
    facts = set(facts)
    names = sorted({n for f in facts for n in (f.one, f.other) if n is not None})
    tree = {name: frozenset({name}) for name in names}
    apart = [{f.one, f.other} for f in facts if isinstance(f, Apart)]
    kept: set[Link] = set()
    skipped = []
    for link in sorted(
        (f for f in facts if isinstance(f, Link) and not _undone(f, facts)),
        key=lambda f: (_RANK[f.strength], f.at, f.event_id, f.one, f.other),
    ):
        if tree[link.one] == tree[link.other]:
            continue
        both = tree[link.one] | tree[link.other]
        if sum(map(is_account, both)) > 1 or any(pair <= both for pair in apart):
            skipped.append((link, frozenset(kept)))
            continue
        kept.add(link)
        for name in both:
            tree[name] = both
    roots = {n: min(members, key=lambda m: (not is_account(m), m)) for n, members in tree.items()}
    return roots, frozenset(kept), skipped


def _undone(link: Link, facts: Iterable[Fact]) -> bool:
    pair = {link.one, link.other}
    return any(
        isinstance(fact, Unlink)
        and (fact.at, fact.event_id) > (link.at, link.event_id)
        and (pair == {fact.one, fact.other} or (fact.other is None and fact.one in pair))
        for fact in facts
    )
