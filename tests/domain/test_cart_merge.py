"""Carts that meet at a log-in: what is shown, what checkout settles, what can be undone."""

from __future__ import annotations

import pytest

from ccstream.domain.cart_state import NO_CART, Absorbed, Cart, LineKey, MergeMode
from ccstream.domain.events import Event, Money
from ccstream.domain.limits import ABSORBED_MAX, DOTS_MAX, LINES_MAX
from ccstream.domain.merge import absorb, lines_view, rejoin, release, settle
from ccstream.domain.moment import Scope
from ccstream.domain.observed import Observed
from tests.support.carts import MAIL, SCOPE, Desk, add, clear, order, price, remove, set_to

GUEST = "visitor:9f"
SHOE = LineKey("shoe")


def cart_of(*events: Event) -> Cart:
    desk = Desk()
    return desk.put(*events) or NO_CART


def log_in(mode: MergeMode = "join", at: int = 50, marker_id: str = "log-in") -> Absorbed:
    return Absorbed(marker_id, at, GUEST, mode)


def shown(cart: Cart | None) -> dict[str, int]:
    return {line.key.sku: line.quantity for line in lines_view(cart or NO_CART)}


def met(desk: Desk, guest: Cart, marker: Absorbed) -> Desk:
    """The hand-over is folded now, from the mail."""
    desk.heads[MAIL] += 1
    desk.folded[MAIL] = desk.heads[MAIL]
    desk.cart = absorb(
        desk.cart or NO_CART, guest, marker, (SCOPE.partition, MAIL, desk.folded[MAIL])
    )
    return desk


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("join", {"shoe": 5, "hat": 1, "sock": 4}),
        ("sum", {"shoe": 5, "hat": 1, "sock": 4}),
        ("max", {"shoe": 3, "hat": 1, "sock": 4}),
        ("keep_saved", {"shoe": 2, "hat": 1}),
        ("keep_guest", {"shoe": 3, "sock": 4}),
    ],
)
def test_what_each_mode_shows(mode: MergeMode, expected: dict[str, int]) -> None:
    desk = Desk()
    desk.put(add("a", quantity=2), add("b", sku="hat"))
    met(desk, cart_of(add("c", quantity=3), add("d", sku="sock", quantity=4)), log_in(mode))
    assert desk.shows() == expected


@pytest.mark.parametrize(("mode", "quantity"), [("join", 3), ("sum", 5), ("max", 3)])
def test_set_quantities_of_both_carts(mode: MergeMode, quantity: int) -> None:
    desk = Desk()
    desk.put(set_to("a", 2, at=1))
    met(desk, cart_of(set_to("b", 3, at=2)), log_in(mode))
    assert desk.shows() == {"shoe": quantity}


@pytest.mark.parametrize("mode", ["keep_saved", "keep_guest"])
def test_the_cart_to_keep_may_be_empty_then_the_other_is_shown(mode: MergeMode) -> None:
    guest_only = absorb(NO_CART, cart_of(add("a")), log_in(mode), (3, MAIL, 0))
    saved_only = absorb(cart_of(add("a")), NO_CART, log_in(mode), (3, MAIL, 0))
    assert shown(guest_only) == shown(saved_only) == {"shoe": 1}


@pytest.mark.parametrize("mode", ["join", "sum", "max", "keep_saved", "keep_guest"])
def test_what_is_put_in_after_the_log_in_simply_counts(mode: MergeMode) -> None:
    desk = Desk()
    met(desk, cart_of(add("a")), log_in(mode, at=50))
    desk.put(add("b", sku="hat", at=60), add("c", sku="sock", at=61, subject=GUEST))
    assert desk.shows() == {"shoe": 1, "hat": 1, "sock": 1}


def test_an_event_of_the_guest_s_from_before_the_log_in_is_the_guest_s_when_it_comes_late() -> None:
    desk = Desk()
    desk.put(add("a", at=1))
    met(desk, NO_CART, log_in("keep_saved", at=50))
    desk.put(add("late", sku="hat", at=40, subject=GUEST))
    assert desk.shows() == {"shoe": 1}
    assert desk.delta is not None and desk.delta.upserted == ()


