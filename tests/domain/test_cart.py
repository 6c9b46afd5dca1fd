"""What a cart does, event by event."""

from __future__ import annotations

import pytest

from ccstream.domain.cart import step
from ccstream.domain.cart_state import CartDelta, LineKey
from ccstream.domain.events import ChannelVisited, Money
from ccstream.domain.moment import Moment
from ccstream.domain.observed import Observed
from tests.support.carts import SCOPE, Desk, add, clear, order, price, remove, set_to

SHOE, HAT = LineKey("shoe"), LineKey("hat")


def test_adds_of_one_line_count_together_whichever_channel_they_come_from() -> None:
    desk = Desk()
    desk.put(add("a", quantity=2), add("b", quantity=3, channel="app", at=1))
    assert desk.shows() == {"shoe": 5}


def test_items_differ_by_options_fulfilment_and_store() -> None:
    desk = Desk()
    desk.put(
        add("a"), add("b", options_hash="red"), add("c", fulfilment="collect"),
        add("d", fulfilment="collect", store="lyon"),
    )  # fmt: skip
    assert desk.cart is not None
    assert list(desk.cart.lines) == [
        LineKey("shoe"),
        LineKey("shoe", "red"),
        LineKey("shoe", "", "collect"),
        LineKey("shoe", "", "collect", "lyon"),
    ]


def test_the_delta_has_the_whole_line_that_changed_and_no_other() -> None:
    desk = Desk()
    desk.put(add("a"), add("b", sku="hat"))
    assert desk.cart is not None and desk.delta == CartDelta(upserted=(desk.cart.lines[HAT],))


def test_a_line_that_a_step_leaves_alone_is_the_same_object() -> None:
    desk = Desk()
    desk.put(add("a"), add("b", sku="hat"))
    assert desk.cart is not None
    hat = desk.cart.lines[HAT]
    for event in (add("c"), set_to("d", 4, at=1), remove("e", at=2)):
        desk.put(event)
        assert desk.cart.lines[HAT] is hat


@pytest.mark.parametrize(
    "event", [remove("x"), clear("x"), order("x", "shoe"), ChannelVisited(
        event_id="x", occurred_at=0, channel="web", source="s", subject="customer:1")]
)  # fmt: skip
def test_what_has_no_effect_makes_no_row(event: object) -> None:
    at = Moment(1, 0, 0, SCOPE, (-1,))
    assert step(None, event, at) == (None, ())  # type: ignore[arg-type]


def test_a_duplicate_of_a_live_add_or_set_changes_nothing() -> None:
    desk = Desk()
    cart = desk.put(add("a"), set_to("b", 3, at=1, dots=("nobody's",)))
    assert desk.put(add("a"), set_to("b", 3, at=1, dots=("nobody's",))) is cart


def test_price_name_and_channel_are_those_of_the_latest_event_that_has_them() -> None:
    desk = Desk()
    desk.put(
        add("b", at=5, unit_price=price(500), name="Shoe"),
        add("a", at=3, unit_price=price(300), name="Old", channel="app"),
        add("c", at=9, channel="store"),
    )
    assert desk.cart is not None
    line = desk.cart.lines[SHOE]
    assert (line.unit_price, line.name, line.channel) == (Money(500, "EUR"), "Shoe", "store")
    assert (line.added_at, line.changed_at) == (3, 9)


def test_of_events_of_one_millisecond_the_larger_id_is_the_latest() -> None:
    desk = Desk()
    desk.put(add("b", unit_price=price(2)), add("a", unit_price=price(1), channel="app"))
    assert desk.cart is not None
    assert desk.cart.lines[SHOE].unit_price == Money(2, "EUR")
    assert desk.cart.lines[SHOE].channel == "web"


