"""Who is erased is not brought back by what links of identifiers still say of them."""

from __future__ import annotations

from itertools import count

import pytest

from ccstream.domain import reasons
from ccstream.domain.events import (
    ErasureRequested,
    Event,
    IdentifiersLinked,
    Money,
    OrderLine,
    OrderPlaced,
)
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.wire.mail import ERASE, HAND_BACK, LINK, Mail, encode_mail
from ccstream.wire.partition import partition_for
from tests.engine.test_erasing import ADA, BOB, MAIL, Town, add, meta
from tests.engine.world import NOW, PARTITIONS

CARD, LATE_CARD = (
    key
    for key, _ in zip(
        (
            f"loyalty:{n}"
            for n in count()
            if partition_for(f"loyalty:{n}".encode(), PARTITIONS) == 0
        ),
        range(2),
        strict=False,
    )
)

BADGE = next(
    key for key in (f"badge:{n}" for n in count()) if partition_for(key.encode(), PARTITIONS) == 0
)
"""A personal identifier that sorts before accounts, and so gathers the links by itself."""


class LinkedTown(Town):
    """With links between identifiers."""

    identifiers = load_identifier_rules(None)

    def __init__(self) -> None:
        super().__init__()
        self.late: tuple[str, ...] = ()
        self.held_up: list[Mail] = []

    def told(self, *events: Event, at: int = 0) -> None:
        for event in events:
            self.fold(event, at=NOW + at)
            self.deliver(at=NOW + at)

    def hold_up(self, *kinds: str) -> None:
        """Letters of these kinds are late from now on."""
        self.late = kinds

    def deliver(self, at: int = NOW) -> None:
        """Fold what is on its way, but for letters that are late."""
        while self._delivered < len(self.letters):
            home, mail = self.letters[self._delivered]
            self._delivered += 1
            if mail.kind in self.late:
                self.held_up.append(mail)
            elif home == 0:
                self.fold_bytes(mail.to.encode(), encode_mail(mail), topic=MAIL, at=at)

    def deliver_late(self, at: int) -> None:
        """Fold what was late, and what comes of it."""
        assert self.held_up
        self.late = ()
        for mail in self.held_up:
            self.fold_bytes(mail.to.encode(), encode_mail(mail), topic=MAIL, at=NOW + at)
        self.deliver(at=NOW + at)

    def basket(self, key: str) -> dict[str, int]:
        cart = self.state("carts", key)
        return {} if cart is None else {at.sku: line.quantity for at, line in cart.lines.items()}


def link(
    name: str, card: str, at: int = 0, account: str = ADA, reason: str = "card_scanned"
) -> Event:
    return IdentifiersLinked(**meta(name, at, card), identifiers=(account,), reason=reason)


def order(name: str, subject: str, at: int = 0) -> Event:
    line = OrderLine(sku="pot", quantity=1, amount=Money(1, "EUR"))
    return OrderPlaced(
        **meta(name, at, subject), order_id="O-1", lines=(line,), total=Money(1, "EUR")
    )


def erase(name: str, *identifiers: str, at: int = 10) -> Event:
    return ErasureRequested(**meta(name, at), identifiers=identifiers)


@pytest.fixture
def town() -> LinkedTown:
    town = LinkedTown()
    town.told(add("e1"), add("e2", subject=CARD), link("e3", CARD, at=1))
    assert town.state("aliases", CARD).root == ADA
    assert "links" in town.rows_of(CARD) and "links" in town.rows_of(ADA)
    return town


def test_the_links_of_the_account_and_of_a_card_that_is_named_go(town: LinkedTown) -> None:
    town.told(erase("e4", CARD), at=20)
    assert town.rows_of(ADA) == []
    assert town.rows_of(CARD) == []


def test_a_card_that_nobody_named_goes_since_it_is_linked(town: LinkedTown) -> None:
    town.told(erase("e4"), at=20)
    assert town.rows_of(ADA) == []
    assert town.rows_of(CARD) == []
    assert town.erasure(ADA).identifiers_erased == 0, "of those that were named"


def test_what_a_card_that_nobody_named_sends_late_is_not_read(town: LinkedTown) -> None:
    town.told(erase("e4"), at=20)
    town.told(add("e5", at=2, subject=CARD), at=30)
    assert [one.reason for one in town.rejected] == [reasons.ERASED]
    assert town.rows_of(ADA) == []
    assert town.rows_of(CARD) == []


def test_a_link_from_before_that_comes_late_brings_nobody_back(town: LinkedTown) -> None:
    town.told(erase("e4", CARD), at=20)
    town.told(add("e5", at=2, subject=LATE_CARD), at=30)
    town.told(link("e6", LATE_CARD, at=3), at=30)
    assert town.rows_of(ADA) == []
    assert town.rows_of(LATE_CARD) == []
    assert town.erasure(LATE_CARD).part_of == town.key.fingerprint(ADA)


