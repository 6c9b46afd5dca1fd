"""Thousands of people, each under several names, some of which are shared, said wrongly or undone.

``python -m tests.engine.large_town 20`` lets that many towns of 10,000 people live, from seed 0 or
the second argument. Everybody has an account, cards, addresses and devices, up to eight in all, and
puts things into baskets under all of them. A tenth of the devices is used by two people in turns,
cards are scanned for somebody else, links are undone, events come twice, and workers die at any
step. In the end every identifier has the root that Kruskal's algorithm gives it, and every basket
what was put into it by the names that belong to it: nothing is lost, or there twice.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable

from ccstream.domain.events import Event
from tests.engine.crashing_town import CrashingTown
from tests.engine.test_linking import STRENGTHS
from tests.properties import reference_links as plain

__all__ = ["live"]

PEOPLE = 10_000
IDENTIFIERS_MAX = 8
ACTIONS = 8
"""Of each person, in the mean."""
CRASHES = 5
"""Of each partition, while as many letters are read as there are people."""


def is_account(key: str) -> bool:
    return key.startswith("customer:")


def names_of(person: int, dice: random.Random) -> list[str]:
    """The account, then others: cards and hashes of addresses."""
    others = [
        *(f"loyalty:c{person}-{n}" for n in range(2)),
        *(f"email:{2 * person + n + 1:064x}" for n in range(2)),
        f"phone:{person + 1:064x}",
    ]
    return [f"customer:a{person}", *dice.sample(others, dice.randint(1, 5))]


class _People:
    """What they say and do, and what has to become of it."""

    def __init__(self, seed: int, people: int) -> None:
        self.dice = random.Random(seed)
        self.town = CrashingTown(seed, CRASHES / people)
        self.names = [names_of(person, self.dice) for person in range(people)]
        self.devices: list[list[str]] = [[] for _ in range(people)]
        for person in range(people):
            room = IDENTIFIERS_MAX - len(self.names[person]) - len(self.devices[person])
            for number in range(min(room, self.dice.randint(0, 2))):
                device = f"visitor:v{person}-{number}"
                self.devices[person].append(device)
                next_door = (person + 1) % people
                if self.dice.random() < 0.1:
                    self.devices[next_door].append(device)
        self.facts: list[plain.Fact] = []
        self.bought: Counter[str] = Counter()
        """Units by the key that they belong to; what a device brings belongs to the account."""
        self.holder: dict[str, str] = {}
        self.guest: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self._now = 0

    def act(self) -> None:
        dice = self.dice
        person = dice.randrange(len(self.names))
        self._now += 1
        roll = dice.random()
        if self.devices[person] and roll < 0.45:
            self._at_a_device(dice.choice(self.devices[person]), self.names[person][0])
        elif roll < 0.75:
            self._link(person)
        elif roll < 0.8 and self.facts:
            self._undo(dice.choice(self.facts[-2_000:]))
        else:
            key = dice.choice(self.names[person])
            self._twice(self.town.add(key, at=self._now))
            self.bought[key] += 1
        self.town.deliver(dice.choice((0, 0, 1, 2, 40)))

    def _link(self, person: int) -> None:
        dice = self.dice
        if dice.random() < 0.05:  # scanned for somebody else
            person = dice.choice((person, (person + 1) % len(self.names)))
            one = self.names[person - 1][0]
            other = dice.choice(self.names[person][1:])
            self.met["links to somebody else"] += 1
        else:
            one, other = dice.sample(self.names[person], 2)
        reason = dice.choice(list(STRENGTHS))
        event = self.town.link(one, other, at=self._now, reason=reason)
        self.facts.append(
            plain.Link(event.event_id, event.occurred_at, one, other, STRENGTHS[reason])
        )
        self._twice(event)

    def _undo(self, fact: plain.Fact) -> None:
        if not isinstance(fact, plain.Link):
            return
        event = self.town.unlink(fact.one, fact.other, at=self._now)
        self.facts.append(plain.Unlink(event.event_id, event.occurred_at, fact.one, fact.other))
        self.met["undone"] += 1
        if self.dice.random() < 0.3:
            # By the other one, so that it may be known before the unlink is.
            self._now += 1
            again = self.town.link(fact.other, fact.one, at=self._now, reason="seen")
            said = fact.other, fact.one, STRENGTHS["seen"]
            self.facts.append(plain.Link(again.event_id, again.occurred_at, *said))
            self.met["linked again"] += 1

    def _at_a_device(self, device: str, account: str) -> None:
        roll = self.dice.random()
        if roll < 0.3:
            self._twice(self.town.link(device, account, at=self._now))
            if self.holder.get(device) != account:
                self.met["log-ins"] += 1
            self.holder[device] = account
            self.bought[account] += self.guest.pop(device, 0)
        elif roll < 0.5:
            self.town.unlink(device, at=self._now)
            self.met["log-outs"] += self.holder.pop(device, None) is not None
        else:
            self._twice(self.town.add(device, at=self._now))
            holder = self.holder.get(device)
            (self.guest if holder is None else self.bought)[holder or device] += 1

    def _twice(self, event: Event) -> None:
        if self.dice.random() < 0.03:
            self.town.fold(event)
            self.met["came twice"] += 1

    def check(self) -> None:
        """All is where it has to be; raises AssertionError."""
        town = self.town
        assert not town.rejected, Counter(town.rejected)
        roots: dict[str, str] = {}
        for facts in together(self.facts):
            found, skipped = plain.roots_of(facts, is_account)
            roots.update(found)
            self.met["passed over"] += len(skipped)
        shown: Counter[str] = Counter()
        for key, units in self.bought.items():
            shown[roots.get(key, key)] += units
        for key in (name for names in self.names for name in names):
            assert town.root(key) == roots.get(key, key), key
            assert town.basket(key).get("tea", 0) == shown[key], key
        for device in {one for devices in self.devices for one in devices}:
            assert town.root(device) == self.holder.get(device, device), device
            assert town.basket(device).get("tea", 0) == self.guest[device], device


def together(facts: Iterable[plain.Fact]) -> Iterable[list[plain.Fact]]:
    """Facts by what hangs together through them, whatever they say."""
    parts: dict[str, str] = {}

    def part(name: str) -> str:
        while parts.setdefault(name, name) != name:
            parts[name] = name = parts[parts[name]]
        return name

    known = list(facts)
    for fact in known:
        if fact.other is not None:
            parts[part(fact.one)] = part(fact.other)
    found: dict[str, list[plain.Fact]] = defaultdict(list)
    for fact in known:
        found[part(fact.one)].append(fact)
    return found.values()


def live(seed: int, people: int = PEOPLE) -> Counter[str]:
    """One town; what was met in it.

    Raises:
        AssertionError: something is not where it has to be.
    """
    town = _People(seed, people)
    for _ in range(ACTIONS * people):
        town.act()
    town.town.deliver()
    town.check()
    town.met["letters"] = town.town.delivered["all"]
    return town.met + town.town.met


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for seed in range(first, first + count):
        sys.stdout.write(f"seed {seed}: {dict(live(seed))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