def test_a_later_set_quantity_is_in_force_whatever_the_two_carts_said() -> None:
    desk = Desk()
    desk.put(add("a", quantity=2))
    met(desk, cart_of(add("b", quantity=3)), log_in("max"))
    desk.put(set_to("s", 1, at=60, observed=desk.token()))
    assert desk.shows() == {"shoe": 1}


def test_a_line_shown_as_it_is_kept_is_the_same_object() -> None:
    desk = Desk()
    desk.put(add("a", quantity=2), add("b", sku="hat"))
    met(desk, cart_of(add("c", quantity=3)), log_in("max"))
    assert desk.cart is not None
    view = {line.key.sku: line for line in lines_view(desk.cart)}
    assert view["hat"] is desk.cart.lines[LineKey("hat")]
    assert view["shoe"].quantity == 3 and desk.cart.lines[SHOE].quantity == 5


class TestWhoHasSeenADot:
    """A dot keeps its birth position and a mark for each hand-over; any of them covers it."""

    def handed_over(self) -> Desk:
        guest = Desk()
        guest.put(add("a"))  # born in partition 3 too, in the web topic at offset 0
        desk = Desk()
        desk.put(add("own", channel="app"))
        return met(desk, guest.cart or NO_CART, log_in())

    def test_who_saw_the_cart_after_the_hand_over(self) -> None:
        desk = self.handed_over()
        token = Observed.encode(SCOPE, [-1] * MAIL + [0])
        desk.put(clear("x", observed=token))
        assert desk.shows() == {"shoe": 1}
        assert desk.cart is not None
        assert [dot.event_id for dot in desk.cart.lines[SHOE].dots] == ["own"]

    def test_who_saw_the_guest_s_cart_before(self) -> None:
        desk = self.handed_over()
        desk.put(clear("x", observed=Observed.encode(SCOPE, [0]), subject=GUEST))
        assert desk.cart is not None
        assert [dot.event_id for dot in desk.cart.lines[SHOE].dots] == ["own"]

    def test_who_saw_neither(self) -> None:
        desk = self.handed_over()
        elsewhere = Scope(SCOPE.state_id, 4, SCOPE.partitions)
        desk.put(clear("x", observed=Observed.encode(elsewhere, [99] * 11)))
        assert desk.shows() == {"shoe": 2}

    def test_a_removal_that_was_folded_before_the_hand_over_it_had_seen(self) -> None:
        desk = Desk()
        guest = cart_of(add("a"))
        desk.clock += 10_000
        desk.put(clear("x", observed=Observed.encode(SCOPE, [-1] * MAIL + [0])))
        met(desk, guest, log_in())
        assert desk.shows() == {}


class TestUntilCheckout:
    def test_checkout_settles_what_was_hidden_does_not_come_up_in_the_next_cart(self) -> None:
        desk = Desk()
        desk.put(add("a"), add("b", sku="hat", quantity=2))
        met(desk, cart_of(add("c", sku="hat"), add("d", sku="sock")), log_in("keep_saved"))
        desk.put(order("o", "shoe", at=99, observed=desk.token()))
        assert desk.shows() == {"hat": 2}
        assert desk.cart is not None and desk.cart.absorbed == ()
        assert desk.cart.number == 2
        assert desk.delta is not None and desk.delta.removed == (SHOE,)

    @pytest.mark.parametrize("mode", ["join", "sum", "max", "keep_saved", "keep_guest"])
    def test_a_settled_cart_shows_what_it_showed(self, mode: MergeMode) -> None:
        desk = Desk()
        desk.put(add("a"), set_to("s", 4, at=1, dots=("a",)), add("b", sku="hat"))
        met(desk, cart_of(set_to("c", 2, at=2), add("d", sku="sock")), log_in(mode))
        assert desk.cart is not None
        settled = settle(desk.cart)
        assert shown(settled) == desk.shows()
        assert settled.absorbed == ()

    def test_one_merge_more_than_a_cart_keeps_open_settles_it(self) -> None:
        cart = NO_CART
        for number in range(ABSORBED_MAX + 1):
            guest = cart_of(add(f"a{number}"))
            marker = Absorbed(f"m{number}", 50 + number, f"visitor:{number}", "sum")
            cart = absorb(cart, guest, marker, (3, MAIL, number))
            assert len(cart.absorbed) == (number + 1) % (ABSORBED_MAX + 1)
        assert shown(cart) == {"shoe": ABSORBED_MAX + 1}


