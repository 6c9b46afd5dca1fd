"""What has to become of people who are split off or erased is looked for, and its lack is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.author import Author, Record
from tests.chaos.following_people import ERASURE, ORDERS, REJECTED, check_people
from tests.chaos.logs import Stored
from tests.chaos.people import PERHAPS
from tests.chaos.records import encode
from tests.chaos.test_checker import cart_row, line

WHO = "customer:n-e0"
LEFT = "erased:0f"


def told(kind: str, entity: str, number: int, **fields: Any) -> Record:
    event = {
        "event_id": f"e{number}",
        "occurred_at": number,
        "channel": "web",
        "source": "web-1",
        "subject": entity,
        **fields,
    }
    return Record("channel.web.events.v1", entity, b"", kind, entity, "taken", event)


def stored(topic: str, key: str, value: bytes | None) -> Stored:
    return Stored(topic, 0, 0, 0, key.encode(), value, {})


def receipt(text: str) -> Stored:
    row = dict.fromkeys(("state", "key_id", "part_of", "request_id", "signature"), "")
    numbers = ("version", "requested_at", "erased_at", "rows_deleted", "orders_kept")
    more = ("identifiers_erased", "completed_at")
    whole = {**row, **dict.fromkeys((*numbers, *more), 1), "held": False, "identifiers": []}
    return stored("erasures", LEFT, encode("ErasureRow", {**whole, "receipt": text}))


def touch_row(*records: Record) -> bytes:
    touches = [{"kind": "", "detail": "", **one.event} for one in records]
    fields = {"first": touches[0], "last_by_channel": touches[-1:], "trails": [], "earlier": []}
    return encode("TouchRow", {"version": 1, **fields, "shares": []})


class Left:
    """What is left of one person who was erased, and of a card that was split off."""

    def __init__(self) -> None:
        add = told("CartItemAdded", "loyalty:n-s0", 1, sku="sku0", quantity=1)
        self.add = add
        self.records = [
            told(ERASURE, WHO, 2, identifiers=["visitor:n-e0"]),
            add,
            told("IdentifierUnlinked", "loyalty:n-s0", 3, identifiers=["customer:n-s0"]),
        ]
        self.changelogs = {
            "carts": [stored("carts", "loyalty:n-s0", cart_row(line("sku0", add)))],
            "touches": [stored("touches", "loyalty:n-s0", touch_row(add))],
            "orders": list[Stored](),
            "windows": list[Stored](),
            "erasures": [receipt("done")],
        }
        self.outputs = dict[str, list[Stored]]({ORDERS: [], REJECTED: []})

    def wrong(self) -> list[str]:
        published = [(stored("", "", b""), one) for one in self.records]
        return check_people(self.changelogs, self.outputs, published)


def test_nothing_is_found_where_nothing_is_left() -> None:
    assert Left().wrong() == []


@pytest.mark.parametrize("key", [WHO, "visitor:n-e0", f"{WHO}#order"])
def test_a_row_of_who_was_erased_is_found(key: str) -> None:
    left = Left()
    left.changelogs["windows"].append(stored("windows", key, b"row"))
    assert len(left.wrong()) == 1 and "has a row in windows" in left.wrong()[0]


@pytest.mark.parametrize("field", ["coordinator", "root"])
def test_links_that_name_who_was_erased_are_found(field: str) -> None:
    left = Left()
    said = {"coordinator": "", "root": "", field: WHO}
    rest = {"facts": [], "waiting": [], "carried": [], "forgotten": 1, "repetitions": []}
    row = encode("LinkRow", {"version": 1, "by_facts": 2_000, **said, **rest})
    left.changelogs["links"] = [stored("links", LEFT, row)]
    assert left.wrong() == [f"{WHO} was erased, and the links of {LEFT} name it"]


def test_a_receipt_that_is_missing_or_made_twice_is_found() -> None:
    left = Left()
    left.changelogs["erasures"].append(receipt("done again"))
    assert "there are these receipts" in left.wrong()[0]
    left.changelogs["erasures"].clear()
    assert "there are these receipts" in left.wrong()[0]


def test_an_order_that_was_lost_is_found() -> None:
    left = Left()
    order = told("OrderPlaced", WHO, 9)
    order.fate = PERHAPS
    left.records.append(order)
    assert len(left.wrong()) == 2


def test_what_a_card_had_and_both_carts_have_or_neither_or_the_wrong_one_is_found() -> None:
    left = Left()
    there = stored("carts", "customer:n-s0", cart_row(line("sku0", left.add)))
    left.changelogs["carts"].append(there)
    assert "the cart of customer:n-s0" in left.wrong()[0]
    left.changelogs["carts"].clear()
    assert "the cart of loyalty:n-s0" in left.wrong()[0]
    left.changelogs["carts"].append(there)
    assert len(left.wrong()) == 2


def test_touches_of_a_card_that_stayed_with_the_account_or_are_nowhere_are_found() -> None:
    left = Left()
    there = stored("touches", "customer:n-s0", touch_row(left.add))
    left.changelogs["touches"].append(there)
    assert "touches of customer:n-s0" in left.wrong()[0]
    left.changelogs["touches"].clear()
    assert "touches of loyalty:n-s0" in left.wrong()[0]


def test_an_author_has_people_of_each_kind_and_says_all_of_them_once() -> None:
    author = Author(1, "n", 3)
    said = [author.next("web") for _ in range(50)]
    rest = author.rest()
    kinds = {one.kind for one in (*said, *rest)}
    assert {ERASURE, "LegalHoldChanged", "IdentifierUnlinked", "IdentifiersLinked"} <= kinds
    assert author.rest() == []
