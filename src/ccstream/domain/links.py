"""Who is who, wherever each of them lives: how the forest of all facts (`forest.py`) is worked out.

The facts that hang together are gathered at one of the identifiers that they name,
their *coordinator*, the smallest key among them; every other one points to a smaller key. It works
out the forest and tells each its root. Letters may take as long as they like, overtake each other
and come twice; a step may be done again after its letters have left.

=============  =================================================================================
`Told`         a fact; goes along the pointers to whoever coordinates
`Assigned`     your root, and since when, by so many facts gathered at this coordinator. Who gets
               one from another coordinator than it points to makes the two `Meet`
`Meet`         to the larger of two coordinators: hand over to the smaller
`Gathered`     all facts of one that points to the addressee from now on
`Forget`       who is named was erased: no fact from before that names them is known any more;
               goes along the pointers to whoever coordinates
=============  =================================================================================

It ends well for three reasons. Pointers only ever go to smaller keys, so they cannot go round in a
circle, and neither can letters that follow them. Of two assignments the one by more facts counts,
where each counts when it comes, and once more when it is forgotten (`Links.forgotten`): so what is
counted grows at each change, and the last assignment is by more than any other. And an identifier
that two sets of facts name hears of both, and so brings their coordinators together.

All are told at each new fact, not only those whose root is another one than before: they may have
been told something else by another coordinator, or by a step that was done again with other facts.

Who was erased goes on taking part, since pointers of others may lead there for ever: it keeps where
it points to and facts of others, lets nothing in that names it from before, and *answers* each
assignment with `Forget`, for that was worked out by whom it points to or not, and perhaps by facts
about itself that were on their way when it was erased.

Accounts and personal identifiers only: a device is held by whoever logged in (``identity.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ccstream.domain.forest import (
    Conflict,
    Fact,
    IsAccount,
    forest,
    is_forgotten,
    joined_by,
    names_of,
)
from ccstream.domain.repetitions import Repeatable, sifted

__all__ = [
    "Assigned",
    "Forget",
    "Gathered",
    "Letter",
    "Links",
    "Meet",
    "Told",
    "Waiting",
    "counted",
    "step",
]


class Waiting(Struct, frozen=True, gc=False):
    """Room for as many identifiers as come with ``key``."""

    key: str
    identifiers: int


class Links(Struct, frozen=True):
    """What an identifier knows: whom it points to, its root, and by how many facts.

    An alias belongs to its root ``since`` the link of ``event_id``, see `joined_by`.
    ``facts`` are a coordinator's, and ``forgotten`` is how many it has forgotten. So is
    ``waiting``, the room that it keeps for identifiers that are about to join it (`linking.py`),
    and ``repetitions``, which are no facts as long as what they repeat holds
    (`repetitions.py`).
    ``carried`` are an alias': other identifiers of which something went on from here to the root,
    which is to come back with its own.
    """

    coordinator: str
    root: str
    by_facts: int = 0
    facts: frozenset[Fact] = frozenset()
    waiting: tuple[Waiting, ...] = ()
    carried: tuple[str, ...] = ()
    since: int = 0
    event_id: str = ""
    forgotten: int = 0
    repetitions: frozenset[Repeatable] = frozenset()


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
    forgotten: int = 0
    repetitions: frozenset[Repeatable] = frozenset()


class Forget(Struct, frozen=True):
    to: str
    name: str
    since: int


Letter = Told | Assigned | Meet | Gathered | Forget

_FORGOTTEN_COUNTS: Final = 2_000
"""More than a coordinator has facts at a time, so that who is told for the last time, since only
what was forgotten named them, believes that rather than what a step had told that came to nothing
in a crash. It has to be 2 at the least: counted when it came, and when it went."""

_COUNTED_MAX: Final = 2**31 - 1
"""What a row and a letter have room for."""


def step(
    state: Links | None, letter: Letter, is_account: IsAccount, erased_at: int = 0
) -> tuple[Links, tuple[Letter, ...], tuple[Conflict, ...]]:
    """Read one letter.

    Args:
        state: what the addressee knows, None if nothing.
        letter: the letter; a fact of one's own is a letter to oneself.
        is_account: whether a key is an account's.
        erased_at: when the addressee was erased, 0 if never.

    Returns:
        What it knows now, the letters that it writes, and, of a coordinator that has learned or
        forgotten something, the links that are skipped now.
    """
    me = letter.to
    now = state or Links(me, me)
    match letter:
        case Told(_, fact):
            if now.coordinator != me:
                return now, (Told(now.coordinator, fact),), ()
            now = replace(now, facts=now.facts | {fact})
            return _without(me, now, me, erased_at, is_account)
        case Gathered(_, facts, forgotten, repetitions):
            if now.coordinator != me:
                return now, (replace(letter, to=now.coordinator),), ()
            now = replace(
                now,
                facts=now.facts | facts,
                forgotten=now.forgotten + forgotten,
                repetitions=now.repetitions | repetitions,
            )
            return _without(me, now, me, erased_at, is_account)
        case Forget(_, name, since):
            if now.coordinator != me:
                return now, (replace(letter, to=now.coordinator),), ()
            now = replace(now, waiting=tuple(room for room in now.waiting if room.key != name))
            if any(is_forgotten(fact, name, since) for fact in now.facts):
                return _without(me, now, name, since, is_account)
            return now, (), ()
        case Meet(_, other):
            met, letters = _met(me, now, other)
            return met, letters, ()
        case Assigned(_, root, by_facts, coordinator, since, event_id):
            if by_facts > now.by_facts:
                now = replace(now, root=root, by_facts=by_facts, since=since, event_id=event_id)
            answer: tuple[Letter, ...] = ()
            if erased_at and coordinator != me:
                answer = (Forget(coordinator, me, erased_at),)
            met, letters = _met(me, now, coordinator)
            return met, answer + letters, ()


def _without(
    me: str, now: Links, name: str, since: int, is_account: IsAccount
) -> tuple[Links, tuple[Letter, ...], tuple[Conflict, ...]]:
    """A coordinator tells every identifier its root without the facts that somebody who was erased
    is named by, and those, too, whom only these had named.
    """
    gone = {fact for fact in now.facts if is_forgotten(fact, name, since)}
    others = {one for fact in gone for one in names_of(fact)}
    left = frozenset(one for one in now.repetitions if not is_forgotten(one, name, since))
    now = replace(now, forgotten=now.forgotten + len(gone), repetitions=left)
    return _settled(me, now, now.facts - gone, is_account, others)


def _settled(
    me: str,
    now: Links,
    facts: frozenset[Fact],
    is_account: IsAccount,
    others: Iterable[str] = (),
) -> tuple[Links, tuple[Letter, ...], tuple[Conflict, ...]]:
    """A coordinator that has heard something tells every identifier its root, and others."""
    facts, repetitions = sifted(facts, now.repetitions)
    made = forest(facts, is_account)
    joined = joined_by(facts, made.roots)

    def since(name: str) -> tuple[int, str]:
        link = joined.get(name)
        return (0, "") if link is None else (link.at, link.event_id)

    after = replace(now, facts=facts, repetitions=repetitions)
    by_facts = counted(after)
    roots = {**{name: name for name in others}, **made.roots}
    letters = tuple(
        Assigned(name, root, by_facts, me, *since(name))
        for name, root in sorted(roots.items())
        if name != me
    )
    if by_facts > now.by_facts:
        at, event_id = since(me)
        root = made.roots.get(me, me)
        after = replace(after, root=root, by_facts=by_facts, since=at, event_id=event_id)
    return after, letters, made.conflicts


def counted(links: Links) -> int:
    """By how many facts a coordinator assigns; it grows whenever these change."""
    return min(len(links.facts) + _FORGOTTEN_COUNTS * links.forgotten, _COUNTED_MAX)


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
    handed: tuple[Letter, ...] = ()
    if now.facts or now.forgotten:
        handed = (Gathered(smaller, now.facts, now.forgotten, now.repetitions),)
    after = replace(
        now,
        coordinator=smaller,
        facts=frozenset(),
        waiting=(),
        forgotten=0,
        repetitions=frozenset(),
    )
    return after, handed