def test_a_card_that_is_scanned_again_afterwards_is_somebody_s_who_begins_anew(
    town: LinkedTown,
) -> None:
    town.told(erase("e4", CARD), at=20)
    town.told(link("e5", CARD, at=40), add("e6", at=41, subject=CARD), at=50)
    assert town.state("aliases", CARD).root == ADA
    lines = town.state("carts", ADA).lines
    assert [line.quantity for line in lines.values()] == [1]


@pytest.fixture
def leaving() -> LinkedTown:
    """A card has left Bob for Ada, and what it had brought him is on its way back to it."""
    town = LinkedTown()
    town.told(order("e1", CARD), add("e2", subject=CARD), add("e3", subject=BOB))
    town.told(link("e4", CARD, at=1, account=BOB))
    assert town.basket(BOB) == {"tea": 2}
    town.hold_up(HAND_BACK)
    town.told(link("e5", CARD, at=2, reason="log_in"))
    assert town.state("aliases", CARD).root == ADA
    assert town.basket(BOB) == {"tea": 1}
    return town


def test_what_a_card_had_brought_to_somebody_else_goes_with_it_when_it_is_erased(
    leaving: LinkedTown,
) -> None:
    leaving.told(erase("e6", CARD), at=20)
    leaving.deliver_late(at=30)
    assert leaving.rows_of(CARD) == []
    assert leaving.rows_of(ADA) == []
    kept = leaving.state("orders", f"{leaving.key.fingerprint(CARD)}#O-1")
    assert (kept.order_id, kept.origin) == ("O-1", "")
    assert leaving.basket(BOB) == {"tea": 1}
    touches = leaving.state("touches", BOB)
    assert (touches.first.event_id, touches.last.event_id, touches.shares) == ("e3", "e3", {})
    assert leaving.erasure(BOB) is None


def test_what_a_card_that_nobody_named_left_behind_goes_with_it_too(leaving: LinkedTown) -> None:
    leaving.told(erase("e6"), at=20)
    leaving.deliver_late(at=30)
    assert leaving.rows_of(CARD) == []
    assert leaving.rows_of(ADA) == []
    assert leaving.state("orders", f"{leaving.key.fingerprint(CARD)}#O-1").origin == ""
    assert leaving.erasure(BOB) is None


def test_an_order_that_goes_back_to_who_is_erased_does_not_take_the_place_of_another_one(
    leaving: LinkedTown,
) -> None:
    leaving.hold_up(HAND_BACK, ERASE, LINK)
    leaving.told(order("e6", ADA, at=3), erase("e7"), at=20)
    leaving.deliver_late(at=30)
    assert leaving.state("orders", f"{leaving.key.fingerprint(ADA)}#O-1").event_id == "e6"
    assert [one.reason for one in leaving.rejected] == [reasons.ORDER_ALREADY_PLACED]


def test_an_order_that_goes_back_to_who_came_again_leaves_their_own_alone(
    leaving: LinkedTown,
) -> None:
    leaving.hold_up(HAND_BACK, ERASE, LINK)
    leaving.told(erase("e6"), at=20)
    leaving.told(order("e7", ADA, at=40), at=50)
    leaving.deliver_late(at=60)
    assert leaving.state("orders", f"{ADA}#O-1").event_id == "e7"
    assert leaving.state("orders", f"{leaving.key.fingerprint(ADA)}#O-1").event_id == "e1"


def test_the_touches_of_a_card_go_with_the_account_that_is_erased(town: LinkedTown) -> None:
    assert town.state("touches", ADA).shares.keys() == {"", CARD}
    town.told(erase("e4", CARD), at=20)
    assert "touches" not in town.rows_of(ADA) and "touches" not in town.rows_of(CARD)


def test_an_order_that_is_kept_does_not_say_by_whose_card_it_came(town: LinkedTown) -> None:
    town.told(order("e4", CARD, at=2))
    assert town.state("orders", f"{ADA}#O-1").origin == CARD
    town.told(erase("e5"), at=20)
    assert town.state("orders", f"{town.key.fingerprint(ADA)}#O-1").origin == ""


def test_who_was_erased_and_came_again_gives_back_what_has_been_brought_since() -> None:
    town = LinkedTown()
    town.told(add("e1", subject=BOB))
    town.told(ErasureRequested(**meta("e2", 10, BOB)), at=20)
    town.told(add("e3", at=30, subject=BOB), add("e4", at=31, subject=BADGE), at=40)
    town.told(link("e5", BADGE, at=32, account=BOB), at=40)
    assert town.basket(BOB) == {"tea": 2}
    town.told(link("e6", BADGE, at=5, reason="log_in"), at=50)
    assert (town.basket(BOB), town.basket(ADA)) == ({"tea": 1}, {"tea": 1})
