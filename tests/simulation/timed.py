"""Carts with timers of both clocks, as the workers of a history have them, and the truth.

By the wall clock a cart is signalled as abandoned; by its subject's records its number goes up when
it has lasted for a while, which every reader gets to see.
"""

from __future__ import annotations

from typing import Any

from ccstream.domain import abandonment
from ccstream.domain.cart_state import Cart
from ccstream.domain.effects import Publish, SetTimer
from ccstream.domain.limits import LINES_MAX

__all__ = ["ABANDONED", "ABANDONED_AFTER_MS", "RENUMBERED", "merged", "on_timer", "step"]

ABANDONED = "abandoned"
ABANDONED_AFTER_MS = 60
RENUMBERED = "renumbered"
_RENUMBERED_AFTER_MS = 40


def step(cart: Cart | None, event: Any, at: Any) -> Any:
    after, effects = abandonment.step(cart, event, at, LINES_MAX, ABANDONED_AFTER_MS)
    if after is not cart:
        due = at.now + _RENUMBERED_AFTER_MS
        effects = (*effects, SetTimer(RENUMBERED, due, "event"))
    return after, effects


def merged(cart: Cart | None, after: Cart | None, effects: Any) -> Any:
    return abandonment.merged(cart, after, effects, ABANDONED_AFTER_MS)


def on_timer(cart: Cart, timer: Any, now: int) -> Any:
    if timer.name == ABANDONED:
        return abandonment.on_timer(cart, timer, now, ABANDONED_AFTER_MS)
    after = Cart(
        cart.number + 1, cart.currency, cart.lines, cart.pending, cart.absorbed, cart.last_now
    )
    return after, (Publish(),)
