"""Rules of placing an order."""

from __future__ import annotations

from ccstream.domain import reasons
from ccstream.domain.effects import Publish, Reject
from ccstream.domain.events import Campaign, Money, OrderLine, OrderPlaced
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.order import row_key, step

NOON = 1_760_000_000_000
AT = Moment(NOON + 9, 2, 0, Scope(b"state-id", 0, 8), (-1, -1, -1))


def placed(event_id: str = "e-1", order_id: str = "o-1", total: int = 1_300) -> OrderPlaced:
    return OrderPlaced(
        event_id=event_id,
        occurred_at=NOON,
        channel="store",
        source="till:7",
        subject="customer:1",
        campaign=Campaign("spring"),
        order_id=order_id,
        lines=(
            OrderLine(sku="jug", quantity=1, amount=Money(1_500, "EUR")),
            OrderLine(sku="discount", quantity=0, amount=Money(-200, "EUR")),
        ),
        total=Money(total, "EUR"),
    )


def test_an_order_is_kept_as_it_was_placed() -> None:
    event = placed()
    order, effects = step(None, event, AT)
    assert order is not None
    assert effects == (Publish(),)
    assert (order.order_id, order.event_id, order.placed_at) == ("o-1", "e-1", NOON)
    assert (order.channel, order.source, order.campaign) == ("store", "till:7", Campaign("spring"))
    assert order.lines is event.lines, "lines of quantity 0 and negative amounts among them"


def test_a_total_that_is_not_the_sum_of_the_lines_is_kept_as_the_channel_says() -> None:
    order, _ = step(None, placed(total=1_799), AT)
    assert order is not None
    assert order.total == Money(1_799, "EUR")


def test_another_event_with_the_id_of_an_order_is_rejected() -> None:
    order, _ = step(None, placed(), AT)
    after, effects = step(order, placed("e-2", total=1), AT)
    assert after is order
    assert [type(effect) for effect in effects] == [Reject]
    assert isinstance(effects[0], Reject)
    assert effects[0].reason == reasons.ORDER_ALREADY_PLACED


def test_the_same_event_again_has_no_effect() -> None:
    order, _ = step(None, placed(), AT)
    assert step(order, placed(), AT) == (order, ())


def test_orders_of_one_customer_are_rows_of_their_own() -> None:
    assert row_key(placed(order_id="o-1")) == "customer:1#o-1"
    assert row_key(placed(order_id="o-1")) != row_key(placed(order_id="o-2"))
