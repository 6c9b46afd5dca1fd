"""Whoever is linked to an account goes with it, whether the request names them or not."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from ccstream.domain.events import ErasureRequested, Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.links import Links
from ccstream.domain.window import WindowLimits
from ccstream.engine.erased import ErasedPeople
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.errors import StateError
from ccstream.wire.catalogue import TABLES
from ccstream.wire.mail import ERASE, ERASE_LINKED, GIVE_BACK
from tests.engine.test_erasing import erasure_key
from tests.engine.test_linking import MAIL, RULES, Town, key_at
from tests.engine.world import CHANNELS, CODEC, INPUTS, NOW, PLANS, added
from tests.properties.reference_links import roots_of
from tests.simulation.told_profiles import plain_of

HISTORIES = 400
REASONS = ("log_in", "card_scanned", "seen")
ADA, BOB = key_at(0, "customer"), key_at(2, "customer")
BADGE, ADDRESS = key_at(0, "badge"), key_at(1, "email")
CARD, OTHER_CARD = key_at(2, "loyalty"), key_at(0, "loyalty")
PERSONAL = (BADGE, ADDRESS, CARD, OTHER_CARD)


class ErasingTown(Town):
    """In which people can be erased, and time passes."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.now = NOW
        self.key = erasure_key()
        for world in self.worlds:
            world.folder = Folder(
                decode=CODEC.decode_event,
                topics=INPUTS,
                channels=CHANNELS,
                plans=PLANS,
                outlet=Outlet(world.delivery, "app", 1_000_000),
                window_limits=WindowLimits(),
                append_time=True,
                identifiers=RULES,
                erasure_key=self.key,
            )

    def fold(self, *events: Event) -> None:
        for event in events:
            self.home(event.subject).fold(event, at=self.now)

    def fold_letter(self, home: int, key: str, value: bytes) -> None:
        self.worlds[home].fold_bytes(key.encode(), value, topic=MAIL, at=self.now)

    def erase(self, account: str, *named: str) -> None:
        """Everybody else's clock goes on after it."""
        self.now += 1_000
        meta = self.meta(account, self.now - NOW)
        self.fold(ErasureRequested(**meta, identifiers=named))

    def rows_of(self, key: str) -> list[str]:
        tables = self.home(key).partition.tables
        return [name for name in TABLES if tables[name].get(key) is not None]

    def erased_at(self, key: str) -> int:
        state = self.home(key).state("erasures", self.key.fingerprint(key))
        return 0 if state is None else int(state.erased_at)

    def is_gone(self, key: str) -> bool:
        return bool(self.erased_at(key)) and "windows" not in self.rows_of(key)

    def links(self) -> dict[str, Links]:
        """What everybody knows of links, by key or fingerprint."""
        tables = [world.partition.tables["links"] for world in self.worlds]
        return {
            key: entry.state
            for one in tables
            for key in one.keys()  # noqa: SIM118
            if (entry := one.get(key))
        }

    def named(self) -> list[tuple[str, str, str]]:
        """Rows of links that name somebody who is gone, but as whom they point to, or as whose
        things went on to a root once.
        """
        gone = [key for key in (ADA, BOB, *PERSONAL) if self.is_gone(key)]
        found = []
        for row, state in self.links().items():
            said = str(replace(state, coordinator="", carried=()))
            found += [(key, row, said) for key in gone if key in said or key == row]
            if row.startswith("erased:"):
                found += [(key, row, said) for key in gone if key == state.coordinator]
        return found

    def wrong_roots(self) -> list[tuple[str, str, str]]:
        """Who has another root than by all facts that are known, each of them once."""
        facts = [fact for state in self.links().values() for fact in state.facts]
        assert len(facts) == len({*facts})
        roots, _ = roots_of(map(plain_of, facts), lambda key: key.startswith("customer:"))
        here = [key for key in (ADA, BOB, *PERSONAL) if not self.is_gone(key)]
        return [
            (key, self.root(key), roots.get(key, key))
            for key in here
            if self.root(key) != roots.get(key, key)
        ]

    def told(self, kind: str) -> Counter[str]:
        """To whom letters of this kind were sent, and how many."""
        letters = (mail for world in self.worlds for _, mail in world.letters)
        return Counter(mail.to for mail in letters if mail.kind == kind)


def test_a_card_that_nobody_named_goes_with_an_account_that_has_its_links() -> None:
    town = ErasingTown()
    town.add(CARD)
    town.link(CARD, ADA)
    town.deliver()
    town.erase(ADA)
    town.deliver()
    assert town.rows_of(CARD) == town.rows_of(ADA) == []
    assert town.told(ERASE) == {CARD: 1}
    assert town.told(ERASE_LINKED) == {ADA: 3}, "of the account, of itself, and once told its root"


def test_a_card_that_is_named_is_told_once_by_an_account_that_has_its_links() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(OTHER_CARD, ADA)
    town.deliver()
    town.erase(ADA, CARD)
    town.deliver()
    assert town.rows_of(CARD) == town.rows_of(OTHER_CARD) == []
    assert town.told(ERASE) == {CARD: 1, OTHER_CARD: 1}


