"""Histories of facts about identifiers, and a mail network that delays, repeats and crashes.

``python -m tests.properties.link_histories 100000`` runs that many, from seed 0 or the second
argument, and prints what they met; it ends with 1 and the seed at the first that ends wrong.
"""

from __future__ import annotations

import random
import sys
from collections import Counter

from ccstream.domain import links as protocol
from tests.properties import reference_links as plain

__all__ = ["is_account", "run", "tell"]

NAMES = ("customer:1", "customer:2", "customer:3", "email:a", "email:b", "loyalty:1", "loyalty:2")
STRENGTHS = ("verified", "asserted", "observed")


def is_account(key: str) -> bool:
    return key.startswith("customer:")


def facts_of(dice: random.Random) -> list[plain.Fact]:
    facts: list[plain.Fact] = []
    for number in range(dice.randint(1, 9)):
        one, other = dice.sample(NAMES, 2)
        event_id, at = f"e{number}", dice.randint(0, 5)
        kind = dice.random()
        if kind < 0.75:
            facts.append(plain.Link(event_id, at, one, other, dice.choice(STRENGTHS)))
        elif kind < 0.93:
            facts.append(plain.Unlink(event_id, at, one, dice.choice((other, None))))
        else:
            facts.append(plain.Apart(event_id, one, other))
    return facts


def tell(fact: plain.Fact) -> protocol.Told:
    """A fact as its first identifier hears of it."""
    match fact:
        case plain.Link():
            return protocol.Told(fact.one, protocol.Link(*fact))  # type: ignore[arg-type]
        case plain.Unlink():
            return protocol.Told(fact.one, protocol.Unlink(*fact))
        case plain.Apart():
            return protocol.Told(fact.one, protocol.Apart(*fact))


def run(seed: int) -> Counter[str]:
    """One history; what it met.

    Raises:
        AssertionError: somebody ends with another root, or letters never end.
    """
    dice = random.Random(seed)
    facts = facts_of(dice)
    coming: list[protocol.Letter] = [tell(fact) for fact in facts]
    dice.shuffle(coming)
    mail: list[protocol.Letter] = []
    states: dict[str, protocol.Links] = {}
    met: Counter[str] = Counter()
    unsteady = dice.random()
    for _ in range(20_000):
        if coming and (not mail or dice.random() < 0.3):
            mail.append(coming.pop())
        if not mail:
            break
        letter = mail.pop(dice.randrange(len(mail)))  # delayed, and overtaken by others
        met[type(letter).__name__] += 1
        before = states.get(letter.to)
        after, written, _ = protocol.step(before, letter, is_account)
        mail += written
        fate = dice.random() * 20
        if fate < unsteady:
            met["crashes"] += 1  # its letters have left, what it knew is as before: once more
            mail.append(letter)
            continue
        if fate < 2 * unsteady:
            met["repeated"] += 1
            mail.append(letter)
        states[letter.to] = after
        assert after.coordinator <= letter.to, f"seed {seed}: a pointer to a larger key"
    assert not mail and not coming, f"seed {seed}: letters without end"
    roots, skipped_ids = plain.roots_of(facts, is_account)
    for name, root in roots.items():
        found = states[name].root if name in states else name
        assert found == root, f"seed {seed}: {name} belongs to {root}, not to {found}: {facts}"
    since = plain.since_of(facts, is_account)
    for name, state in states.items():
        told = (state.since, state.event_id)
        assert told == since.get(name, (0, "")), f"seed {seed}: {name} since {told}: {facts}"
    gathered = [state.facts for state in states.values() if state.facts]
    assert sum(map(len, gathered)) == len(facts), f"seed {seed}: facts are lost, or there twice"
    suppressed = {
        conflict.link.event_id
        for known in gathered
        for conflict in protocol.forest(known, is_account).conflicts
    }
    assert suppressed == skipped_ids, f"seed {seed}: other links are suppressed"
    met["histories"] += 1
    met["with suppressed links"] += bool(suppressed)
    return met


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    met: Counter[str] = Counter()
    for seed in range(first, first + count):
        met += run(seed)
    sys.stdout.write(f"{dict(met)}\n")


if __name__ == "__main__":
    main()