class TestBounds:
    def test_a_guest_s_lines_above_the_limit_are_left_behind(self) -> None:
        desk = Desk()
        desk.put(*(add(f"a{n}", sku=f"own {n}") for n in range(LINES_MAX - 1)))
        guest = cart_of(add("y", sku="y"), add("x", sku="x"), add("own", sku="own 7"))
        met(desk, guest, log_in())
        assert len(desk.shows()) == LINES_MAX
        assert desk.shows()["x"] == 1 and desk.shows()["own 7"] == 2

    def test_a_guest_s_prices_in_another_currency_are_dropped_the_lines_stay(self) -> None:
        desk = Desk()
        desk.put(add("a", unit_price=price(1)))
        met(desk, cart_of(add("b", sku="hat", unit_price=price(1, "USD"))), log_in())
        assert desk.shows() == {"shoe": 1, "hat": 1}
        assert desk.cart is not None
        assert desk.cart.currency == "EUR"
        assert desk.cart.lines[LineKey("hat")].unit_price is None

    def test_an_empty_cart_takes_the_guest_s_currency(self) -> None:
        cart = absorb(
            NO_CART, cart_of(add("a", unit_price=price(1, "USD"))), log_in(), (3, MAIL, 0)
        )
        assert cart.currency == "USD" and cart.lines[SHOE].unit_price == Money(1, "USD")