class TestRemoving:
    def test_an_offline_add_at_a_till_survives_a_concurrent_remove_on_the_web(self) -> None:
        desk = Desk()
        desk.put(add("web"))
        seen = desk.token()
        desk.put(add("till", quantity=2, channel="store"))
        desk.put(remove("r", at=99, observed=seen))
        assert desk.shows() == {"shoe": 2}
        assert desk.delta is not None and [x.quantity for x in desk.delta.upserted] == [2]

    def test_a_removed_line_is_named_in_the_delta(self) -> None:
        desk = Desk()
        desk.put(add("a"))
        desk.put(remove("r", observed=desk.token()))
        assert desk.delta == CartDelta(removed=(SHOE,))
        assert desk.shows() == {}

    def test_a_remove_consumes_the_dots_it_names_and_no_others(self) -> None:
        desk = Desk()
        desk.put(add("a", quantity=1), add("b", quantity=2), add("c", quantity=4))
        desk.put(remove("r", dots=("a", "c")))
        assert desk.shows() == {"shoe": 2}

    def test_names_and_token_together_are_both_seen(self) -> None:
        desk = Desk()
        desk.put(add("a", quantity=1))
        seen = desk.token()
        desk.put(add("b", quantity=2), add("c", quantity=4))
        desk.put(remove("r", dots=("c",), observed=seen))
        assert desk.shows() == {"shoe": 2}

    def test_a_clear_consumes_all_lines_as_far_as_seen(self) -> None:
        desk = Desk()
        desk.put(add("a"), add("b", sku="hat"))
        seen = desk.token()
        desk.put(add("c", sku="hat", quantity=5), add("d", sku="sock"))
        desk.put(clear("x", observed=seen))
        assert desk.shows() == {"hat": 5, "sock": 1}

    def test_an_author_that_says_nothing_consumes_what_is_known_and_earlier(self) -> None:
        desk = Desk()
        desk.put(add("a", at=1, quantity=1), add("b", at=3, quantity=2), add("c", at=2, quantity=4))
        desk.put(remove("bb", at=2))
        assert desk.shows() == {"shoe": 6}  # of two at the same time, the smaller id is earlier
        desk.put(remove("d", at=2))
        assert desk.shows() == {"shoe": 2}

    @pytest.mark.parametrize(
        "token",
        [
            b"",
            b"\x01",
            b"garbage of any length",
            Observed.encode(SCOPE, [9] * 11)[:-1],
            b"\x02" + Observed.encode(SCOPE, [9] * 11)[1:],
            b"\x01another!" + Observed.encode(SCOPE, [9] * 11)[9:],
            Observed.encode(SCOPE, [9] * 11)[:9] + b"\x00\x09" + b"\x00\x03" + b"\x7f" * 88,
        ],
    )
    def test_a_token_that_is_not_of_this_state_counts_as_not_sent(self, token: bytes) -> None:
        desk = Desk()
        desk.put(add("a", at=1, quantity=1), add("b", at=3, quantity=2))
        desk.put(remove("r", at=2, observed=token))
        assert desk.shows() == {"shoe": 2}

    def test_a_token_of_another_partition_says_nothing_of_this_one(self) -> None:
        desk = Desk()
        desk.put(add("a"))
        elsewhere = type(SCOPE)(SCOPE.state_id, 4, SCOPE.partitions)
        desk.put(remove("r", at=9, observed=Observed.encode(elsewhere, [99] * 11)))
        assert desk.shows() == {"shoe": 1}

    def test_a_token_that_has_seen_nothing_consumes_nothing(self) -> None:
        desk = Desk()
        nothing = desk.token()
        cart = desk.put(add("a"))
        assert desk.put(clear("x", at=9, observed=nothing)) is cart