def test_cards_that_nobody_named_go_where_another_one_has_their_links() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(BADGE, ADA)
    town.link(ADDRESS, CARD)
    town.deliver()
    assert town.home(ADA).state("links", ADA).coordinator == BADGE
    town.erase(ADA)
    town.deliver()
    assert [town.rows_of(key) for key in (ADA, BADGE, CARD, ADDRESS)] == [[]] * 4
    assert town.told(ERASE).keys() == {CARD, ADDRESS}, "the badge goes by itself, before it tells"


def test_who_is_somebody_else_s_by_a_surer_link_stays() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(OTHER_CARD, BOB)
    town.link(OTHER_CARD, ADA, at=1, reason="seen")  # passed over
    town.deliver()
    town.erase(ADA)
    town.deliver()
    assert town.rows_of(CARD) == []
    assert town.root(OTHER_CARD) == BOB and town.rows_of(OTHER_CARD)


def test_a_link_from_before_that_is_under_way_takes_a_card_along_that_brings_no_rows() -> None:
    town = ErasingTown()
    town.link(BADGE, ADA)
    town.deliver()
    town.link(ADA, CARD, at=5)
    town.deliver(1)
    town.erase(ADA)
    town.deliver()
    assert town.rows_of(CARD) == town.rows_of(BADGE) == []


def _meta(number: int, at: int, subject: str) -> dict[str, Any]:
    common = {"channel": "web", "source": "shop-1", "subject": subject}
    return {"event_id": f"r{number:03}", "occurred_at": NOW + at, **common}


def _something(dice: random.Random, number: int) -> Event:
    meta = _meta(number, number, dice.choice(PERSONAL))
    other = dice.choice([key for key in (ADA, BOB, *PERSONAL) if key != meta["subject"]])
    roll = dice.random()
    if roll < 0.7:
        return IdentifiersLinked(**meta, identifiers=(other,), reason=dice.choice(REASONS))
    if roll < 0.8:
        return IdentifierUnlinked(**meta, identifiers=(other,))
    return added(**meta, sku="tea")


def test_links_of_others_that_were_gathered_at_who_was_erased_are_still_known() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(OTHER_CARD, BOB)
    town.link(OTHER_CARD, ADA, at=1, reason="seen")  # passed over: both are gathered at Ada
    town.link(ADDRESS, OTHER_CARD, at=2)
    town.deliver()
    assert town.home(BOB).state("links", BOB).coordinator == ADA
    town.erase(ADA)
    town.deliver()
    assert {town.root(key) for key in (OTHER_CARD, ADDRESS)} == {BOB}
    town.unlink(ADDRESS, OTHER_CARD, at=2_000)
    town.deliver()
    assert (town.root(ADDRESS), town.root(OTHER_CARD)) == (ADDRESS, BOB)
    town.link(ADDRESS, BOB, at=3_000)
    town.deliver()
    assert town.root(ADDRESS) == BOB
    assert town.rows_of(ADA) == [] and town.named() == []


def test_whom_the_erased_point_to_is_sealed() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.deliver()
    town.erase(ADA)
    town.deliver()
    kept = town.links()
    card, account = (kept[town.key.fingerprint(key)] for key in (CARD, ADA))
    assert town.key.unseal(card.coordinator) == ADA and ADA not in card.coordinator
    assert (card.root, account.coordinator, account.root) == ("", "", "")
    assert account.facts == frozenset() and account.forgotten == 1


def test_what_is_said_of_others_afterwards_brings_nobody_back() -> None:
    town = ErasingTown()
    town.link(OTHER_CARD, ADA)
    town.link(OTHER_CARD, BOB, reason="seen")  # passed over: Bob's are gathered at Ada
    town.deliver()
    town.erase(ADA)
    town.deliver()
    town.link(BOB, ADDRESS, at=2_000)
    town.deliver()
    assert town.root(ADDRESS) == BOB
    assert town.is_gone(ADA) and town.rows_of(ADA) == []
    town.add(ADA, at=3_000)
    town.link(CARD, BOB, at=3_000)
    town.deliver()
    assert {*town.rows_of(ADA)} == {"windows", "carts", "touches", "links"}
    assert (town.root(CARD), town.basket(ADA)) == (BOB, {"tea": 1})


def test_a_link_from_before_that_comes_late_leaves_alone_who_is_somebody_else_s() -> None:
    town = ErasingTown()
    town.link(CARD, BOB, reason="card_scanned")
    town.add(ADA)
    town.deliver()
    town.erase(ADA)
    town.deliver()
    town.link(CARD, ADA, at=5)  # surer, had it come in time
    town.deliver()
    assert (town.root(CARD), town.links()[CARD].coordinator) == (BOB, BOB)
    assert not town.told(GIVE_BACK) and town.named() == []


def test_a_link_from_before_that_comes_late_takes_no_room_where_it_was_stated() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.deliver()
    town.erase(ADA)
    town.deliver()
    town.link(BADGE, ADA, at=5)
    assert [one.key for one in town.links()[BADGE].waiting] == [ADA]
    town.deliver()
    assert [one for state in town.links().values() for one in state.waiting] == []


