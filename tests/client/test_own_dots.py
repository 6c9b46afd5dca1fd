"""Who takes out what he has just put in means that, also before any screen shows it."""

from __future__ import annotations

import pytest

from ccstream.client import own_dots
from ccstream.client.event_writer import EventWriter
from ccstream.client.own_dots import OwnDots
from ccstream.client.position import Position
from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    Money,
    OrderLine,
    OrderPlaced,
)
from ccstream.domain.moment import Scope
from ccstream.domain.observed import Observed
from ccstream.wire.codec import Codec

SCOPE = Scope(b"state-id", 3, 8)
WEB = 0
TOPIC = "channel.web.events.v1"


def token(offset: int) -> bytes:
    """Everything of the web up to this offset was seen."""
    return Observed.encode(SCOPE, [offset, -1])


class Seen:
    def __init__(self) -> None:
        self.token: bytes | None = token(10)

    def observed(self, key: str) -> bytes | None:
        return self.token


class Author:
    """A publisher's writer, and what the worker reads of it."""

    def __init__(self, view: Seen | None) -> None:
        self.codec = Codec()
        self.writer = EventWriter("web", "shop-1", TOPIC, WEB, self.codec, 1_000_000, view)

    def says(self, kind: type[Event], subject: str = "customer:1", **fields: object) -> Event:
        event = self.writer.event(kind, subject, fields)
        return self.codec.decode_event(self.writer.write(event).value)


@pytest.fixture
def view() -> Seen:
    return Seen()


@pytest.fixture
def author(view: Seen) -> Author:
    return Author(view)


def names(event: Event) -> tuple[str, ...]:
    assert isinstance(event, CartItemRemoved | CartItemQuantitySet | CartCleared | OrderPlaced)
    return event.dots


def test_an_own_addition_that_no_screen_shows_yet_is_named(author: Author) -> None:
    added = author.says(CartItemAdded, sku="mug", quantity=2)
    removed = author.says(CartItemRemoved, sku="mug")
    assert names(removed) == (added.event_id,)
    assert removed.observed == token(10)


def test_an_own_addition_that_the_token_covers_is_not_named(author: Author, view: Seen) -> None:
    shown = author.says(CartItemAdded, sku="mug", quantity=1)
    later = author.says(CartItemAdded, sku="mug", quantity=1)
    author.writer.placed(shown, Position(TOPIC, 3, 11))
    author.writer.placed(later, Position(TOPIC, 3, 12))
    view.token = token(11)
    assert names(author.says(CartItemRemoved, sku="mug")) == (later.event_id,)
    view.token = token(12)
    assert names(author.says(CartItemRemoved, sku="mug")) == ()


def test_only_the_additions_of_the_lines_in_question_are_named(author: Author) -> None:
    mug = author.says(CartItemAdded, sku="mug", quantity=1)
    red = author.says(CartItemAdded, sku="mug", options_hash="red", quantity=1)
    plate = author.says(CartItemQuantitySet, sku="plate", quantity=3)
    author.says(CartItemAdded, "customer:2", sku="mug", quantity=1)
    assert names(author.says(CartItemRemoved, sku="mug")) == (mug.event_id,)
    price = Money(1, "EUR")
    lines = tuple(OrderLine(sku=sku, quantity=1, amount=price) for sku in ("plate", "bowl"))
    ordered = author.says(OrderPlaced, order_id="A", lines=lines, total=price)
    assert names(ordered) == (plate.event_id,)
    assert set(names(author.says(CartCleared))) == {mug.event_id, red.event_id, plate.event_id}


def test_a_quantity_set_again_means_the_one_set_before_and_never_itself(author: Author) -> None:
    first = author.writer.event(CartItemQuantitySet, "customer:1", {"sku": "mug", "quantity": 1})
    author.writer.write(first)
    again = author.codec.decode_event(author.writer.write(first).value)
    assert names(again) == ()
    assert names(author.says(CartItemQuantitySet, sku="mug", quantity=2)) == (first.event_id,)


def test_what_the_author_says_himself_is_left_alone(author: Author) -> None:
    author.says(CartItemAdded, sku="mug", quantity=1)
    assert names(author.says(CartItemRemoved, sku="mug", dots=("e7",))) == ("e7",)
    by_hand = author.says(CartItemRemoved, sku="mug", observed=token(3))
    assert (names(by_hand), by_hand.observed) == ((), token(3))


def test_without_a_view_nothing_is_named() -> None:
    author = Author(None)
    author.says(CartItemAdded, sku="mug", quantity=1)
    removed = author.says(CartItemRemoved, sku="mug")
    assert (names(removed), removed.observed) == ((), None)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_dots, "SUBJECTS_MAX", 3)
    monkeypatch.setattr(own_dots, "PENDING_NAMES_MAX", 4)
    own = OwnDots()
    author = Author(None)
    for customer in range(5):
        for _ in range(6):
            fields = {"sku": "mug", "quantity": 1}
            own.made(author.writer.event(CartItemAdded, f"customer:{customer}", fields))
    counts = [
        len(own.unseen(author.writer.event(CartCleared, f"customer:{customer}", {}), None))
        for customer in range(5)
    ]
    assert counts == [0, 0, 4, 4, 4]
