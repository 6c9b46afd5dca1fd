"""Every bound of a cart, at it and above it."""

from __future__ import annotations

from ccstream.domain.cart_state import LineKey
from ccstream.domain.limits import (
    DOTS_MAX,
    LINE_QUANTITY_MAX,
    LINES_MAX,
    SETS_MAX,
    ZERO_LINES_MAX,
)
from tests.support.carts import Desk, add, price, remove, set_to

SHOE = LineKey("shoe")
BLIND = ("nobody's",)


def test_the_line_after_the_thousandth_is_rejected_and_the_cart_goes_on() -> None:
    desk = Desk()
    for number in range(LINES_MAX):
        desk.put(add(f"a{number}", sku=f"sku {number}"))
    full = desk.cart
    for event in (add("x", sku="one more"), set_to("y", 1, sku="one more")):
        assert desk.put(event) is full
        assert desk.rejected is not None and desk.rejected.reason == "cart_full"
    desk.put(add("z", sku="sku 7"))
    assert desk.shows()["sku 7"] == 2


def test_how_many_lines_a_cart_may_have_can_be_less() -> None:
    desk = Desk(lines_max=2)
    desk.put(add("a", sku="1"), add("b", sku="2"), add("c", sku="3"))
    assert desk.rejected is not None and desk.rejected.reason == "cart_full"


def test_a_line_set_to_zero_makes_room_for_another() -> None:
    desk = Desk(lines_max=2)
    desk.put(add("a", sku="1"), add("b", sku="2"))
    desk.put(set_to("s", 0, sku="1", at=1), add("c", sku="3", at=2))
    assert desk.shows() == {"2": 1, "3": 1}
    assert desk.cart is not None and len(desk.cart.lines) == 2


def test_lines_set_to_zero_are_kept_up_to_a_bound_the_longest_unchanged_leaves_first() -> None:
    desk = Desk()
    for number in range(ZERO_LINES_MAX + 2):
        desk.put(set_to(f"s{number}", 0, sku=f"sku {number}", at=number))
    assert desk.cart is not None
    assert [key.sku for key in desk.cart.lines] == [
        f"sku {number}" for number in range(2, ZERO_LINES_MAX + 2)
    ]


def test_above_64_dots_the_oldest_adds_are_one_dot_and_the_sum_stays() -> None:
    desk = Desk()
    for number in range(DOTS_MAX + 10):
        desk.put(add(f"a{number:03}", quantity=2, at=number, unit_price=price(number)))
    assert desk.cart is not None
    line = desk.cart.lines[SHOE]
    assert len(line.dots) == DOTS_MAX
    assert line.quantity == sum(dot.quantity for dot in line.dots) == 2 * (DOTS_MAX + 10)
    oldest = min(line.dots, key=lambda dot: dot.occurred_at)
    assert (oldest.event_id, oldest.quantity, oldest.occurred_at) == ("a010", 22, 10)


def test_which_adds_are_folded_does_not_depend_on_their_order_of_arrival() -> None:
    events = [add(f"a{n:03}", quantity=n + 1, at=n) for n in range(DOTS_MAX + 10)]
    carts = []
    for arrival in (events, events[::-1], events[40:] + events[:40]):
        desk = Desk()
        desk.put(*arrival)
        assert desk.cart is not None
        line = desk.cart.lines[SHOE]
        carts.append({(dot.event_id, dot.quantity, dot.occurred_at) for dot in line.dots})
    assert carts[0] == carts[1] == carts[2]


def test_folded_adds_are_seen_by_whoever_has_seen_the_one_appended_last() -> None:
    desk = Desk()
    desk.put(add("a000", at=0))
    seen = desk.token()
    desk.put(*(add(f"a{number:03}", at=number) for number in range(1, DOTS_MAX + 1)))
    desk.put(remove("r", observed=seen, channel="store"))
    assert desk.shows() == {"shoe": DOTS_MAX + 1}


def test_so_they_are_when_the_one_appended_last_is_the_older() -> None:
    desk = Desk()
    desk.put(*(add(f"a{number:03}", at=number) for number in range(DOTS_MAX)))
    seen = desk.token()
    desk.put(add("older", at=-1, channel="app"))
    before = desk.shows()["shoe"]
    desk.put(remove("r", observed=seen, channel="store"))
    # "older" was folded with a000: who has not seen it must not consume it
    assert desk.shows() == {"shoe": 2} and before == DOTS_MAX + 1
    desk.put(remove("rr", observed=desk.token(), channel="store"))
    assert desk.shows() == {}


def test_folded_adds_answer_to_the_id_of_the_youngest() -> None:
    desk = Desk()
    desk.put(*(add(f"a{number:03}", at=number) for number in range(DOTS_MAX + 1)))
    desk.put(remove("r", dots=("a000",)))
    assert desk.shows() == {"shoe": DOTS_MAX + 1}
    desk.put(remove("rr", dots=("a001",)))
    assert desk.shows() == {"shoe": DOTS_MAX - 1}


def test_of_many_concurrent_set_quantities_the_weakest_leave() -> None:
    desk = Desk()
    for number in range(SETS_MAX + 4):
        desk.put(set_to(f"s{number:02}", number, at=(number * 5) % 12, dots=BLIND))
    assert desk.cart is not None
    line = desk.cart.lines[SHOE]
    assert [dot.occurred_at for dot in line.sets] == list(range(4, 12))
    assert line.quantity == line.sets[-1].quantity


def test_sets_and_adds_share_the_bound_of_dots() -> None:
    desk = Desk()
    for number in range(3):
        desk.put(set_to(f"s{number}", 1, at=number, dots=BLIND))
    for number in range(DOTS_MAX):
        desk.put(add(f"a{number}", at=number))
    assert desk.cart is not None
    line = desk.cart.lines[SHOE]
    assert len(line.dots) + len(line.sets) == DOTS_MAX
    assert line.quantity == DOTS_MAX + 1


def test_more_units_of_a_line_than_any_reader_can_count_are_rejected() -> None:
    desk = Desk()
    cart = desk.put(add("a", quantity=LINE_QUANTITY_MAX))
    assert desk.put(add("b")) is cart
    assert desk.rejected is not None and desk.rejected.reason == "quantity_too_large"
    assert desk.put(set_to("s", 1, dots=BLIND)) is cart
    assert desk.rejected is not None and desk.rejected.reason == "quantity_too_large"