def test_a_link_that_was_passed_over_since_it_names_who_is_erased_is_forgotten_elsewhere() -> None:
    town = ErasingTown()
    town.link(OTHER_CARD, ADA)
    town.link(BADGE, OTHER_CARD, reason="seen")
    town.link(BADGE, BOB)
    town.deliver()
    assert town.root(BADGE) == BOB
    assert town.home(ADA).state("links", ADA).coordinator == BADGE
    town.erase(ADA)
    town.deliver()
    (fact,) = (fact for state in town.links().values() for fact in state.facts)
    assert {fact.one, fact.other} == {BADGE, BOB}
    assert town.root(BADGE) == BOB and town.named() == []


def test_who_comes_back_is_linked_as_anybody() -> None:
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(BADGE, CARD)
    town.deliver()
    town.erase(ADA)
    town.deliver()
    town.link(CARD, ADA, at=2_000)
    town.unlink(CARD, BADGE, at=3_000, never_again=True)
    town.deliver()
    assert (town.root(CARD), town.wrong_roots()) == (ADA, [])
    town.link(BADGE, CARD, at=4_000)
    town.deliver()
    assert (town.root(BADGE), town.root(CARD)) == (BADGE, ADA)
    town.add(CARD, at=5_000)
    town.deliver()
    assert town.basket(ADA) == {"tea": 1}


def test_an_account_goes_with_nobody() -> None:
    """It says late, from before the erasure, that a card was its own, which went with another."""
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(OTHER_CARD, BOB)
    town.add(BOB, "hat")
    town.deliver()
    town.erase(ADA)
    town.deliver()
    town.link(BOB, CARD, at=5)
    town.deliver()
    assert (town.basket(BOB), town.erased_at(BOB)) == ({"hat": 1}, 0)
    assert town.root(OTHER_CARD) == BOB
    assert town.is_gone(CARD) and town.named() == []


def test_who_comes_back_before_the_coordinator_has_heard_is_on_its_own() -> None:
    came_back = 0
    for seed in range(12):
        for letters in range(1, 8):
            town = ErasingTown(seed)
            town.link(CARD, ADA)
            town.link(BADGE, ADA)
            town.add(ADA)
            town.deliver()
            town.erase(ADA, CARD)
            town.deliver(letters)
            if not (town.is_gone(CARD) and town.is_gone(ADA)):
                continue
            came_back += 1
            town.add(CARD, "hat", at=2_000)
            town.deliver()
            assert (town.root(CARD), town.basket(CARD)) == (CARD, {"hat": 1}), (seed, letters)
            assert town.rows_of(ADA) == [] and town.is_gone(BADGE), (seed, letters)
    assert came_back > 30


def test_who_is_linked_to_an_account_that_has_come_back_does_not_go_with_what_it_was() -> None:
    for seed in range(12):
        for letters in range(8):
            town = ErasingTown(seed)
            town.link(CARD, ADA)
            town.link(BADGE, ADA)
            town.add(OTHER_CARD, "shoe")
            town.deliver()
            town.erase(ADA)
            town.deliver(letters)
            town.add(ADA, "new", at=2_000)
            town.link(OTHER_CARD, ADA, at=2_001)
            town.deliver()
            assert town.root(OTHER_CARD) == ADA, (seed, letters)
            assert town.basket(ADA) == {"new": 1, "shoe": 1}, (seed, letters)


def test_without_the_key_no_links_of_who_was_erased_are_read() -> None:
    """They would be taken for nobody's, and those linked to them would not be told."""
    town = ErasingTown()
    town.link(CARD, ADA)
    town.link(BADGE, ADA)
    town.deliver()
    town.erase(ADA)
    town.deliver()
    partition = town.home(ADA).partition
    with pytest.raises(StateError, match="erasure_key is not set"):
        ErasedPeople(None).links_of(partition, ADA)


def test_in_the_end_nobody_belongs_to_who_was_erased_whatever_was_under_way() -> None:
    asked = 0
    for seed in range(HISTORIES):
        dice = random.Random(seed)
        town = ErasingTown(seed)
        for number in range(dice.randint(1, 9)):
            town.fold(_something(dice, number))
            town.deliver(dice.choice((1, 3, 1_000)))
        town.deliver()
        late = [_something(dice, number) for number in range(10, 10 + dice.randint(0, 3))]
        for event in late[1:]:
            town.fold(event)
        town.deliver(dice.choice((0, 2, 5)))
        town.erase(ADA, *dice.sample(PERSONAL, dice.choice((0, 0, 1))))
        town.deliver(dice.choice((0, 2, 5)))
        town.fold(*late[:1])
        town.deliver()
        assert town.rows_of(ADA) == [], seed
        for key in PERSONAL:
            assert town.root(key) == key or not town.erased_at(town.root(key)), (seed, key)
        assert town.named() == [], seed
        assert town.wrong_roots() == [], seed
        asked += town.told(ERASE_LINKED).total()
    assert asked > HISTORIES // 5, "the links were hardly ever at another identifier"