class TestParting:
    def test_what_was_put_in_since_goes_with_the_subject_it_was_put_in_under(self) -> None:
        desk = Desk()
        desk.put(add("a", unit_price=price(1)))
        met(desk, cart_of(add("b", sku="hat", unit_price=price(2))), log_in("keep_saved"))
        desk.put(add("c", at=60), add("d", sku="hat", at=61, subject=GUEST))
        assert desk.cart is not None
        kept, released = release(desk.cart, GUEST)
        assert shown(kept) == {"shoe": 2} and kept.absorbed == ()
        assert released is not None and shown(released) == {"hat": 2}
        assert released.currency == "EUR"

    def test_a_guest_s_own_guest_is_parted_by_itself(self) -> None:
        inner = Absorbed("inner", 20, "visitor:2", "keep_saved")
        guest = absorb(
            cart_of(add("b", sku="hat")), cart_of(add("c", sku="sock")), inner, (5, 2, 0)
        )
        desk = Desk()
        desk.put(add("a"))
        met(desk, guest, log_in())
        assert desk.cart is not None
        rest, released = release(desk.cart, GUEST)
        assert shown(released) == {"hat": 1}
        assert shown(rest) == {"shoe": 1}, "now it is hidden by the cart that it is a guest of"
        rest, released = release(rest, "visitor:2")
        assert shown(released) == {"sock": 1} and shown(rest) == {"shoe": 1}
        assert rest.absorbed == ()

    @pytest.mark.parametrize("own", [1, 40])
    def test_adds_that_were_folded_into_one_were_of_one_cart(self, own: int) -> None:
        desk = Desk()
        desk.put(*(add(f"a{n:02}", at=2 * n) for n in range(own)))
        met(desk, cart_of(*(add(f"b{n:02}", at=2 * n + 1) for n in range(64))), log_in(at=999))
        assert desk.cart is not None and len(desk.cart.lines[SHOE].dots) == DOTS_MAX
        kept, released = release(desk.cart, GUEST)
        assert shown(kept) == {"shoe": own} and shown(released) == {"shoe": 64}

    def test_who_brought_nothing_takes_nothing_along(self) -> None:
        cart = cart_of(add("a"))
        kept, released = release(cart, "nobody's")
        assert kept is cart and released is None

    def test_what_a_guest_brought_twice_goes_at_once(self) -> None:
        desk = Desk()
        met(desk, cart_of(add("a")), log_in(at=50, marker_id="first"))
        met(desk, cart_of(add("b", at=55)), log_in(at=60, marker_id="second"))
        assert desk.cart is not None
        kept, released = release(desk.cart, GUEST)
        assert shown(kept) == {} and shown(released) == {"shoe": 2}
        assert kept.absorbed == ()

    @pytest.mark.parametrize("mode", ["join", "sum", "max", "keep_saved", "keep_guest"])
    def test_what_is_left_after_a_checkout_goes_as_well(self, mode: MergeMode) -> None:
        desk = Desk()
        desk.put(add("a"))
        met(desk, cart_of(add("b", sku="hat"), add("c", sku="sock")), log_in(mode))
        desk.put(add("d", sku="sock", at=60, subject=GUEST), add("e", sku="pot", at=61))
        desk.put(order("o", "shoe", "hat", at=99, observed=desk.token()))
        assert desk.cart is not None
        kept, released = release(desk.cart, GUEST)
        assert shown(kept) == {"pot": 1} and shown(released) == {"sock": 2}

    @pytest.mark.parametrize("mode", ["join", "sum", "max", "keep_saved", "keep_guest"])
    def test_what_a_settled_cart_holds_of_others_counts_as_its_own_when_it_is_absorbed(
        self, mode: MergeMode
    ) -> None:
        guest = settle(
            absorb(NO_CART, cart_of(add("b")), Absorbed("i", 20, "loyalty:1"), (5, 2, 0))
        )
        plain = absorb(cart_of(add("a")), cart_of(add("b")), log_in(mode), (3, MAIL, 0))
        met_ = absorb(cart_of(add("a")), guest, log_in(mode), (3, MAIL, 0))
        assert shown(met_) == shown(plain)
        _, released = release(met_, "loyalty:1")
        assert shown(released) == {"shoe": 1}

    def test_what_was_put_in_by_a_key_that_was_never_absorbed_is_the_cart_s_and_goes(self) -> None:
        desk = Desk()
        desk.put(add("a", quantity=2))
        desk.put(add("b", at=40, subject="loyalty:1"), came_by="loyalty:1")
        met(desk, cart_of(add("c", sku="hat")), log_in("keep_saved", at=50))
        assert desk.shows() == {"shoe": 3}
        assert desk.cart is not None
        kept, released = release(desk.cart, "loyalty:1")
        assert shown(kept) == {"shoe": 2} and shown(released) == {"shoe": 1}

    def test_what_comes_back_joins_what_is_there_and_can_leave_again(self) -> None:
        part = cart_of(add("b", quantity=2))
        cart = rejoin(cart_of(add("a")), part, GUEST, (4, MAIL, 7))
        assert shown(cart) == {"shoe": 3}
        assert rejoin(cart, part, GUEST, (4, MAIL, 7)).lines == cart.lines
        kept, released = release(cart, GUEST)
        assert shown(kept) == {"shoe": 1} and shown(released) == {"shoe": 2}
        token = Observed.encode(Scope(SCOPE.state_id, 4, SCOPE.partitions), [-1] * MAIL + [7])
        desk = Desk()
        desk.cart = released
        desk.put(clear("x", observed=token))
        assert desk.shows() == {}, "who saw it there has seen it"

    def test_more_origins_than_a_line_has_room_for_fold_into_one_all_the_same(self) -> None:
        desk = Desk()
        for number in range(DOTS_MAX + 6):
            desk.put(add(f"a{number}", at=number), came_by=f"loyalty:{number}")
        assert desk.shows() == {"shoe": DOTS_MAX + 6}

    def test_a_removed_item_is_removed_in_both(self) -> None:
        desk = Desk()
        desk.put(add("a"))
        met(desk, cart_of(add("b")), log_in("max"))
        desk.put(remove("r", at=99, observed=desk.token()))
        assert desk.cart is not None
        kept, released = release(desk.cart, GUEST)
        assert shown(kept) == shown(released) == {}