class TestSettingAQuantity:
    def test_it_replaces_what_its_author_had_seen(self) -> None:
        desk = Desk()
        desk.put(add("a", quantity=2, unit_price=price(100), name="Shoe"))
        desk.put(set_to("s", 1, at=1, channel="app", observed=desk.token()))
        assert desk.shows() == {"shoe": 1}
        assert desk.delta is not None and desk.delta.conflicts == ()

    def test_it_keeps_price_and_name_unless_it_states_them(self) -> None:
        desk = Desk()
        desk.put(
            add("a", at=1, unit_price=price(100), name="Shoe"), add("b", at=2, name="The shoe")
        )
        desk.put(set_to("s", 1, at=3, observed=desk.token()))
        assert desk.cart is not None
        assert desk.cart.lines[SHOE].unit_price == Money(100, "EUR")
        assert desk.cart.lines[SHOE].name == "The shoe"
        desk.put(set_to("t", 1, at=4, observed=desk.token(), unit_price=price(90)))
        assert desk.cart.lines[SHOE].unit_price == Money(90, "EUR")
        assert desk.cart.lines[SHOE].name == "The shoe"

    def test_a_concurrent_add_counts_beside_it(self) -> None:
        desk = Desk()
        desk.put(add("a", quantity=2))
        seen = desk.token()
        desk.put(add("till", channel="store"))
        desk.put(set_to("s", 1, at=1, channel="app", observed=seen))
        assert desk.shows() == {"shoe": 2}

    @pytest.mark.parametrize("order_of_arrival", [("early", "late"), ("late", "early")])
    def test_of_two_concurrent_ones_the_later_wins_and_the_conflict_is_listed(
        self, order_of_arrival: tuple[str, str]
    ) -> None:
        desk = Desk()
        desk.put(add("a"))
        seen = desk.token()
        sets = {
            "early": set_to("early", 7, at=5, channel="app", observed=seen),
            "late": set_to("late", 3, at=6, channel="store", observed=seen),
        }
        desk.put(*(sets[name] for name in order_of_arrival))
        assert desk.shows() == {"shoe": 3}
        assert desk.delta is not None
        (conflict,) = desk.delta.conflicts
        assert conflict.key == SHOE
        assert (conflict.winner.event_id, conflict.winner.channel) == ("late", "store")
        assert (conflict.loser.event_id, conflict.loser.quantity) == ("early", 7)

    def test_a_loser_counts_again_when_only_the_winner_is_consumed(self) -> None:
        desk = Desk()
        blind = ("nobody's",)
        desk.put(set_to("s", 7, at=5, dots=blind), set_to("t", 3, at=6, dots=blind))
        desk.put(remove("r", dots=("t",)))
        assert desk.shows() == {"shoe": 7}

    def test_zero_takes_the_line_off_the_screen(self) -> None:
        desk = Desk()
        desk.put(add("a"), add("b", sku="hat"))
        desk.put(set_to("s", 0, at=1, observed=desk.token()))
        assert desk.shows() == {"hat": 1}
        assert desk.delta is not None and desk.delta.removed == (SHOE,)

    def test_a_later_zero_wins_over_a_concurrent_five_that_arrives_after_it(self) -> None:
        desk = Desk()
        desk.put(add("a"))
        seen = desk.token()
        desk.put(set_to("zero", 0, at=6, observed=seen))
        desk.put(set_to("five", 5, at=5, channel="app", observed=seen))
        assert desk.shows() == {}
        assert desk.delta is not None and len(desk.delta.conflicts) == 1
        assert desk.delta.upserted == desk.delta.removed == ()

    def test_an_item_added_after_zero_is_there(self) -> None:
        desk = Desk()
        desk.put(add("a"))
        desk.put(set_to("s", 0, at=1, observed=desk.token()), add("b", at=2, quantity=2))
        assert desk.shows() == {"shoe": 2}

    def test_one_on_an_empty_cart_makes_the_line(self) -> None:
        desk = Desk()
        desk.put(set_to("s", 4, unit_price=price(100)))
        assert desk.shows() == {"shoe": 4}
        assert desk.cart is not None and desk.cart.currency == "EUR"


