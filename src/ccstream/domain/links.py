"""Who is who: identifiers linked by facts, a maximum spanning forest, wherever each of them lives.

*Specification.* Facts are links (two identifiers were seen to be of one person, with a strength),
unlinks, and pairs that never go together. An unlink undoes the links of its pair (or of its one
identifier with any) that are earlier by ``(at, event_id)``. The links that are left are walked
strongest first, of the same strength the earlier first, and one that would join two accounts, or
two identifiers that never go together, is skipped: it stays known, and counts again once nothing
stronger is in its way. What is joined is a profile; its *root* is its account, or else its
smallest key. So the forest is a function of the set of facts (`forest`), whatever the order.

*Protocol.* The facts that hang together are gathered at one of the identifiers that they name,
their *coordinator*, the smallest key among them; every other one points to a smaller key. It works
out the forest and tells each its root. Letters may take as long as they like, overtake each other
and come twice; a step may be done again after its letters have left.

=============  =================================================================================
`Told`         a fact; goes along the pointers to whoever coordinates
`Assigned`     your root, and since when, by so many facts gathered at this coordinator. Who gets
               one from another coordinator than it points to makes the two `Meet`
`Meet`         to the larger of two coordinators: hand over to the smaller
`Gathered`     all facts of one that points to the addressee from now on
=============  =================================================================================

It ends well for three reasons. Pointers only ever go to smaller keys, so they cannot go round in a
circle, and neither can letters that follow them. Sets of facts only grow, and of two assignments
the one by more facts counts: the last one, by all of them, is by more than any other. And an
identifier that two sets of facts name hears of both, and so brings their coordinators together.

All are told at each new fact, not only those whose root is another one than before: they may have
been told something else by another coordinator, or by a step that was done again with other facts.

Accounts and personal identifiers only: a device is held by whoever logged in (``identity.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

__all__ = [
    "Apart",
    "Assigned",
    "Conflict",
    "Fact",
    "Forest",
    "Gathered",
    "IsAccount",
    "Letter",
    "Link",
    "Links",
    "Meet",
    "Strength",
    "Told",
    "Unlink",
    "Waiting",
    "forest",
    "is_before",
    "is_undone",
    "joined_by",
    "members_of",
    "names_of",
    "order_of",
    "rank_of",
    "step",
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
    """They never go together, whatever is said."""

    event_id: str
    one: str
    other: str


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


class Waiting(Struct, frozen=True, gc=False):
    """Room for as many identifiers as come with ``key``."""

    key: str
    identifiers: int


class Links(Struct, frozen=True):
    """What an identifier knows: whom it points to, its root, and by how many facts.

    An alias belongs to its root ``since`` the link of ``event_id``, see `joined_by`.
    ``facts`` are a coordinator's. So is ``waiting``, the room that it keeps for identifiers that
    are about to join it (see ``linking.py``). ``carried`` are an alias': other identifiers of which
    something went on from here to the root, which is to come back with its own.
    """

    coordinator: str
    root: str
    by_facts: int = 0
    facts: frozenset[Fact] = frozenset()
    waiting: tuple[Waiting, ...] = ()
    carried: tuple[str, ...] = ()
    since: int = 0
    event_id: str = ""


class Told(Struct, frozen=True):
    to: str
    fact: Fact


class Assigned(Struct, frozen=True):
    to: str
    root: str
    by_facts: int
    coordinator: str
    since: int = 0
    event_id: str = ""


class Meet(Struct, frozen=True):
    to: str
    other: str


class Gathered(Struct, frozen=True):
    to: str
    facts: frozenset[Fact]


Letter = Told | Assigned | Meet | Gathered


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


def step(
    state: Links | None, letter: Letter, is_account: IsAccount
) -> tuple[Links, tuple[Letter, ...], tuple[Conflict, ...]]:
    """Read one letter.

    Args:
        state: what the addressee knows, None if nothing.
        letter: the letter; a fact of one's own is a letter to oneself.
        is_account: whether a key is an account's.

    Returns:
        What it knows now, the letters that it writes, and, of a coordinator that has learned
        something, the links that are skipped now.
    """
    me = letter.to
    now = state or Links(me, me)
    match letter:
        case Told(_, fact):
            if now.coordinator != me:
                return now, (Told(now.coordinator, fact),), ()
            return _settled(me, now, now.facts | {fact}, is_account)
        case Gathered(_, facts):
            if now.coordinator != me:
                return now, (Gathered(now.coordinator, facts),), ()
            return _settled(me, now, now.facts | facts, is_account)
        case Meet(_, other):
            met, letters = _met(me, now, other)
            return met, letters, ()
        case Assigned(_, root, by_facts, coordinator, since, event_id):
            if by_facts > now.by_facts:
                now = replace(now, root=root, by_facts=by_facts, since=since, event_id=event_id)
            met, letters = _met(me, now, coordinator)
            return met, letters, ()


def _settled(
    me: str, now: Links, facts: frozenset[Fact], is_account: IsAccount
) -> tuple[Links, tuple[Letter, ...], tuple[Conflict, ...]]:
    """A coordinator that has heard something tells every identifier its root."""
    made = forest(facts, is_account)
    joined = joined_by(facts, made.roots)

    def since(name: str) -> tuple[int, str]:
        link = joined.get(name)
        return (0, "") if link is None else (link.at, link.event_id)

    letters = tuple(
        Assigned(name, root, len(facts), me, *since(name))
        for name, root in sorted(made.roots.items())
        if name != me
    )
    after = replace(now, facts=facts)
    if len(facts) > now.by_facts:
        at, event_id = since(me)
        root = made.roots.get(me, me)
        after = replace(after, root=root, by_facts=len(facts), since=at, event_id=event_id)
    return after, letters, made.conflicts


def _met(me: str, now: Links, other: str) -> tuple[Links, tuple[Letter, ...]]:
    """Bring one's own coordinator and another one together."""
    mine = now.coordinator
    if other == mine:
        return now, ()
    smaller, larger = sorted((mine, other))
    if mine != me:
        return replace(now, coordinator=smaller), (Meet(larger, smaller),)
    if other == larger:
        return now, (Meet(larger, me),)
    handed = (Gathered(smaller, now.facts),) if now.facts else ()
    return replace(now, coordinator=smaller, facts=frozenset(), waiting=()), handed


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
