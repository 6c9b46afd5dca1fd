"""Orders as placed. One entity an order: the row of the subject and the order's id.

*Law.* An order is placed once: the event that arrives first makes it, and a second one with
the same order id is rejected, whatever it says, since a shop that numbers two orders alike
has made a mistake that only people can resolve. Which of the two is first depends on the
order of arrival; that is the one thing here that does.

A line may have quantity 0 and an amount: a deposit, a fee, a discount, a correction at the
till. Amounts may be negative. The total is what the channel says; it need not be the sum of
the lines (shipping, rounding of cash), and is kept as it is.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import Campaign, Money, OrderLine, OrderPlaced
from ccstream.domain.moment import Moment

__all__ = ["Order", "row_key", "step"]


class Order(Struct, frozen=True):
    """The row. ``placed_at`` is the event's ``occurred_at``, ``event_id`` the event's. ``origin``
    is empty for one of the row's own subject, else whose key it came by; it leaves with that one.
    """

    order_id: str
    event_id: str
    placed_at: int
    channel: str
    source: str
    lines: tuple[OrderLine, ...]
    total: Money
    campaign: Campaign | None = None
    origin: str = ""


_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def row_key(event: OrderPlaced) -> str:
    """The key of the order's row; no subject has a ``#`` in it."""
    return f"{event.subject}#{event.order_id}"


def step(
    state: Order | None, event: OrderPlaced, at: Moment
) -> tuple[Order | None, tuple[Effect, ...]]:
    """Place an order, once.

    Args:
        state: the row of this event's `row_key`, None if there is none.
        event: the order.
        at: by whose key it came; its place in the log decides nothing here.

    Returns:
        The order and `Publish`; or the order as it was and `Reject`, or no effect at all if
        it was this very event that placed it.
    """
    if state is None:
        order = Order(
            event.order_id,
            event.event_id,
            event.occurred_at,
            event.channel,
            event.source,
            event.lines,
            event.total,
            event.campaign,
            at.came_by,
        )
        return order, _CHANGED
    if state.event_id == event.event_id:
        return state, ()
    return state, (
        Reject(reasons.ORDER_ALREADY_PLACED, "another event has placed an order of this id"),
    )
