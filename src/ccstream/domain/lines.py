"""One line's arithmetic: from dots to what is shown.

Everything about a line is a function of its live dots (``Line`` says which), so it does
not matter in which order they came. `with_add` takes the short way for the usual case, an
add later than all others; the tests hold it to `assemble`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from operator import is_

from ccstream.domain.cart_state import Dot, Line, LineKey, Position
from ccstream.domain.events import CartItemAdded, CartItemQuantitySet
from ccstream.domain.limits import DOTS_MAX, SETS_MAX

__all__ = [
    "assemble",
    "currency_of",
    "dot_of",
    "in_currency",
    "only_dot",
    "stamp",
    "with_add",
    "with_set",
]


def stamp(dot: Dot) -> tuple[int, str]:
    """What orders dots among each other, and with markers of merges."""
    return dot.occurred_at, dot.event_id


def dot_of(
    event: CartItemAdded | CartItemQuantitySet,
    appended_at: int,
    position: Position,
    origin: str = "",
) -> Dot:
    """The dot that an event makes."""
    return Dot(
        event.event_id,
        event.channel,
        event.source,
        event.quantity,
        event.occurred_at,
        appended_at,
        (position,),
        event.unit_price,
        event.name,
        origin,
    )


def only_dot(key: LineKey, dot: Dot) -> Line:
    """The line of a first add."""
    return Line(
        key,
        dot.quantity,
        dot.unit_price,
        dot.name,
        dot.occurred_at,
        dot.occurred_at,
        dot.channel,
        (dot,),
    )


def assemble(key: LineKey, dots: tuple[Dot, ...], sets: tuple[Dot, ...]) -> Line:
    """The line of these live dots, at least one; ``sets`` ordered by `stamp`.

    Above `DOTS_MAX` the oldest adds are folded into one dot, above `SETS_MAX` the weakest
    set-quantities leave: see `_fold_oldest`.
    """
    if len(sets) > SETS_MAX:
        sets = sets[-SETS_MAX:]
    if len(dots) + len(sets) > DOTS_MAX:
        dots = _fold_oldest(dots, DOTS_MAX - len(sets))
    quantity = sets[-1].quantity if sets else 0
    for dot in dots:
        quantity += dot.quantity
    by_time = sorted(dots + sets, key=stamp)
    unit_price = name = None
    for dot in by_time:
        if dot.unit_price is not None:
            unit_price = dot.unit_price
        if dot.name is not None:
            name = dot.name
    last = by_time[-1]
    return Line(
        key,
        quantity,
        unit_price,
        name,
        by_time[0].occurred_at,
        last.occurred_at,
        last.channel,
        dots,
        sets,
    )


def with_add(line: Line, dot: Dot) -> Line:
    """The line with one more add, which it does not have yet."""
    dots = (*line.dots, dot)
    if dot.occurred_at <= line.changed_at or len(dots) + len(line.sets) > DOTS_MAX:
        return assemble(line.key, dots, line.sets)
    return Line(
        line.key,
        line.quantity + dot.quantity,
        line.unit_price if dot.unit_price is None else dot.unit_price,
        line.name if dot.name is None else dot.name,
        line.added_at,
        dot.occurred_at,
        dot.channel,
        dots,
        line.sets,
    )


def with_set(key: LineKey, dots: tuple[Dot, ...], sets: tuple[Dot, ...], dot: Dot) -> Line:
    """The line of what a set-quantity has left over, with its own dot."""
    return assemble(key, dots, tuple(sorted((*sets, dot), key=stamp)))


def currency_of(lines: Iterable[Line]) -> str | None:
    """The currency of a cart with these lines: that of any that is shown and has a price."""
    for line in lines:
        if line.quantity and line.unit_price is not None:
            return line.unit_price.currency
    return None


def in_currency(line: Line, currency: str) -> Line:
    """The line without prices in another currency, the same object if it has none."""

    def priced(dot: Dot) -> Dot:
        price = dot.unit_price
        if price is None or price.currency == currency:
            return dot
        return replace(dot, unit_price=None)

    dots, sets = tuple(map(priced, line.dots)), tuple(map(priced, line.sets))
    if all(map(is_, dots + sets, line.dots + line.sets)):
        return line
    return assemble(line.key, dots, sets)


def _fold_oldest(dots: tuple[Dot, ...], room: int) -> tuple[Dot, ...]:
    """Fold the oldest adds into one until there are no more than ``room``.

    Always the two oldest by `stamp` of the same origin, so that the outcome does not depend on
    the order of arrival as long as only adds arrive; of any two, where each is of another. The
    folded dot answers to the id of the younger, and to the positions of the one appended later:
    who has seen that one has seen both, since tokens grow; who had not, must not consume them.
    """
    by_time = sorted(dots, key=stamp)
    while len(by_time) > room:
        origins = [dot.origin for dot in by_time]
        pairs = (i for i, origin in enumerate(origins) if origin in origins[i + 1 :])
        older = next(pairs, -1)
        if older < 0:
            older, younger = 0, 1
        else:
            younger = origins.index(origins[older], older + 1)
        by_time[younger] = _both(by_time[older], by_time[younger])
        del by_time[older]
    return tuple(by_time)


def _both(older: Dot, younger: Dot) -> Dot:
    later = max(older, younger, key=lambda dot: (dot.appended_at, dot.positions))
    return Dot(
        younger.event_id,
        younger.channel,
        younger.source,
        older.quantity + younger.quantity,
        younger.occurred_at,
        later.appended_at,
        later.positions,
        older.unit_price if younger.unit_price is None else younger.unit_price,
        older.name if younger.name is None else younger.name,
        younger.origin,
    )
