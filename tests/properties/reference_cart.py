"""The cart once more, so plainly that it can be checked by reading. Shares no code with it.

It keeps all that ever arrived and works out the basket from scratch: a dot is live unless
some event consumes it. No pending removals, no bounds, no incremental anything.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple


class Arrival(NamedTuple):
    event: Any
    topic: int
    offset: int
    appended_at: int


class Shown(NamedTuple):
    quantity: int
    price: int | None
    name: str | None
    dots: frozenset[str]


class ReferenceCart:
    def __init__(self, state_id: bytes, partitions: int, partition: int) -> None:
        self.head = b"\x01" + state_id + struct.pack(">HH", partitions, partition)
        self.arrivals: list[Arrival] = []

    def fold(self, event: Any, topic: int, offset: int, appended_at: int) -> None:
        """An event arrives; a duplicate is not taken."""
        if all(arrival.event.event_id != event.event_id for arrival in self.arrivals):
            self.arrivals.append(Arrival(event, topic, offset, appended_at))

    def basket(self) -> dict[tuple[str, ...], Shown]:
        lines: dict[tuple[str, ...], list[Any]] = {}
        for place, arrival in enumerate(self.arrivals):
            kind = type(arrival.event).__name__
            if kind in {"CartItemAdded", "CartItemQuantitySet"} and not any(
                self._consumes(other, remover, place, arrival)
                for other, remover in enumerate(self.arrivals)
                if other != place
            ):
                lines.setdefault(_key(arrival.event), []).append(arrival.event)
        shown = {key: _shown(events) for key, events in lines.items()}
        return {key: line for key, line in shown.items() if line.quantity}

    def _consumes(self, place: int, remover: Arrival, dot_place: int, dot: Arrival) -> bool:
        event = remover.event
        kind = type(event).__name__
        if kind == "CartItemAdded":
            return False
        if kind == "OrderPlaced":
            if _key(dot.event) not in [_key(line) for line in event.lines]:
                return False
        elif kind != "CartCleared" and _key(dot.event) != _key(event):
            return False
        token = event.observed
        ours = token is not None and token[:13] == self.head and (len(token) - 13) % 8 == 0
        if not ours and not event.dots:
            return dot_place < place and _stamp(dot.event) < _stamp(event)
        seen = dot.event.event_id in event.dots
        if ours and not seen:
            offsets = struct.unpack(f">{(len(token) - 13) // 8}q", token[13:])
            seen = dot.topic < len(offsets) and dot.offset <= offsets[dot.topic]
        return seen and (dot_place < place or dot.appended_at <= remover.appended_at)


def merged(
    saved: list[Any], guest: list[Any], marker: tuple[int, str], mode: str
) -> dict[tuple[str, ...], int]:
    """What two carts show that met at ``marker``, all their events live: quantities."""
    before = [[e for e in side if _stamp(e) < marker] for side in (saved, guest)]
    after = [e for side in (saved, guest) for e in side if _stamp(e) > marker]
    sides = [_quantities(events) for events in before]
    keys = {_key(e) for e in saved + guest}
    shown: dict[tuple[str, ...], int] = {}
    for key in keys:
        ours, theirs = (side.get(key, 0) for side in sides)
        if mode == "sum":
            shown[key] = ours + theirs
        elif mode == "max":
            shown[key] = max(ours, theirs)
        elif mode == "keep_saved":
            shown[key] = ours if any(sides[0].values()) else theirs
        elif mode == "keep_guest":
            shown[key] = theirs if any(sides[1].values()) else ours
        else:
            shown[key] = _quantities(before[0] + before[1]).get(key, 0)
        shown[key] += _quantities(after).get(key, 0)
    return {key: quantity for key, quantity in shown.items() if quantity}


def _quantities(events: list[Any]) -> dict[tuple[str, ...], int]:
    lines: dict[tuple[str, ...], list[Any]] = {}
    for event in events:
        lines.setdefault(_key(event), []).append(event)
    return {key: _shown(line).quantity for key, line in lines.items()}


def _shown(events: list[Any]) -> Shown:
    by_time = sorted(events, key=_stamp)
    sets = [e for e in by_time if type(e).__name__ == "CartItemQuantitySet"]
    quantity = sum(e.quantity for e in events if e not in sets)
    quantity += sets[-1].quantity if sets else 0
    prices = [e.unit_price.amount_minor for e in by_time if e.unit_price is not None]
    names = [e.name for e in by_time if e.name is not None]
    return Shown(
        quantity,
        prices[-1] if prices else None,
        names[-1] if names else None,
        frozenset(e.event_id for e in events),
    )


def _key(item: Any) -> tuple[str, ...]:
    return (item.sku, item.options_hash, item.fulfilment, item.store)


def _stamp(event: Any) -> tuple[int, str]:
    return (event.occurred_at, event.event_id)
