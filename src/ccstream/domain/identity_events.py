"""What has become of profiles, for others to hear of: who was merged, split off, or not joined.

*Law.* Each change of the root that an identifier has is one `ProfileMerged` or one `ProfileSplit`;
nothing else is. So the last of them says whose an identifier is, and whoever adds them up has what
``sync.aliases.v1`` has.

A link that is passed over is an `IdentityConflictFound` once, for as long as it is and would join
the same two profiles: not at each new fact. Once more if it had counted in between, or if one of
its two sides has another root than before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from ccstream.domain.forest import (
    Apart,
    Conflict,
    Fact,
    IsAccount,
    Link,
    forest,
    is_before,
    order_of,
)
from ccstream.domain.identity import NOBODY

__all__ = ["KINDS", "IdentityConflictFound", "ProfileMerged", "ProfileSplit", "conflict", "moved"]


class ProfileMerged(Struct, frozen=True):
    """An identifier is of another profile than before, whose root is this.

    ``former_root`` is the one that it had, None if it was on its own. If that was absorbed as well,
    it has a `ProfileMerged` of its own.
    """

    root: str
    former_root: str | None


class ProfileSplit(Struct, frozen=True):
    """An identifier has left the profile of ``former_root``; ``root`` is itself if on its own."""

    root: str
    former_root: str


class IdentityConflictFound(Struct, frozen=True):
    """A link is passed over, for it would join two accounts, or what is never to go together.

    ``one_root`` and ``other_root`` are the roots of its two sides; ``in_the_way`` are the links,
    all of them surer, by which its ends belong to what it would join; ``kept_apart_by`` is the
    event that says so of a pair of them, None where they are accounts.
    """

    link: Link
    one_root: str
    other_root: str
    in_the_way: tuple[Link, ...]
    kept_apart_by: str | None


KINDS: Final = (ProfileMerged, ProfileSplit, IdentityConflictFound)


def moved(
    identifier: str, was: str, root: str, is_account: IsAccount
) -> ProfileMerged | ProfileSplit:
    """What it is called that an identifier's root is another one than it was.

    Roots only ever give way to those before them (`forest.is_before`), and an account to none. So
    who comes to a root before its former one was merged, and who comes to one behind it has left.

    Args:
        identifier: whose root it is.
        was: the root that it had, `NOBODY` if it was on its own.
        root: the root that it has, `NOBODY` if it is on its own.
        is_account: whether a key is an account's.
    """
    if was == NOBODY:
        return ProfileMerged(root, None)
    if root != NOBODY and not is_account(was) and is_before(root, was, is_account):
        return ProfileMerged(root, was)
    return ProfileSplit(root or identifier, was)


def conflict(
    passed_over: Conflict, facts: Iterable[Fact], is_account: IsAccount
) -> IdentityConflictFound:
    """A link that is passed over, with what stands in its way.

    Args:
        passed_over: one of the conflicts of the forest of these facts.
        facts: those that it was found among.
        is_account: whether a key is an account's.
    """
    facts = tuple(facts)
    link = passed_over.link
    surer = [one for one in forest(facts, is_account).kept if order_of(one) < order_of(link)]
    ways, other_ways = _ways(link.one, surer), _ways(link.other, surer)
    one, other = (next(filter(is_account, some), "") for some in (ways, other_ways))
    kept_apart_by: str | None = None
    if not one or not other:
        kept_apart_by, one, other = min(
            (fact.event_id, *pair)
            for fact in facts
            if isinstance(fact, Apart)
            for pair in ((fact.one, fact.other), (fact.other, fact.one))
            if pair[0] in ways and pair[1] in other_ways
        )
    return IdentityConflictFound(
        link,
        passed_over.one,
        passed_over.other,
        (*ways[one], *other_ways[other]),
        kept_apart_by,
    )


def _ways(start: str, links: Iterable[Link]) -> Mapping[str, tuple[Link, ...]]:
    """By which links one gets to each identifier; they make no circles."""
    ways: dict[str, tuple[Link, ...]] = {start: ()}
    beside: dict[str, list[Link]] = {}
    for link in links:
        beside.setdefault(link.one, []).append(link)
        beside.setdefault(link.other, []).append(link)
    reached = [start]
    for name in reached:
        for link in beside.get(name, ()):
            beyond = link.other if link.one == name else link.one
            if beyond not in ways:
                ways[beyond] = (*ways[name], link)
                reached.append(beyond)
    return ways
