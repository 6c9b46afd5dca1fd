"""One partition's carts, for tests: events in a line each, folded as they are told."""

from __future__ import annotations

from typing import Any

from ccstream.domain.cart import step
from ccstream.domain.cart_state import NO_CART, Cart, CartDelta
from ccstream.domain.effects import Publish, Reject
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
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.merge import lines_view
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.observed import Observed

SCOPE = Scope(b"state id", 3, 8)
WEB, APP, STORE, MAIL = 0, 1, 2, 10
CHANNELS = {"web": WEB, "app": APP, "store": STORE}


class Desk:
    """Folds a subject's events: each is appended to its channel's topic a second later.

    ``append`` gives an event its place without folding it, so that `fold` may come later,
    as after a crash; ``put`` does both.
    """

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self.cart: Cart | None = None
        self.lines_max = lines_max
        self.heads = [-1] * 11
        self.folded = [-1] * 11
        self.clock = 1_000_000
        self.now = 0
        self.delta: CartDelta | None = None
        self.rejected: Reject | None = None

    def token(self) -> bytes:
        """What a snapshot published now says that its reader has seen."""
        return Observed.encode(SCOPE, self.folded)

    def append(self, event: Event) -> tuple[Event, int, int, int]:
        topic = CHANNELS[event.channel]
        self.heads[topic] += 1
        self.clock += 1_000
        return event, topic, self.heads[topic], self.clock

    def fold(self, record: tuple[Event, int, int, int], came_by: str = "") -> Cart | None:
        event, topic, offset, appended_at = record
        self.now = max(self.now, appended_at)
        self.folded[topic] = offset
        at = Moment(self.now, topic, offset, SCOPE, tuple(self.folded), appended_at, came_by)
        before = self.cart
        self.cart, effects = step(before, event, at, self.lines_max)
        self.delta = self.rejected = None
        for effect in effects:
            if isinstance(effect, Publish):
                self.delta = effect.delta
            else:
                assert isinstance(effect, Reject)
                self.rejected = effect
        assert (self.cart is before) == (self.delta is None)
        return self.cart

    def put(self, *events: Event, came_by: str = "") -> Cart | None:
        for event in events:
            self.fold(self.append(event), came_by)
        return self.cart

    def shows(self) -> dict[str, int]:
        """Quantities by SKU."""
        return {line.key.sku: line.quantity for line in lines_view(self.cart or NO_CART)}


def _common(event_id: str, channel: str, at: int, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "occurred_at": at,
        "channel": channel,
        "source": f"a {channel}",
        "subject": "customer:1",
        **more,
    }


def price(amount: int | None, currency: str = "EUR") -> Money | None:
    return None if amount is None else Money(amount, currency)


def add(
    event_id: str,
    sku: str = "shoe",
    quantity: int = 1,
    channel: str = "web",
    at: int = 0,
    **more: Any,
) -> CartItemAdded:
    return CartItemAdded(**_common(event_id, channel, at, more), sku=sku, quantity=quantity)


def set_to(
    event_id: str, quantity: int, sku: str = "shoe", channel: str = "web", at: int = 0, **more: Any
) -> CartItemQuantitySet:
    return CartItemQuantitySet(**_common(event_id, channel, at, more), sku=sku, quantity=quantity)


def remove(
    event_id: str, sku: str = "shoe", channel: str = "web", at: int = 0, **more: Any
) -> CartItemRemoved:
    return CartItemRemoved(**_common(event_id, channel, at, more), sku=sku)


def clear(event_id: str, channel: str = "web", at: int = 0, **more: Any) -> CartCleared:
    return CartCleared(**_common(event_id, channel, at, more))


def order(event_id: str, *skus: str, channel: str = "web", at: int = 0, **more: Any) -> OrderPlaced:
    lines = tuple(OrderLine(sku=sku, quantity=1, amount=Money(1, "EUR")) for sku in skus)
    return OrderPlaced(
        **_common(event_id, channel, at, more),
        order_id=f"order of {event_id}",
        lines=lines,
        total=Money(len(lines), "EUR"),
    )