class TestCheckingOut:
    def test_it_closes_what_was_ordered_and_leaves_the_rest_for_the_next_cart(self) -> None:
        desk = Desk()
        desk.put(add("a"), add("b", sku="hat"))
        assert desk.cart is not None and desk.cart.number == 1
        desk.put(order("o", "shoe", observed=desk.token()))
        assert desk.shows() == {"hat": 1}
        assert desk.cart.number == 2
        assert desk.delta == CartDelta(removed=(SHOE,), closed_order="order of o")

    def test_what_its_author_had_not_seen_is_in_the_next_cart(self) -> None:
        desk = Desk()
        desk.put(add("a", quantity=2))
        seen = desk.token()
        desk.put(add("late", channel="app"))
        desk.put(order("o", "shoe", channel="store", observed=seen))
        assert desk.shows() == {"shoe": 1}
        assert desk.cart is not None and desk.cart.number == 2

    def test_an_order_of_nothing_in_the_cart_closes_nothing(self) -> None:
        desk = Desk()
        cart = desk.put(add("a"))
        assert desk.put(order("o", "hat", observed=desk.token())) is cart

    def test_a_till_that_says_nothing_closes_what_came_before(self) -> None:
        desk = Desk()
        desk.put(add("1", at=5, channel="store"), add("2", "hat", at=5, channel="store"))
        desk.put(order("3", "shoe", "hat", "hat", at=5, channel="store"))
        assert desk.shows() == {}
        desk.put(add("4", at=6, channel="store"))
        assert desk.shows() == {"shoe": 1}
        assert desk.cart is not None and desk.cart.number == 2


class TestCurrency:
    def test_another_currency_than_that_of_the_open_cart_is_rejected(self) -> None:
        desk = Desk()
        cart = desk.put(add("a", unit_price=price(1)))
        for event in (
            add("b", sku="hat", unit_price=price(1, "USD")),
            set_to("c", 2, unit_price=price(1, "USD")),
        ):
            assert desk.put(event) is cart
            assert desk.rejected is not None and desk.rejected.reason == "currency_mismatch"

    def test_it_is_decided_by_the_first_priced_line(self) -> None:
        desk = Desk()
        desk.put(add("a"), add("b", sku="hat", unit_price=price(1, "CHF")))
        assert desk.cart is not None and desk.cart.currency == "CHF"

    @pytest.mark.parametrize(
        "emptied", [clear("x", at=1), order("x", "shoe", at=1), set_to("x", 0, at=1)]
    )
    def test_it_is_free_again_when_nothing_priced_is_left(self, emptied: object) -> None:
        desk = Desk()
        desk.put(add("a", unit_price=price(1)))
        desk.put(emptied, add("b", sku="hat", at=2, unit_price=price(1, "USD")))  # type: ignore[arg-type]
        assert desk.shows() == {"hat": 1}
        assert desk.cart is not None and desk.cart.currency == "USD"

    def test_it_stays_while_a_priced_line_is_left(self) -> None:
        desk = Desk()
        desk.put(add("a", unit_price=price(1)), add("b", sku="hat", unit_price=price(1)))
        desk.put(order("o", "shoe", at=1))
        assert desk.cart is not None and desk.cart.currency == "EUR"

    def test_a_line_set_to_zero_in_another_one_loses_its_price_and_comes_back_without(self) -> None:
        desk = Desk()
        desk.put(set_to("z", 0, at=9, unit_price=price(1)), add("b", sku="hat"))
        assert desk.cart is not None and desk.cart.currency is None
        desk.put(add("c", sku="hat", unit_price=price(2, "USD")), add("late", at=1))
        assert desk.shows() == {"hat": 2, "shoe": 1}
        assert desk.cart.lines[SHOE].unit_price is None and desk.cart.currency == "USD"

    def test_a_line_that_comes_back_from_zero_brings_its_currency(self) -> None:
        desk = Desk()
        desk.put(set_to("z", 0, unit_price=price(1)), add("a", at=1))
        assert desk.cart is not None and desk.cart.currency == "EUR"
        desk.put(clear("x", at=2), set_to("z", 0, at=3, unit_price=price(1)), set_to("s", 2, at=4))
        assert desk.cart.lines[SHOE].unit_price == Money(1, "EUR")
        assert desk.cart.currency == "EUR"


def test_the_row_remembers_the_latest_moment_it_changed_at() -> None:
    at = [Moment(now, 0, offset, SCOPE, (offset,)) for offset, now in enumerate((50, 40))]
    cart, _ = step(None, add("a"), at[0])
    cart, _ = step(cart, add("b"), at[1])
    assert cart is not None and cart.last_now == 50
