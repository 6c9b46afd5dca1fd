"""Which links a profile lets in, before ``links.py`` works out what they come to.

A link between two personal identifiers, or of one to an account, is *proposed*, first to the
coordinator of its subject, then to that of the other identifier, and becomes a fact only if there
is room on both sides: for a merge cannot be taken back as cheaply as it is made, and one key that
ten thousand others are linked to must neither grow nor cost more with each of them. So is all else
that names two identifiers, for from then on their facts are gathered at one place: an unlink of a
pair, and a pair that is never to go together. What is refused is rejected aloud. While a proposal
is under way room is kept for what it will bring (`Waiting`).

Not a fact is

* a link that says, of a pair, no more than one that holds: as strong or weaker, and later; it is
  remembered until it says more (`repetitions.py`);
* a link that an unlink undoes anyway;
* an unlink earlier than another one of the same pair;
* a pair that is to stay apart, as was said of it before; it is remembered, too.

So the bounds depend on the order of arrival; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from ccstream.domain import links, reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.forest import (
    Apart,
    Conflict,
    Fact,
    Link,
    Unlink,
    forest,
    is_forgotten,
    names_of,
)
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.limits import FACTS_MAX, GATHERED_FACTS_MAX, LINKS_MAX
from ccstream.domain.links import Forget, Gathered, Letter, Links, Told, Waiting
from ccstream.domain.repetitions import is_repeated, sifted

__all__ = ["Outcome", "Post", "Proposed", "Refused", "facts_of", "is_linkable", "posts_of", "take"]


class Proposed(Struct, frozen=True):
    """A fact of a pair; at the side of its ``other`` if identifiers ``beside`` it come with it."""

    to: str
    fact: Fact
    beside: int = 0


class Refused(Struct, frozen=True):
    """No room at the other side for a fact."""

    to: str
    fact: Fact


Post = Letter | Proposed | Refused


class Outcome(Struct, frozen=True):
    """What came of a letter: what is known now, letters, links newly skipped, and a refusal."""

    links: Links
    letters: tuple[Post, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    refusal: Reject | None = None


def is_linkable(key: str, rules: IdentifierRules) -> bool:
    """Whether an identifier is linked by facts: an account or a personal one."""
    return rules.class_of(key) in ("account", "personal")


def facts_of(
    event: IdentifiersLinked | IdentifierUnlinked, rules: IdentifierRules
) -> tuple[Fact, ...] | Reject:
    """What an event of an account or a personal identifier says, or why it cannot say that.

    Devices and shared identifiers that it names speak for themselves.
    """
    subject, said = event.subject, (event.event_id, event.occurred_at)
    if isinstance(event, IdentifierUnlinked) and not event.identifiers:
        if rules.is_account(subject):
            return Reject(reasons.LINK_TO_ITSELF, "an account belongs to nobody else")
        return (Unlink(*said, subject, None),)
    others = sorted(
        key for key in {*event.identifiers} if key != subject and is_linkable(key, rules)
    )
    if not others:
        return Reject(reasons.LINK_TO_ITSELF, "no other identifier is an account or personal")
    accounts = sum(map(rules.is_account, others))
    if accounts and rules.is_account(subject):
        return Reject(reasons.ACCOUNTS_NEVER_LINK, "two accounts are never linked")
    if any(map(rules.is_blocked, (subject, *others))):
        return Reject(reasons.IDENTIFIER_BLOCKED, "an identifier has a value that says nothing")
    if len(others) >= rules.identifiers_max:
        return _too_many(rules)
    if isinstance(event, IdentifierUnlinked):
        if event.never_again:
            return tuple(
                Apart(event.event_id, subject, other, event.occurred_at) for other in others
            )
        return tuple(Unlink(*said, subject, other) for other in others)
    if accounts > 1:
        return Reject(reasons.LINK_TO_SEVERAL_ACCOUNTS, f"{accounts} accounts are named")
    strength = rules.strength_of(event.reason)
    return tuple(Link(*said, subject, other, strength) for other in others)


def posts_of(subject: str, facts: Iterable[Fact]) -> list[Post]:
    """What an identifier writes to itself that says so: a pair is proposed."""
    return [
        Told(subject, fact) if fact.other is None else Proposed(subject, fact) for fact in facts
    ]


def take(state: Links | None, letter: Post, rules: IdentifierRules, erased_at: int = 0) -> Outcome:
    """Read one letter.

    Args:
        state: what the addressee knows, None if nothing.
        letter: the letter; a fact or proposal of one's own is a letter to oneself.
        rules: the configured rules about identifiers.
        erased_at: when the addressee was erased, 0 if never.
    """
    me = letter.to
    now = state or Links(me, me)
    is_coordinator = now.coordinator == me
    match letter:
        case Proposed(_, fact, beside):
            if not is_coordinator:
                return Outcome(now, (Proposed(now.coordinator, fact, beside),))
            if is_forgotten(fact, me, erased_at):
                return Outcome(now, (Refused(fact.one, fact),) if beside else ())
            return _proposed(me, now, fact, beside, rules)
        case Refused(_, fact):
            if not is_coordinator:
                return Outcome(now, (Refused(now.coordinator, fact),))
            waiting = tuple(room for room in now.waiting if room.key != fact.other)
            return Outcome(replace(now, waiting=waiting))
        case Told(_, fact) if is_coordinator and is_forgotten(fact, me, erased_at):
            return _learned(now, letter, rules, erased_at=erased_at)
        case Told(_, fact) if is_coordinator:
            return _told(me, now, fact, rules)
        case Gathered(_, facts) if is_coordinator:
            return _gathered(now, letter, facts, rules, erased_at)
        case Forget() if is_coordinator:
            return _learned(now, letter, rules)
    return Outcome(*links.step(now, letter, rules.is_account, erased_at))


def _proposed(me: str, now: Links, fact: Fact, beside: int, rules: IdentifierRules) -> Outcome:
    """A pair at the coordinator of its subject, or of its other identifier."""
    refusal = _too_many_accounts(fact, now.facts, rules)
    if refusal is not None:
        return Outcome(now, (Refused(fact.one, fact),) if beside else (), (), refusal)
    named = _named(me, now.facts)
    assert fact.other is not None
    mine, theirs = (fact.other, fact.one) if beside else (fact.one, fact.other)
    named.add(mine)
    if theirs in named:
        return _told(me, now, fact, rules)
    if is_repeated(fact, now.facts):
        # Nobody comes with it, so no room is to be kept for them at the other side.
        return Outcome(now, (Refused(theirs, fact),) if beside else ())
    if _is_full(now.facts, fact):
        refusal = _too_many_links()
    elif len(named) + _reserved(now, named) + max(beside, 1) > rules.identifiers_max:
        refusal = _too_many(rules)
    elif not beside:
        room = Waiting(theirs, 1)
        waiting = now.waiting if room in now.waiting else (*now.waiting, room)
        return Outcome(replace(now, waiting=waiting), (Proposed(theirs, fact, len(named)),))
    else:
        if beside > 1:
            rest = tuple(room for room in now.waiting if room.key != theirs)
            now = replace(now, waiting=(*rest, Waiting(theirs, beside)))
        return _told(me, now, fact, rules)
    return Outcome(now, (Refused(theirs, fact),) if beside else (), (), refusal)


def _told(me: str, now: Links, fact: Fact, rules: IdentifierRules) -> Outcome:
    if fact in now.facts:
        return Outcome(now)
    if is_repeated(fact, now.facts):
        if not isinstance(fact, Unlink):
            _, repetitions = sifted(now.facts, now.repetitions | {fact})
            now = replace(now, repetitions=repetitions)
        return Outcome(now)
    if _is_full(now.facts, fact):
        return Outcome(now, (), (), _too_many_links())
    return _learned(now, Told(me, fact), rules)


def _gathered(
    now: Links,
    letter: Gathered,
    facts: frozenset[Fact],
    rules: IdentifierRules,
    erased_at: int,
) -> Outcome:
    if len(now.facts | facts) > GATHERED_FACTS_MAX:
        detail = "two profiles that meet have more links between them than are remembered"
        return Outcome(now, (), (), Reject(reasons.TOO_MANY_LINKS, detail))
    arrived = {name for fact in facts for name in names_of(fact)}
    # Who was to come with a fact that was forgotten does not come, and nobody says so.
    waiting = () if letter.forgotten else [one for one in now.waiting if one.key not in arrived]
    return _learned(replace(now, waiting=tuple(waiting)), letter, rules, facts, erased_at)


def _learned(
    now: Links,
    letter: Told | Gathered | Forget,
    rules: IdentifierRules,
    gathered: frozenset[Fact] = frozenset(),
    erased_at: int = 0,
) -> Outcome:
    """Facts go in, or out; of the links that are skipped those are told that were not before.

    What was skipped among facts that were ``gathered`` elsewhere was told there.
    """
    after, letters, conflicts = links.step(now, letter, rules.is_account, erased_at)
    if conflicts:
        known = {
            one
            for facts in (now.facts, gathered)
            for one in forest(facts, rules.is_account).conflicts
        }
        conflicts = tuple(one for one in conflicts if one not in known)
    return Outcome(after, letters, conflicts)


def _too_many_accounts(link: Fact, facts: frozenset[Fact], rules: IdentifierRules) -> Reject | None:
    """Why an identifier is not linked to one more account, as far as is known here."""
    if not isinstance(link, Link):
        return None
    account, key = link.one, link.other
    if rules.is_account(key):
        account, key = key, account
    if not rules.is_account(account):
        return None
    kind = rules.class_of(key)
    most = rules.accounts_max.get(kind)
    if most is None:
        return None
    accounts = {account}
    for fact in facts:
        if isinstance(fact, Link) and key in (pair := names_of(fact)):
            accounts.update(filter(rules.is_account, pair))
    if len(accounts) <= most:
        return None
    return Reject(
        reasons.TOO_MANY_ACCOUNTS,
        f"it has been linked to {most} accounts, the most for a {kind} identifier",
    )


def _named(me: str, facts: frozenset[Fact]) -> set[str]:
    return {me, *(name for fact in facts for name in names_of(fact))}


def _reserved(now: Links, named: set[str]) -> int:
    """Room kept for others; those of whom the first is here already count without it."""
    return sum(room.identifiers - (room.key in named) for room in now.waiting)


def _is_full(facts: frozenset[Fact], one_more: Fact) -> bool:
    """Whether there is no room for one more; what is no link has some of its own."""
    if len(facts) >= FACTS_MAX:
        return True
    return isinstance(one_more, Link) and sum(isinstance(f, Link) for f in facts) >= LINKS_MAX


def _too_many(rules: IdentifierRules) -> Reject:
    detail = f"a profile has at most {rules.identifiers_max} identifiers"
    return Reject(reasons.TOO_MANY_IDENTIFIERS, detail)


def _too_many_links() -> Reject:
    return Reject(reasons.TOO_MANY_LINKS, "the profile has as many links as are remembered")
