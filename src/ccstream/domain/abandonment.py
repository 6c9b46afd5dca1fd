"""Carts that nobody touches any more.

Whatever changes a cart sets its timer anew, by the wall clock: nothing else is going to happen to
it. An order of the same subject, in any channel, cancels the timer, whatever the order leaves in
the cart: somebody who has just bought something has not gone away. So does a cart that is empty.
When the timer fires, the cart has been idle for the whole time, and is signalled once; only a
change sets it again.

Law: a cart is signalled once for each of its states that lasts for so long, and for no other.
"""

from __future__ import annotations

from typing import Final

from ccstream.domain import cart as carts
from ccstream.domain.cart_state import Cart
from ccstream.domain.effects import CancelTimer, Effect, SetTimer, Signal, TimerEffect
from ccstream.domain.events import Event, OrderPlaced
from ccstream.domain.merge import lines_view
from ccstream.domain.moment import Instant, Moment
from ccstream.domain.signals import CartAbandoned
from ccstream.domain.timers import Timer

__all__ = ["merged", "on_timer", "step"]

_NAME: Final = "abandoned"
_CANCEL: Final = CancelTimer(_NAME)


def step(
    cart: Cart | None, event: Event, at: Moment, lines_max: int, after_ms: int
) -> tuple[Cart | None, tuple[Effect, ...]]:
    """As the cart's own step, and mind its timer; ``after_ms`` is how long it may be idle."""
    after, effects = carts.step(cart, event, at, lines_max)
    if isinstance(event, OrderPlaced):
        return after, (*effects, _CANCEL)
    return merged(cart, after, effects, after_ms)


def merged(
    cart: Cart | None, after: Cart | None, effects: tuple[Effect, ...], after_ms: int
) -> tuple[Cart | None, tuple[Effect, ...]]:
    """Mind the timer of a cart that something was put into, as another cart is at a log-in."""
    if after is cart or after is None:
        return after, effects
    if not lines_view(after):
        return after, (*effects, _CANCEL)
    return after, (*effects, SetTimer(_NAME, after.last_now + after_ms, "wall"))


def on_timer(
    cart: Cart | None, timer: Timer, now: Instant, after_ms: int
) -> tuple[Cart | None, tuple[TimerEffect, ...]]:
    """Signal the cart if it has been idle for as long as that takes by now.

    It may not have: carts that changed while nobody minded their timers, or a time that has been
    configured anew.
    """
    lines = lines_view(cart) if cart is not None else []
    if cart is None or not lines:
        return cart, ()
    due = cart.last_now + after_ms
    if due > timer.due_ms:
        return cart, (SetTimer(_NAME, due, "wall"),)
    return cart, (Signal(CartAbandoned(cart.number, cart.last_now, cart.currency, tuple(lines))),)
