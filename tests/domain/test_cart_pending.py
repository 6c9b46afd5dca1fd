"""What an author had seen and a crash put off: removals that wait for their adds."""

from __future__ import annotations

from ccstream.domain.cart_state import LineKey
from ccstream.domain.events import Money
from ccstream.domain.limits import PENDING_AGE_MS_MAX, PENDING_MAX, PENDING_NAMES_MAX
from ccstream.domain.moment import Scope
from ccstream.domain.observed import Observed
from tests.support.carts import SCOPE, Desk, add, clear, order, price, remove, set_to


def test_an_add_that_was_seen_and_removed_does_not_come_back_after_a_crash() -> None:
    desk = Desk()
    lost = desk.append(add("a", channel="web"))
    removal = desk.append(
        remove("r", channel="app", observed=Observed.encode(SCOPE, [0] + [-1] * 10))
    )
    desk.fold(removal)
    assert desk.cart is not None and len(desk.cart.pending) == 1
    desk.fold(lost)
    assert desk.shows() == {}
    desk.put(add("next"))
    assert desk.shows() == {"shoe": 1}
    assert desk.cart.pending == ()


def test_a_pending_removal_goes_once_all_that_its_token_covers_is_folded() -> None:
    desk = Desk()
    first = desk.append(add("a"))
    other = desk.append(add("b", sku="hat"))
    desk.fold(desk.append(remove("r", channel="app", observed=Observed.encode(SCOPE, [1]))))
    desk.fold(first)
    assert desk.cart is None or len(desk.cart.pending) == 1
    desk.fold(other)
    assert desk.cart is not None and desk.cart.pending == ()
    assert desk.shows() == {"hat": 1}


def test_a_forged_token_cannot_reach_into_the_future() -> None:
    desk = Desk()
    forged = Observed.encode(SCOPE, [2**62] * 11)
    desk.put(add("a"))
    desk.put(clear("x", channel="app", observed=forged))
    assert desk.shows() == {}
    desk.put(add("b"), add("c", channel="store"))
    assert desk.shows() == {"shoe": 2}


def test_a_name_that_is_met_is_not_waited_for_any_longer() -> None:
    desk = Desk()
    a, b = desk.append(add("a")), desk.append(add("b", quantity=2))
    desk.fold(desk.append(remove("r", channel="app", dots=("a", "b"))))
    desk.fold(b)
    assert desk.cart is not None and desk.cart.pending[0].dots == ("a",)
    desk.fold(a)
    assert desk.cart.pending == () and desk.shows() == {}


def test_a_name_that_is_known_is_not_waited_for_nor_is_the_event_s_own() -> None:
    desk = Desk()
    desk.put(add("a"), set_to("s", 2, dots=("a", "s")), remove("r", dots=("s",)))
    assert desk.cart is not None and desk.cart.pending == () and desk.shows() == {}


def test_a_name_does_not_reach_an_add_appended_after_it_or_of_another_line() -> None:
    desk = Desk()
    hat = desk.append(add("b", sku="hat"))
    desk.put(remove("r", dots=("a", "b")))
    desk.fold(hat)
    desk.put(add("a"))
    assert desk.shows() == {"hat": 1, "shoe": 1}


def test_a_checkout_folded_before_its_adds_closes_the_cart_when_they_come() -> None:
    desk = Desk()
    a, b = desk.append(add("a")), desk.append(add("b", sku="hat"))
    desk.fold(desk.append(order("o", "shoe", "hat", channel="store", dots=("a", "b"))))
    assert desk.cart is not None and desk.cart.number == 1
    desk.fold(a)
    assert desk.cart.number == 2
    assert desk.delta is not None and desk.delta.closed_order == "order of o"
    desk.fold(b)
    assert desk.cart.number == 2 and desk.shows() == {}
    assert desk.delta is not None and desk.delta.closed_order is None


def test_a_checkout_that_closed_something_at_once_does_not_close_again_later() -> None:
    desk = Desk()
    desk.put(add("a"))
    late = desk.append(add("b", sku="hat"))
    desk.fold(desk.append(order("o", "shoe", "hat", channel="store", dots=("a", "b"))))
    assert desk.cart is not None and desk.cart.number == 2
    desk.fold(late)
    assert desk.cart.number == 2 and desk.shows() == {}


def test_a_set_quantity_folded_before_what_it_replaces_takes_over_its_price() -> None:
    desk = Desk()
    lost = desk.append(add("a", unit_price=price(100), name="Shoe", quantity=2))
    desk.fold(desk.append(set_to("s", 1, channel="app", at=1, dots=("a",))))
    desk.fold(lost)
    assert desk.shows() == {"shoe": 1} and desk.cart is not None
    line = desk.cart.lines[LineKey("shoe")]
    assert (line.unit_price, line.name) == (Money(100, "EUR"), "Shoe")
    assert desk.cart.currency == "EUR"


def test_a_removed_set_quantity_still_replaces_what_its_author_had_seen() -> None:
    desk = Desk()
    desk.put(add("a", quantity=5), add("b", quantity=2))
    late = desk.append(set_to("s", 1, dots=("a",)))
    desk.fold(desk.append(remove("r", channel="app", dots=("s",))))
    desk.fold(late)
    assert desk.shows() == {"shoe": 2}


def test_a_duplicate_of_a_removal_does_not_widen_it() -> None:
    desk = Desk()
    desk.put(remove("r", dots=("a",)))
    before = desk.cart
    assert before is not None
    late = desk.append(add("a"))
    desk.put(remove("r", channel="app", dots=("a",)))
    assert desk.cart is before
    desk.fold(late)
    assert desk.shows() == {"shoe": 1}


def test_what_waits_is_bounded_and_the_oldest_leaves_first() -> None:
    desk = Desk()
    for number in range(PENDING_MAX + 3):
        desk.put(remove(f"r{number}", dots=("nobody's",)))
    assert desk.cart is not None and len(desk.cart.pending) == PENDING_MAX
    assert desk.cart.pending[0].event_id == "r3"


def test_the_names_one_removal_waits_for_are_bounded_the_first_stay() -> None:
    desk = Desk()
    names = tuple(f"dot {number}" for number in range(2 * PENDING_NAMES_MAX))
    desk.put(clear("x", dots=names))
    assert desk.cart is not None
    assert desk.cart.pending[0].dots == names[:PENDING_NAMES_MAX]


def test_what_has_waited_as_long_as_topics_keep_records_is_given_up() -> None:
    desk = Desk()
    desk.put(remove("r", dots=("a",)))
    desk.clock += PENDING_AGE_MS_MAX - 1_000
    desk.put(add("b"))
    assert desk.cart is not None and len(desk.cart.pending) == 1
    desk.put(add("c"))
    assert desk.cart.pending == ()


def test_a_token_of_another_partition_waits_for_what_comes_from_there() -> None:
    desk = Desk()
    elsewhere = Scope(SCOPE.state_id, 5, SCOPE.partitions)
    desk.put(clear("x", observed=Observed.encode(elsewhere, [7])))
    assert desk.cart is not None and len(desk.cart.pending) == 1
