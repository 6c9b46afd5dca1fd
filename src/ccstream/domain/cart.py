"""The cart: what a shopper has put together, in whichever channel.

An observed-remove map of lines (``cart_state.py`` has its records):

* An *add* makes a dot with a quantity; dots of a line count together.
* *Remove*, *set-quantity*, *clear* and *checkout* consume the dots that their author has
  seen (``seen.py``), and no others. So an add made elsewhere meanwhile survives them, and
  what was removed never comes back.
* A *set-quantity* leaves one dot of its own with the quantity. Of two whose authors had not
  seen each other the later by (occurred_at, event_id) is in force, also if it says 0, and
  the delta lists the conflict.
* A *checkout* consumes dots of the lines ordered only; others stay. When it closed
  something, the subject's next cart begins.

Law: for events that name dots or carry a token, any interleaving, duplication and
reordering in which an event follows those it has seen, and also one in which a crash folds
it before some of them, gives the same basket. Outside of it, because they depend on the
order of arrival: authors that say nothing of what they have seen; the bounds in
``limits.py`` (a cart that is full, adds folded into one, what pending removals remember);
the currency, which the first priced line decides; the price that a set-quantity which
states none takes over from what it replaces; and ``number``, where a removal and a
checkout compete for the last dots.

Duplicates are dropped before (``window.py``); one whose dot is live has no effect anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from ccstream.domain.cart_state import (
    NO_CART,
    Cart,
    CartDelta,
    Conflict,
    Dot,
    Line,
    LineKey,
    PendingRemoval,
    line_key,
)
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    Money,
    OrderPlaced,
)
from ccstream.domain.limits import LINE_QUANTITY_MAX, LINES_MAX, ZERO_LINES_MAX
from ccstream.domain.lines import (
    assemble,
    currency_of,
    dot_of,
    in_currency,
    only_dot,
    stamp,
    with_add,
    with_set,
)
from ccstream.domain.merge import difference, settle
from ccstream.domain.moment import Moment
from ccstream.domain.reasons import CART_FULL, CURRENCY_MISMATCH, QUANTITY_TOO_LARGE
from ccstream.domain.seen import Remover, await_unseen, claim, seen_by, still_waiting

__all__ = ["step"]

Outcome = tuple[Cart | None, tuple[Effect, ...]]


def step(cart: Cart | None, event: Event, at: Moment, lines_max: int = LINES_MAX) -> Outcome:
    """Fold one event.

    Args:
        cart: the subject's row, None where there is none.
        event: any event; one that carts know nothing of changes nothing.
        at: the record's place in the log.
        lines_max: how many lines a cart may have.

    Returns:
        The row and ``Publish(CartDelta)`` if the row changed; the same object and nothing
        if it did not; the same object and ``Reject`` if the event is refused. Lines that
        did not change are the same objects.
    """
    handle = _STEPS.get(type(event))
    return (cart, ()) if handle is None else handle(cart, event, at, lines_max)


def _add(cart: Cart | None, event: CartItemAdded, at: Moment, lines_max: int) -> Outcome:
    before = NO_CART if cart is None else cart
    price = event.unit_price
    currency = before.currency
    if price is not None and price.currency != currency:
        if currency is not None:
            return cart, (_currency_mismatch(price, currency),)
        currency = price.currency
    key = line_key(event.sku, event.options_hash, event.fulfilment, event.store)
    line = before.lines.get(key)
    if line is not None:
        for known in line.dots:
            if known.event_id == event.event_id:
                return cart, ()
    dot = _dot(before, event, at)
    if before.pending:
        pending, claimants = claim(before.pending, key, dot)
        if claimants:
            return _claimed(before, key, dot, at, pending, claimants)
    lines = before.lines.copy()
    if line is None:
        if len(lines) >= lines_max and not _made_room(lines):
            return cart, (_full(lines_max),)
        line = only_dot(key, dot)
    else:
        line = with_add(line, dot)
        if line.quantity > LINE_QUANTITY_MAX:
            return cart, (_too_large(),)
    lines[key] = line
    if before.pending or before.absorbed or (before.currency is None and before.lines):
        return _changed(before, at, lines, (key,), currency)
    now = before.last_now if at.now < before.last_now else at.now
    return Cart(before.number, currency, lines, (), (), now), (Publish(CartDelta((line,))),)


def _claimed(
    before: Cart,
    key: LineKey,
    dot: Dot,
    at: Moment,
    pending: tuple[PendingRemoval, ...],
    claimants: list[PendingRemoval],
) -> Outcome:
    """An add that was consumed before it arrived. The set-quantity that did takes over its
    price, as it would have the other way round.
    """
    lines = before.lines
    line = lines.get(key)
    if line is not None:
        consumers = {claimant.event_id for claimant in claimants}
        sets = tuple(_heir(s, [dot]) if s.event_id in consumers else s for s in line.sets)
        if sets != line.sets:
            lines = {**lines, key: assemble(key, line.dots, sets)}
    return _changed(before, at, lines, (key,), before.currency, pending, _closed_by(claimants))


def _set(cart: Cart | None, event: CartItemQuantitySet, at: Moment, lines_max: int) -> Outcome:
    before = NO_CART if cart is None else cart
    price = event.unit_price
    currency = before.currency
    if price is not None and price.currency != currency:
        if currency is not None:
            return cart, (_currency_mismatch(price, currency),)
        currency = price.currency
    key = line_key(event.sku, event.options_hash, event.fulfilment, event.store)
    line = before.lines.get(key)
    seen = seen_by(event, at)
    consumed: list[Dot] = []
    dots: tuple[Dot, ...] = ()
    sets: tuple[Dot, ...] = ()
    if line is not None:
        if any(known.event_id == event.event_id for known in line.sets):
            return cart, ()
        consumed, dots, sets = seen.split(line)
    dot = _heir(_dot(before, event, at), consumed)
    pending, claimants = claim(before.pending, key, dot)
    pending = await_unseen(pending, event, at, seen, (key,), consumed)
    lines = before.lines.copy()
    conflicts: tuple[Conflict, ...] = ()
    if claimants:
        currency = before.currency
    if not claimants:
        if line is None and len(lines) >= lines_max and not _made_room(lines):
            return cart, (_full(lines_max),)
        lines[key] = with_set(key, dots, sets, dot)
        if lines[key].quantity > LINE_QUANTITY_MAX:
            return cart, (_too_large(),)
        _bound_zero_lines(lines, key)
        if sets:
            loser, winner = sorted((sets[-1], dot), key=stamp)
            conflicts = (Conflict(key, winner, loser),)
    elif dots or sets:
        lines[key] = assemble(key, dots, sets) if consumed else lines[key]
    else:
        lines.pop(key, None)
    return _changed(before, at, lines, (key,), currency, pending, _closed_by(claimants), conflicts)


def _remove(cart: Cart | None, event: CartItemRemoved, at: Moment, _: int) -> Outcome:
    key = line_key(event.sku, event.options_hash, event.fulfilment, event.store)
    return _consume(cart, event, at, (key,))


def _clear(cart: Cart | None, event: CartCleared, at: Moment, _: int) -> Outcome:
    return _consume(cart, event, at, None)


def _check_out(cart: Cart | None, event: OrderPlaced, at: Moment, _: int) -> Outcome:
    keys = dict.fromkeys(
        line_key(line.sku, line.options_hash, line.fulfilment, line.store) for line in event.lines
    )
    return _consume(cart, event, at, tuple(keys), event.order_id)


_STEPS: Final[dict[type[Event], Callable[[Cart | None, Any, Moment, int], Outcome]]] = {
    CartItemAdded: _add,
    CartItemRemoved: _remove,
    CartItemQuantitySet: _set,
    CartCleared: _clear,
    OrderPlaced: _check_out,
}


def _consume(
    cart: Cart | None,
    event: Remover,
    at: Moment,
    keys: tuple[LineKey, ...] | None,
    order_id: str | None = None,
) -> Outcome:
    """Take what the author has seen out of the lines ``keys``, of every line if None."""
    before = NO_CART if cart is None else cart
    seen = seen_by(event, at)
    lines = before.lines.copy()
    consumed: list[Dot] = []
    touched: list[LineKey] = []
    for key in before.lines if keys is None else keys:
        line = before.lines.get(key)
        if line is None:
            continue
        taken, dots, sets = seen.split(line)
        if not taken:
            continue
        consumed += taken
        touched.append(key)
        if dots or sets:
            lines[key] = assemble(key, dots, sets)
        else:
            del lines[key]
    pending = await_unseen(
        before.pending, event, at, seen, keys, consumed, None if consumed else order_id
    )
    return _changed(
        before, at, lines, touched, before.currency, pending, order_id if consumed else None
    )


def _changed(
    before: Cart,
    at: Moment,
    lines: dict[LineKey, Line],
    touched: Sequence[LineKey],
    currency: str | None,
    pending: tuple[PendingRemoval, ...] | None = None,
    closed_order: str | None = None,
    conflicts: tuple[Conflict, ...] = (),
) -> Outcome:
    """The row as changed, and how that looks to readers, unless nothing did change.

    ``currency`` is that of the cart, or of the event that decides it now. A line set to 0 in
    another one, while the cart was empty, then loses its price.
    """
    old = before.lines
    if pending is None:
        pending = before.pending
    if (
        closed_order is None
        and pending == before.pending
        and all(lines.get(key) is old.get(key) for key in touched)
    ):
        return None if before is NO_CART else before, ()
    if before.currency is None:
        currency = currency or currency_of(lines.values())
        if currency is not None:
            lines = {key: in_currency(line, currency) for key, line in lines.items()}
    number = before.number if closed_order is None else before.number + 1
    after = Cart(
        number,
        currency_of(lines.values()),
        lines,
        still_waiting(pending, at) if pending else (),
        before.absorbed,
        max(at.now, before.last_now),
    )
    if closed_order is not None:
        after = settle(after)
    if before.absorbed:
        upserted, removed = difference(before, after)
    else:
        upserted, removed = _shown_change(old, lines, touched)
    return after, (Publish(CartDelta(upserted, removed, conflicts, closed_order)),)


def _shown_change(
    old: dict[LineKey, Line], new: dict[LineKey, Line], touched: Sequence[LineKey]
) -> tuple[tuple[Line, ...], tuple[LineKey, ...]]:
    upserted: list[Line] = []
    removed: list[LineKey] = []
    for key in touched:
        was, line = old.get(key), new.get(key)
        if line is not None and line.quantity:
            if line is not was:
                upserted.append(line)
        elif was is not None and was.quantity:
            removed.append(key)
    return tuple(upserted), tuple(removed)


def _dot(cart: Cart, event: CartItemAdded | CartItemQuantitySet, at: Moment) -> Dot:
    origin = at.came_by
    if (
        not origin
        and cart.absorbed
        and any(marker.subject == event.subject for marker in cart.absorbed)
    ):
        origin = event.subject
    appended_at = at.now if at.appended_at is None else at.appended_at
    return dot_of(event, appended_at, (at.scope.partition, at.topic, at.offset), origin)


def _heir(dot: Dot, consumed: list[Dot]) -> Dot:
    """A set-quantity's dot, with the price and name of what it replaces if it states none."""
    if not consumed or (dot.unit_price is not None and dot.name is not None):
        return dot
    price, name = dot.unit_price, dot.name
    for old in sorted(consumed, key=stamp, reverse=True):
        price = old.unit_price if price is None else price
        name = old.name if name is None else name
    if price is dot.unit_price and name is dot.name:
        return dot
    return replace(dot, unit_price=price, name=name)


def _closed_by(claimants: list[PendingRemoval]) -> str | None:
    return next((c.order_id for c in claimants if c.order_id is not None), None)


def _made_room(lines: dict[LineKey, Line]) -> bool:
    """Let the line of quantity 0 go that is longest unchanged, if there is any."""
    zero = [line for line in lines.values() if not line.quantity]
    if not zero:
        return False
    del lines[min(zero, key=lambda line: (line.changed_at, line.key)).key]
    return True


def _bound_zero_lines(lines: dict[LineKey, Line], key: LineKey) -> None:
    if not lines[key].quantity and sum(not line.quantity for line in lines.values()) > (
        ZERO_LINES_MAX
    ):
        _made_room(lines)


def _currency_mismatch(price: Money, currency: str) -> Reject:
    return Reject(
        CURRENCY_MISMATCH, f"the open cart is in {currency}, this price is in {price.currency}"
    )


def _full(lines_max: int) -> Reject:
    return Reject(CART_FULL, f"a cart holds at most {lines_max} lines")


def _too_large() -> Reject:
    return Reject(QUANTITY_TOO_LARGE, f"a line holds at most {LINE_QUANTITY_MAX} units")
