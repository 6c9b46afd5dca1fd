"""Who is erased is not brought back by what links of identifiers still say of them."""

from __future__ import annotations

from itertools import count

import pytest

from ccstream.domain.events import ErasureRequested, Event, IdentifiersLinked
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.wire.partition import partition_for
from tests.engine.test_erasing import ADA, Town, add, meta
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


class LinkedTown(Town):
    """With links between identifiers."""

    identifiers = load_identifier_rules(None)

    def told(self, *events: Event, at: int = 0) -> None:
        for event in events:
            self.fold(event, at=NOW + at)
            self.deliver(at=NOW + at)


def link(name: str, card: str, at: int = 0) -> Event:
    return IdentifiersLinked(**meta(name, at, card), identifiers=(ADA,), reason="card_scanned")


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


def test_a_card_that_nobody_named_goes_when_it_shows_itself(town: LinkedTown) -> None:
    town.told(erase("e4"), at=20)
    assert "links" in town.rows_of(CARD)
    town.told(add("e5", at=2, subject=CARD), at=30)
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
