"""What an author has seen, and what of it is still to come.

A remove, set-quantity, clear or checkout consumes only dots that its author has seen:
those it names, and those that its ``observed`` token covers. An author that sends neither
(or a token that is not of this state) is taken to have seen what is known when the event
is folded and is earlier by (occurred_at, event_id). That depends on the order of arrival
and is outside the cart's law; the other two do not.

What was seen may not be folded here yet, because a crash can change the order in which
topics are folded. It then waits in the row as a `PendingRemoval`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import final

from ccstream.domain.cart_state import Dot, Line, LineKey, PendingRemoval
from ccstream.domain.events import (
    CartCleared,
    CartItemQuantitySet,
    CartItemRemoved,
    OrderPlaced,
)
from ccstream.domain.limits import PENDING_AGE_MS_MAX, PENDING_MAX, PENDING_NAMES_MAX
from ccstream.domain.moment import Moment
from ccstream.domain.observed import Observed

__all__ = ["Remover", "Seen", "await_unseen", "bounded", "claim", "seen_by", "still_waiting"]

Remover = CartItemRemoved | CartItemQuantitySet | CartCleared | OrderPlaced


@final
@dataclass
class Seen:
    """What one event may consume. ``before`` is set for an author that said nothing."""

    names: tuple[str, ...]
    token: Observed | None
    before: tuple[int, str] | None

    def has(self, dot: Dot) -> bool:
        if self.before is not None:
            return (dot.occurred_at, dot.event_id) < self.before
        if dot.event_id in self.names:
            return True
        token = self.token
        return token is not None and any(map(token.covers, dot.positions))

    def split(self, line: Line) -> tuple[list[Dot], tuple[Dot, ...], tuple[Dot, ...]]:
        """The line's dots that are consumed, and the adds and sets that are not."""
        consumed: list[Dot] = []
        kept_dots: list[Dot] = []
        kept_sets: list[Dot] = []
        for dot in line.dots:
            (consumed if self.has(dot) else kept_dots).append(dot)
        for dot in line.sets:
            (consumed if self.has(dot) else kept_sets).append(dot)
        return consumed, tuple(kept_dots), tuple(kept_sets)


def seen_by(event: Remover, at: Moment) -> Seen:
    """What the event's author has seen."""
    token = None if event.observed is None else Observed.parse(event.observed)
    if token is not None and not token.is_of(at.scope):
        token = None
    if token is None and not event.dots:
        return Seen((), None, (event.occurred_at, event.event_id))
    return Seen(event.dots, token, None)


def await_unseen(
    pending: tuple[PendingRemoval, ...],
    event: Remover,
    at: Moment,
    seen: Seen,
    keys: tuple[LineKey, ...] | None,
    consumed: Iterable[Dot],
    order_id: str | None = None,
) -> tuple[PendingRemoval, ...]:
    """``pending`` with what ``event`` has seen and this cart has not, if there is any.

    Of one event only one is kept: a duplicate that comes later does not widen it.
    """
    names: tuple[str, ...] = ()
    if seen.names:
        met = {event.event_id, *(dot.event_id for dot in consumed)}
        names = tuple(n for n in dict.fromkeys(seen.names) if n not in met)[:PENDING_NAMES_MAX]
    token = seen.token
    if token is not None and not token.reaches_beyond(at):
        token = None
    if (token is None and not names) or any(p.event_id == event.event_id for p in pending):
        return pending
    appended_at = at.now if at.appended_at is None else at.appended_at
    removal = PendingRemoval(
        event.event_id,
        appended_at,
        keys,
        names,
        None if token is None else event.observed,
        order_id,
    )
    return bounded((*pending, removal))


def bounded(pending: tuple[PendingRemoval, ...]) -> tuple[PendingRemoval, ...]:
    """At most `PENDING_MAX`: the oldest by (appended_at, event_id) leaves first."""
    excess = len(pending) - PENDING_MAX
    if excess <= 0:
        return pending
    leaving = sorted(pending, key=lambda removal: (removal.appended_at, removal.event_id))[:excess]
    return tuple(removal for removal in pending if removal not in leaving)


def claim(
    pending: tuple[PendingRemoval, ...], key: LineKey, dot: Dot
) -> tuple[tuple[PendingRemoval, ...], list[PendingRemoval]]:
    """Who has been waiting for this dot of this line.

    Returns what waits on (a name that was met is not waited for any longer, a checkout has
    closed something) and the removals that consume the dot, as they were.
    """
    waiting: list[PendingRemoval] = []
    claimants: list[PendingRemoval] = []
    for removal in pending:
        if not _awaits(removal, key, dot):
            waiting.append(removal)
            continue
        claimants.append(removal)
        names = tuple(name for name in removal.dots if name != dot.event_id)
        if names or removal.token is not None:
            waiting.append(replace(removal, dots=names, order_id=None))
    return tuple(waiting), claimants


def _awaits(removal: PendingRemoval, key: LineKey, dot: Dot) -> bool:
    if dot.appended_at > removal.appended_at:
        return False
    if removal.keys is not None and key not in removal.keys:
        return False
    if dot.event_id in removal.dots:
        return True
    token = None if removal.token is None else Observed.parse(removal.token)
    return token is not None and any(map(token.covers, dot.positions))


def still_waiting(pending: tuple[PendingRemoval, ...], at: Moment) -> tuple[PendingRemoval, ...]:
    """``pending`` without what cannot come any more once the record at hand is folded."""
    waiting: list[PendingRemoval] = []
    for removal in pending:
        if at.now - removal.appended_at > PENDING_AGE_MS_MAX:
            continue
        token = None if removal.token is None else Observed.parse(removal.token)
        if token is None or token.reaches_beyond(at):
            waiting.append(removal)
        elif removal.dots:
            waiting.append(replace(removal, token=None))
    return tuple(waiting)
