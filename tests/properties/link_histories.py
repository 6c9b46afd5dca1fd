"""Histories of facts about identifiers, some of whom are erased, and a mail network that delays,
repeats and crashes.

In every other one facts come as workers let them in (`ccstream.domain.linking`): told at both ends,
and no fact if it says nothing new. In the rest all of them reach the protocol, and steps are done
again after their letters have left, which transactions rule out.

``python -m tests.properties.link_histories 100000`` runs that many, from seed 0 or the second
argument, and prints what they met; it ends with 1 and the seed at the first that ends wrong.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ccstream.domain import forest as specification
from ccstream.domain import linking
from ccstream.domain import links as protocol
from ccstream.domain.limits import PAIR_REPETITIONS_MAX
from ccstream.ops.identity_rules import load_identifier_rules
from tests.properties import reference_links as plain

__all__ = ["RULES", "is_account", "run", "tell"]

NAMES = (
    *("customer:1", "customer:2", "customer:3", "customer:4"),
    *("email:a", "email:b", "email:c"),
    *("loyalty:1", "loyalty:2", "loyalty:3"),
    *("phone:1", "phone:2"),
)
FACTS_MAX = 40
TIMES = 9
"""So many moments there are: some things are said at the same one."""

FEW_NAMES, FEW_FACTS = 7, 11
"""Of every second history: there, what happens to one is not made good by others."""

STRENGTHS = ("verified", "asserted", "observed")

RULES = replace(load_identifier_rules(None), identifiers_max=1_000, accounts_max={})
"""Without bounds, which are met in the order of arrival."""


def is_account(key: str) -> bool:
    return key.startswith("customer:")


STRAYED = "named by nothing that is left, with another one's root after a crash"
STRAYED_MAX = 10_000
"""One in so many histories at the most, and two however few there are."""


class _Erase(Struct, frozen=True):
    """Somebody is erased; by a letter to them, as facts are told."""

    to: str
    since: int


def facts_of(dice: random.Random) -> list[plain.Fact]:
    few = dice.random() < 0.5
    names = dice.sample(NAMES, dice.randint(2, FEW_NAMES if few else len(NAMES)))
    facts: list[plain.Fact] = []
    said: Counter[tuple[frozenset[str], str]] = Counter()
    for number in range(dice.randint(1, FEW_FACTS if few else FACTS_MAX)):
        one, other = dice.sample(names, 2)
        event_id, at = f"e{number}", dice.randint(1, TIMES)
        kind = dice.random()
        if kind < 0.75:
            strength = dice.choice(STRENGTHS)
            said[frozenset((one, other)), strength] += 1
            if said[frozenset((one, other)), strength] <= PAIR_REPETITIONS_MAX:
                facts.append(plain.Link(event_id, at, one, other, strength))
        elif kind < 0.93:
            facts.append(plain.Unlink(event_id, at, one, dice.choice((other, None))))
        else:
            facts.append(plain.Apart(event_id, one, other, at))
    return facts


def erasures_of(dice: random.Random) -> dict[str, int]:
    """Who is erased, and when; facts are of before and after that, and arrive as they like."""
    if dice.random() < 0.5:
        return {}
    return {name: dice.randint(1, TIMES) for name in dice.sample(NAMES, dice.choice((1, 1, 2, 3)))}


def is_left(fact: plain.Fact, erased: dict[str, int]) -> bool:
    """Whether it names nobody who was erased since."""
    names = {fact.one, fact.other} & erased.keys()
    return all(fact.at > erased[name] for name in names if name is not None)


def read(
    states: dict[str, protocol.Links], erased: dict[str, int], letter: Any, *, let_in: bool
) -> tuple[protocol.Links, tuple[linking.Post, ...]]:
    """What the addressee knows after a letter, and what it writes."""
    me = letter.to
    now = states.get(me)
    if was_erased := isinstance(letter, _Erase):
        known = now or protocol.Links(me, me)
        gone = replace(known, waiting=(), carried=())
        now, letter = gone, protocol.Forget(me, me, letter.since)
    erased_at = letter.since if was_erased else erased.get(me, 0)
    if let_in:
        outcome = linking.take(now, letter, RULES, erased_at)
        assert outcome.refusal is None
        return outcome.links, outcome.letters
    after, written, _ = protocol.step(now, letter, is_account, erased_at)
    return after, written


def tell(fact: plain.Fact) -> protocol.Told:
    """A fact as its first identifier hears of it."""
    match fact:
        case plain.Link():
            return protocol.Told(fact.one, specification.Link(*fact))  # type: ignore[arg-type]
        case plain.Unlink():
            return protocol.Told(fact.one, specification.Unlink(*fact))
        case plain.Apart():
            return protocol.Told(fact.one, specification.Apart(*fact))


def run(seed: int) -> Counter[str]:
    """One history; what it met.

    Who was erased, or named only together with them, may end with a root that is not their own
    where steps were done again in another order after their letters had left, which transactions
    rule out; that is counted.

    Raises:
        AssertionError: somebody ends with another root, letters never end, or a fact is known that
            should be forgotten.
    """
    dice = random.Random(seed)
    facts, to_erase = facts_of(dice), erasures_of(dice)
    let_in = seed % 2 == 1
    coming: list[Any] = [tell(fact) for fact in facts]
    if let_in:
        coming = [post for told in coming for post in linking.posts_of(told.to, [told.fact])]
    coming += [_Erase(name, since) for name, since in to_erase.items()]
    dice.shuffle(coming)
    mail: list[Any] = []
    states: dict[str, protocol.Links] = {}
    erased: dict[str, int] = {}
    met: Counter[str] = Counter()
    unsteady = dice.random() * (not to_erase or dice.random() < 0.5)
    crashing = unsteady * (not let_in)
    for _ in range(40_000):
        if coming and (not mail or dice.random() < 0.3):
            mail.append(coming.pop())
        if not mail:
            break
        letter = mail.pop(dice.randrange(len(mail)))  # delayed, and overtaken by others
        met[type(letter).__name__] += 1
        after, written = read(states, erased, letter, let_in=let_in)
        mail += written
        met["forgotten elsewhere"] += isinstance(letter, protocol.Forget) and bool(after.forgotten)
        fate = dice.random() * 20
        if fate < crashing:
            met["crashes"] += 1  # its letters have left, what it knew is as before: once more
            mail.append(letter)
            continue
        if fate < crashing + unsteady:
            met["repeated"] += 1
            mail.append(letter)
        states[letter.to] = after
        if isinstance(letter, _Erase):
            erased[letter.to] = letter.since
        assert after.coordinator <= letter.to, f"seed {seed}: a pointer to a larger key"
    assert not mail and not coming, f"seed {seed}: letters without end"
    left = [fact for fact in facts if is_left(fact, erased)]
    roots, skipped_ids = plain.roots_of(left, is_account)
    for name in NAMES:
        found = states[name].root if name in states else name
        root = roots.get(name, name)
        named = name in roots and name not in erased
        if found != root and not named and met["crashes"]:
            met[STRAYED] += 1
            continue
        assert found == root, f"seed {seed}: {name} belongs to {root}, not to {found}: {facts}"
    since = plain.since_of(left, is_account)
    for name, state in states.items():
        if state.root != roots.get(name, name):
            continue
        told = (state.since, state.event_id)
        assert told == since.get(name, (0, "")), f"seed {seed}: {name} since {told}: {facts}"
    gathered = [state.facts for state in states.values() if state.facts]
    repeated = [fact for state in states.values() for fact in state.repetitions]
    known = Counter(fact.event_id for some in (*gathered, repeated) for fact in some)
    wanted = Counter(fact.event_id for fact in left)
    lost = Counter[str]() if let_in else wanted - known
    assert not (known - wanted or lost), f"seed {seed}: {known - wanted} too many, {lost} are lost"
    suppressed = {
        conflict.link.event_id
        for some in gathered
        for conflict in specification.forest(some, is_account).conflicts
    }
    pairs = {fact.event_id: frozenset((fact.one, fact.other)) for fact in facts}
    found_, wanted_ = (
        {pairs[one] for one in ids} if let_in else ids for ids in (suppressed, skipped_ids)
    )
    assert found_ == wanted_, f"seed {seed}: other links are suppressed"
    met["let in"] += let_in
    met["with repetitions left"] += bool(repeated)
    met["histories"] += 1
    met["with suppressed links"] += bool(suppressed)
    met["with facts of others left"] += bool(erased) and bool(left)
    met["with facts forgotten"] += len(left) < len(facts)
    return met


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    met: Counter[str] = Counter()
    for seed in range(first, first + count):
        met += run(seed)
    sys.stdout.write(f"{dict(met)}\n")
    assert met[STRAYED] <= 2 + count // STRAYED_MAX


if __name__ == "__main__":
    main()
