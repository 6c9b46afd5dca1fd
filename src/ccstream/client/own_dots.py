"""What this publisher itself has put into carts and its view does not show yet.

A token says what its author has seen of others. Of its own additions an author knows at
once: who puts a mug into the basket and takes it out again, offline or within a blink,
means that mug. So an event that takes something out of a cart names the publisher's own
additions (their dots) as long as the token does not cover them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from ccstream.domain.events import CartCleared, CartItemAdded, CartItemQuantitySet, OrderPlaced
from ccstream.domain.limits import PENDING_NAMES_MAX
from ccstream.domain.observed import Observed
from ccstream.domain.seen import Remover

__all__ = ["OwnDots"]

SUBJECTS_MAX: Final = 10_000
"""Carts that this publisher has put something into lately; the longest untouched leaves."""

Line = tuple[str, str, str, str]
Place = tuple[int, int, int]
"""Partition, number of the topic, offset."""


class _Dot(NamedTuple):
    line: Line
    place: Place | None


class OwnDots:
    """Additions by subject, bounded."""

    def __init__(self) -> None:
        self._of_subject: OrderedDict[str, dict[str, _Dot]] = OrderedDict()

    def made(self, event: CartItemAdded | CartItemQuantitySet) -> None:
        """The publisher is about to publish this addition."""
        dots = self._of_subject.setdefault(event.subject, {})
        self._of_subject.move_to_end(event.subject)
        dots[event.event_id] = _Dot(_line(event), None)
        if len(dots) > PENDING_NAMES_MAX:
            del dots[next(iter(dots))]
        if len(self._of_subject) > SUBJECTS_MAX:
            self._of_subject.popitem(last=False)

    def placed(self, subject: str, event_id: str, place: Place) -> None:
        """Kafka has the addition, there."""
        dots = self._of_subject.get(subject, {})
        if event_id in dots:
            dots[event_id] = dots[event_id]._replace(place=place)

    def unseen(self, event: Remover, token: bytes | None) -> tuple[str, ...]:
        """The dots that ``event`` means and ``token`` does not cover."""
        dots = self._of_subject.get(event.subject)
        if not dots:
            return ()
        seen = None if token is None else Observed.parse(token)
        if seen is not None:
            for event_id, dot in tuple(dots.items()):
                if dot.place is not None and seen.covers(dot.place):
                    del dots[event_id]
            if not dots:
                del self._of_subject[event.subject]
        lines = _lines(event)
        return tuple(
            event_id
            for event_id, dot in dots.items()
            if (lines is None or dot.line in lines) and event_id != event.event_id
        )


def _lines(event: Remover) -> set[Line] | None:
    """The lines that the event takes from; None for all."""
    if isinstance(event, CartCleared):
        return None
    if isinstance(event, OrderPlaced):
        return set(map(_line, event.lines))
    return {_line(event)}


def _line(item: object) -> Line:
    names: Iterable[str] = ("sku", "options_hash", "fulfilment", "store")
    sku, options_hash, fulfilment, store = (getattr(item, name) for name in names)
    return sku, options_hash, fulfilment, store
