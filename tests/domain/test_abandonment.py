"""When a cart is said to have been abandoned."""

from __future__ import annotations

from ccstream.domain.abandonment import on_timer, step
from ccstream.domain.cart_state import Cart
from ccstream.domain.effects import CancelTimer, Effect, Publish, SetTimer, Signal
from ccstream.domain.events import ChannelVisited, Event
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.moment import Moment
from ccstream.domain.signals import CartAbandoned
from ccstream.domain.timers import Timer
from tests.support.carts import SCOPE, add, clear, order, remove, set_to

HOUR_MS = 3_600_000


class Watched:
    """A cart, when its timer is due, and what was signalled."""

    def __init__(self) -> None:
        self.cart: Cart | None = None
        self.due: int | None = None
        self.now = 1_000_000
        self.offset = 0

    def put(self, event: Event, later: int = 1_000) -> tuple[Effect, ...]:
        self.now += later
        self.offset += 1
        at = Moment(self.now, 0, self.offset, SCOPE, (self.offset,), self.now)
        self.cart, effects = step(self.cart, event, at, LINES_MAX, HOUR_MS)
        for effect in effects:
            if isinstance(effect, SetTimer):
                assert (effect.name, effect.clock) == ("abandoned", "wall")
                self.due = effect.due_ms
            elif isinstance(effect, CancelTimer):
                assert effect.name == "abandoned"
                self.due = None
        return effects

    def fires(self, due: int) -> tuple[object, ...]:
        timer = Timer("carts", "customer:1", "abandoned", due, "wall")
        cart, effects = on_timer(self.cart, timer, due, HOUR_MS)
        assert cart is self.cart
        return effects


def test_a_cart_is_watched_from_its_last_change_on() -> None:
    watched = Watched()
    watched.put(add("a"))
    assert watched.due == watched.now + HOUR_MS
    watched.put(add("b", sku="hat"))
    assert watched.due == watched.now + HOUR_MS
    watched.put(set_to("c", 4, at=1))
    assert watched.due == watched.now + HOUR_MS


def test_what_changes_nothing_does_not_keep_a_cart_alive() -> None:
    watched = Watched()
    watched.put(add("a"))
    due = watched.due
    visit = ChannelVisited(
        event_id="v", occurred_at=0, channel="web", source="s", subject="customer:1"
    )
    assert watched.put(visit) == ()
    assert watched.put(add("a")) == ()
    assert watched.due == due


def test_a_cart_that_is_emptied_is_watched_no_more() -> None:
    for emptying in (clear("x", at=9), remove("x", at=9), set_to("x", 0, at=9)):
        watched = Watched()
        watched.put(add("a"))
        watched.put(emptying)
        assert watched.due is None


def test_an_order_ends_the_watch_whatever_it_leaves_in_the_cart() -> None:
    watched = Watched()
    watched.put(add("a"))
    watched.put(add("b", sku="hat"))
    watched.put(order("x", "shoe", at=9))
    assert watched.cart is not None and watched.cart.lines
    assert watched.due is None
    watched.put(add("c", at=10))
    assert watched.due is not None
    effects = watched.put(order("y", "of something else", at=11))
    assert watched.due is None
    assert not any(isinstance(effect, Publish) for effect in effects)


def test_an_idle_cart_is_signalled_with_all_that_is_in_it() -> None:
    watched = Watched()
    watched.put(add("a", quantity=2))
    changed_at = watched.now
    assert watched.due is not None and watched.cart is not None
    (signal,) = watched.fires(watched.due)
    assert signal == Signal(
        CartAbandoned(1, changed_at, watched.cart.currency, tuple(watched.cart.lines.values()))
    )


def test_a_timer_of_an_earlier_state_or_setting_is_only_set_anew() -> None:
    watched = Watched()
    watched.put(add("a"))
    (effect,) = watched.fires(watched.now + HOUR_MS // 2)
    assert effect == SetTimer("abandoned", watched.now + HOUR_MS, "wall")
    (effect,) = watched.fires(watched.now + 2 * HOUR_MS)
    assert isinstance(effect, Signal)


def test_where_there_is_no_cart_nothing_is_signalled() -> None:
    watched = Watched()
    assert watched.fires(5) == ()
    watched.put(add("a"))
    watched.put(clear("b", at=9))
    assert watched.fires(watched.now + HOUR_MS) == ()
