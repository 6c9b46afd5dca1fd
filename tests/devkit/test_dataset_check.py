"""What the play reads from the sync topics, and how it is compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("polars", reason="the dataset group is not installed")

from ccstream.devkit.completejourney_truth import BasketTruth, HouseholdTruth, Truth
from ccstream.devkit.dataset_check import compare, complete
from ccstream.devkit.dataset_facts import CARTS, ORDERS, TOUCHES, Facts, cause_of
from ccstream.wire.codec import Codec
from ccstream.wire.schemas import default_schemas

pytestmark = pytest.mark.timeout(10)

SUBJECT = "customer:7"
TRUTH = Truth(
    baskets={
        "100": BasketTruth(
            subject=SUBJECT,
            last_item_id="100-0002",
            units=3,
            item_cents=500,
            order_lines=1,
            order_cents=500,
        )
    },
    households={
        SUBJECT: HouseholdTruth(
            units=3,
            item_cents=500,
            orders=1,
            order_cents=500,
            last_event_id="100-0003",
            last_at=1_000,
        )
    },
)


def cause(event_id: str, outcome: str = "applied") -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": "ccstream.cart.v1.CartItemAdded",
        "channel": "store",
        "source": "till:330",
        "occurred_at": 1_000,
        "appended_at": 2_000,
        "outcome": outcome,
    }


def cart(
    event_id: str, *lines: tuple[int, int], outcome: str = "applied", subject: str = SUBJECT
) -> bytes:
    record = {
        "subject": subject,
        "version": (7 << 32) + 1,
        "base_version": 7 << 32,
        "cart_number": 3,
        "cause": cause(event_id, outcome),
        "currency": "USD",
        "lines": [
            {
                "sku": f"sku-{index}",
                "options_hash": "",
                "fulfilment": "",
                "store": "",
                "quantity": quantity,
                "unit_price": {"amount_minor": price, "currency": "USD"},
                "name": None,
                "added_at": 1_000,
                "changed_at": 1_000,
                "channel": "store",
            }
            for index, (quantity, price) in enumerate(lines)
        ],
        "upserted": [],
        "removed": [],
        "conflicts": [],
        "closed_order": None,
        "observed": b"",
    }
    return Codec().encode("CartSynced", record)


def order(total: int, line: int) -> bytes:
    record = {
        "subject": SUBJECT,
        "version": 1,
        "base_version": 0,
        "cause": cause("100-0003"),
        "order_id": "100",
        "event_id": "100-0003",
        "placed_at": 1_000,
        "channel": "store",
        "source": "till:330",
        "lines": [
            {
                "sku": "1",
                "options_hash": "",
                "fulfilment": "",
                "store": "",
                "quantity": 3,
                "amount": {"amount_minor": line, "currency": "USD"},
            }
        ],
        "total": {"amount_minor": total, "currency": "USD"},
        "campaign": None,
    }
    return Codec().encode("OrderSynced", record)


def touch(event_id: str) -> bytes:
    last = {
        "event_id": event_id,
        "kind": "OrderPlaced",
        "channel": "store",
        "source": "till:330",
        "occurred_at": 1_000,
        "detail": "",
        "campaign": None,
    }
    record = {
        "subject": SUBJECT,
        "version": 1,
        "base_version": 0,
        "cause": cause(event_id),
        "first": last,
        "last": last,
        "by_channel": [last],
    }
    return Codec().encode("LastTouchSynced", record)


@pytest.fixture
def facts() -> Facts:
    facts = Facts(frozenset({"100-0002"}))
    facts.take(CARTS, SUBJECT.encode(), cart("100-0001", (1, 166)))
    facts.take(CARTS, SUBJECT.encode(), cart("100-0002", (1, 166), (2, 167)))
    facts.take(CARTS, SUBJECT.encode(), cart("100-0003"))
    facts.take(ORDERS, f"{SUBJECT}#100".encode(), order(500, 500))
    facts.take(TOUCHES, SUBJECT.encode(), touch("100-0002"))
    facts.take(TOUCHES, SUBJECT.encode(), touch("100-0003"))
    return facts


def test_figures_that_agree_are_equal_and_counted(facts: Facts) -> None:
    found = compare(TRUTH, facts)
    assert found.equal
    assert found.compared == {"baskets": 1, "orders": 1, "households": 1, "last_touches": 1}
    assert complete(TRUTH, facts)
    assert facts.answered == 3


def test_only_the_snapshot_of_the_last_item_is_the_basket_before_check_out(facts: Facts) -> None:
    facts.take(CARTS, SUBJECT.encode(), cart("100-0001", (99, 1)))
    assert compare(TRUTH, facts).equal


def test_a_wrong_basket_is_named_with_what_was_expected_and_found(facts: Facts) -> None:
    facts.take(CARTS, SUBJECT.encode(), cart("100-0002", (3, 167)))
    basket, household = compare(TRUTH, facts).differences
    assert "basket 100 before check-out" in str(basket)
    assert "500" in str(basket.expected) and "501" in str(basket.found)
    assert SUBJECT in household.where


@pytest.mark.parametrize(("total", "line"), [(501, 500), (500, 501)])
def test_a_cent_too_many_in_an_order_or_its_lines_is_a_difference(
    facts: Facts, total: int, line: int
) -> None:
    facts.take(ORDERS, f"{SUBJECT}#100".encode(), order(total, line))
    assert any("order 100" in one.where for one in compare(TRUTH, facts).differences)


def test_a_last_touch_that_is_not_the_last_event_is_a_difference(facts: Facts) -> None:
    facts.take(TOUCHES, SUBJECT.encode(), touch("100-0002"))
    assert not complete(TRUTH, facts)
    (found,) = compare(TRUTH, facts).differences
    assert found.where.startswith(f"last touch of {SUBJECT}")


def test_an_order_that_the_data_set_does_not_have_is_a_difference(facts: Facts) -> None:
    other = Truth({}, {SUBJECT: replace(TRUTH.households[SUBJECT])})
    assert "order 100" in {one.where for one in compare(other, facts).differences}


def test_what_never_came_is_a_difference_and_not_complete() -> None:
    nothing = Facts(frozenset({"100-0002"}))
    assert not complete(TRUTH, nothing)
    assert len(compare(TRUTH, nothing).differences) == 4


def test_a_basket_that_was_not_applied_counts_by_its_outcome_and_not_as_seen() -> None:
    facts = Facts(frozenset({"100-0002"}))
    facts.take(CARTS, SUBJECT.encode(), cart("100-0002", (3, 100), outcome="too_late"))
    assert facts.not_applied == {"too_late": 1}
    assert not facts.baskets


def test_a_tombstone_is_an_answer_without_a_basket() -> None:
    facts = Facts(frozenset({"100-0002"}))
    facts.take(CARTS, SUBJECT.encode(), None)
    assert facts.answered == 1
    assert not facts.baskets


@pytest.mark.parametrize("subject", ["c:1", "customer:" + "x" * 200])
@pytest.mark.parametrize("event_id", ["e", "e" * 200])
def test_the_cause_is_found_without_decoding_the_rest(subject: str, event_id: str) -> None:
    value = cart(event_id, (1, 1), subject=subject)
    assert cause_of(value) == event_id
    info = default_schemas().schema("CartSynced")
    assert value[2:10] == info.fingerprint
    assert cause_of(b"\x00\x00\x00\x00\x07" + value[10:]) == event_id


def test_what_makes_a_segment_end_answers_no_event() -> None:
    facts = Facts(frozenset())
    facts.take(CARTS, b"heartbeat:roll-0", None)
    assert facts.answered == 0
    facts.take(CARTS, b"customer:1", None)
    assert facts.answered == 1
