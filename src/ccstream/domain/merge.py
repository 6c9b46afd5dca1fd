"""Carts that meet at a log-in: what is shown of two baskets, and how to part them again.

When one subject's cart is absorbed into another's, all dots of both are kept, each with
the subject that it came from, and a marker (`Absorbed`) says when they met and how to show
them. What is shown is a view, played over dots and markers in the order of (occurred_at,
id), whatever the order in which they arrived:

* a dot before the marker belongs to its own cart, the *saved* or the *guest's*;
* at the marker, the two are made one as ``mode`` says;
* a dot after it, from whichever subject, simply counts.

=============  =========================================================================
``join``       both, as if all had been put into one cart: adds count together, of two
               set-quantities of a line the later is in force
``sum``        both quantities of a line together
``max``        of each line the larger quantity; the saved one if they are equal
``keep_saved`` the saved cart; the guest's where nothing is saved
``keep_guest`` the guest's cart; the saved one where the guest has nothing
=============  =========================================================================

Nothing is lost until checkout, and a merge is idempotent. A checkout that closed something
settles the cart: what is shown is what is kept.

Dots keep their origin as long as they live, so an identifier that leaves takes along what was put
in by its key (`release`), and what it takes joins what it has by then (`rejoin`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from ccstream.domain.cart_state import Absorbed, Cart, Dot, Line, LineKey, PendingRemoval, Position
from ccstream.domain.limits import ABSORBED_MAX, LINES_MAX
from ccstream.domain.lines import assemble, currency_of, in_currency, stamp
from ccstream.domain.seen import bounded, claim

__all__ = ["absorb", "difference", "lines_view", "origins", "rejoin", "release", "settle"]


@final
@dataclass
class _Shown:
    """What a line shows while its dots are played: adds, and the set in force if any."""

    adds: tuple[Dot, ...] = ()
    set_: Dot | None = None

    @property
    def quantity(self) -> int:
        return sum(dot.quantity for dot in self.adds) + (self.set_.quantity if self.set_ else 0)


_Basket = dict[LineKey, _Shown]


def lines_view(cart: Cart) -> list[Line]:
    """The lines that a cart shows, none of quantity 0.

    A line shown as it is kept is the very object in ``cart.lines``.
    """
    if not cart.absorbed or all(marker.mode == "join" for marker in cart.absorbed):
        return [line for line in cart.lines.values() if line.quantity]
    shown = _play(cart)
    view = []
    for key, line in cart.lines.items():
        quantity = shown[key].quantity if key in shown else 0
        if quantity:
            view.append(line if quantity == line.quantity else _with_quantity(line, quantity))
    return view


def _with_quantity(line: Line, quantity: int) -> Line:
    return Line(
        line.key,
        quantity,
        line.unit_price,
        line.name,
        line.added_at,
        line.changed_at,
        line.channel,
        line.dots,
        line.sets,
    )


def difference(before: Cart, after: Cart) -> tuple[tuple[Line, ...], tuple[LineKey, ...]]:
    """The lines to put onto what ``before`` shows, and those to take away, to get ``after``."""
    old = {line.key: line for line in lines_view(before)}
    new = {line.key: line for line in lines_view(after)}
    upserted = tuple(line for key, line in new.items() if line != old.get(key))
    return upserted, tuple(key for key in old if key not in new)


def origins(cart: Cart) -> set[str]:
    """By whose keys its dots came, but for its own subject's."""
    lines = cart.lines.values()
    return {dot.origin for line in lines for dot in (*line.dots, *line.sets) if dot.origin}


def absorb(cart: Cart, handed_over: Cart, marker: Absorbed, mark: Position, into: str = "") -> Cart:
    """The cart with another one absorbed.

    Args:
        cart: the saved cart, whose row stays.
        handed_over: the whole guest's cart; parts of a hand-over are put together first.
        marker: the merge; ``marker.subject`` is whose cart ``handed_over`` was.
        mark: where the hand-over is folded; who has seen that has seen all of its dots.
        into: the subject of ``cart``, whose own dots may be among those handed over.

    Returns:
        The cart with the union of dots, pending removals and markers; the same object if
        it has the marker already. The guest's cart keeps its prices only in the saved
        cart's currency, and only the lines, by key, that there is room for. Pending
        removals of either apply to the dots of the other.
    """
    if any(known.id == marker.id for known in cart.absorbed):
        return cart
    markers = {known.id: known for known in cart.absorbed}
    if marker.mode != "join":
        for known in _settled_before(handed_over, marker):
            markers.setdefault(known.id, known)
    for known in handed_over.absorbed:
        markers.setdefault(known.id, replace(known, into=known.into or marker.subject))
    markers[marker.id] = marker

    def carried(dot: Dot) -> Dot:
        origin = dot.origin or marker.subject
        return _marked(dot, mark, "" if origin == into else origin)

    united = _with(cart, handed_over, carried)
    merged = replace(united, absorbed=tuple(sorted(markers.values(), key=_marker_stamp)))
    return settle(merged) if len(merged.absorbed) > ABSORBED_MAX else merged


def release(cart: Cart, subject: str) -> tuple[Cart, Cart | None]:
    """Part a cart from what came by the key of ``subject``: what stays, and that by itself.

    None if nothing of it is there; then the cart is the same object, unless it had a marker of
    that subject. What waits for dots waits on both sides: it consumes nothing but what it names.
    """
    stays: dict[LineKey, Line] = {}
    goes: dict[LineKey, Line] = {}
    for key, line in cart.lines.items():
        kept = _only(line, lambda dot: dot.origin != subject)
        if kept is not None:
            stays[key] = kept
        if kept is line:
            continue
        left = _only(line, lambda dot: dot.origin == subject)
        assert left is not None
        goes[key] = _each(left, lambda dot: replace(dot, origin=""))
    absorbed = tuple(
        replace(marker, into="") if marker.into == subject else marker
        for marker in cart.absorbed
        if marker.subject != subject
    )
    if goes or absorbed != cart.absorbed:
        currency = currency_of(stays.values())
        cart = replace(cart, lines=stays, absorbed=absorbed, currency=currency)
    if not goes and not cart.pending:
        return cart, None
    return cart, Cart(1, currency_of(goes.values()), goes, cart.pending, (), cart.last_now)


def rejoin(cart: Cart, released: Cart, origin: str, mark: Position) -> Cart:
    """The cart with what another one was released of, as if it had been put in here.

    Args:
        cart: the cart of that subject, or of the root that it has by now.
        released: see `release`.
        origin: that subject, empty if the cart is its own.
        mark: where the letter with it is folded.
    """
    return _with(cart, released, lambda dot: _marked(dot, mark, origin))


def settle(cart: Cart) -> Cart:
    """The cart with what it shows as all that it keeps, and no merge that could show otherwise."""
    if not cart.absorbed:
        return cart
    lines: dict[LineKey, Line] = {}
    for key, shown in _play(cart).items():
        sets = () if shown.set_ is None else (shown.set_,)
        if shown.adds or sets:
            lines[key] = assemble(key, shown.adds, sets)
    return replace(cart, lines=lines, absorbed=(), currency=currency_of(lines.values()))


def _play(cart: Cart) -> _Basket:
    """What is shown of each line, by playing dots and markers in their order."""
    facts: list[tuple[tuple[int, str], Absorbed | Dot, LineKey | None, bool]] = [
        (_marker_stamp(marker), marker, None, False) for marker in cart.absorbed
    ]
    for line in cart.lines.values():
        facts.extend((stamp(dot), dot, line.key, False) for dot in line.dots)
        facts.extend((stamp(dot), dot, line.key, True) for dot in line.sets)
    facts.sort(key=lambda fact: fact[0])
    baskets: dict[str, _Basket] = {"": {}}
    later_carts = [marker for marker in cart.absorbed if marker.since]
    gone_into = _without_their_first(cart.absorbed) if later_carts else {}
    absorbed = {marker.subject for marker in cart.absorbed}

    def holder(subject: str) -> str:
        while subject in gone_into:
            subject = gone_into[subject]
        return subject

    def cart_of(dot: Dot) -> str:
        for marker in later_carts:
            if (
                marker.subject == dot.origin
                and marker.since <= dot.occurred_at
                and stamp(dot) < _marker_stamp(marker)
            ):
                return marker.id
        return holder(dot.origin) if dot.origin in absorbed else ""

    for _, fact, key, is_set in facts:
        if isinstance(fact, Absorbed):
            guest, saved = holder(fact.id if fact.since else fact.subject), holder(fact.into)
            if guest not in {saved, ""}:
                gone_into[guest] = saved
                theirs = baskets.pop(guest, {})
                baskets[saved] = _combined(baskets.get(saved, {}), theirs, fact)
        elif key is not None:
            shown = baskets.setdefault(cart_of(fact), {}).setdefault(key, _Shown())
            if is_set:
                shown.set_ = fact
            else:
                shown.adds = (*shown.adds, fact)
    whole = baskets.pop("")
    for rest in baskets.values():
        whole = _combined(whole, rest, None)
    return whole


def _without_their_first(markers: tuple[Absorbed, ...]) -> dict[str, str]:
    """Where the dots count of subjects whose later carts alone were absorbed: in between they
    belonged to the account.
    """
    first = {marker.subject for marker in markers if not marker.since}
    return {
        marker.subject: marker.into
        for marker in markers
        if marker.since and marker.subject not in first
    }


def _combined(saved: _Basket, guest: _Basket, marker: Absorbed | None) -> _Basket:
    mode = "join" if marker is None else marker.mode
    if mode in {"keep_saved", "keep_guest"}:
        first, second = (saved, guest) if mode == "keep_saved" else (guest, saved)
        return first if any(shown.quantity for shown in first.values()) else second
    basket = dict(saved)
    for key, theirs in guest.items():
        ours = saved.get(key)
        if ours is None:
            basket[key] = theirs
        elif mode == "max":
            basket[key] = theirs if theirs.quantity > ours.quantity else ours
        else:
            adds, sets = (*ours.adds, *theirs.adds), [ours.set_, theirs.set_]
            present = sorted((dot for dot in sets if dot is not None), key=stamp)
            if mode == "sum" and len(present) == 2:
                adds = (*adds, present.pop(0))
            basket[key] = _Shown(adds, present[-1] if present else None)
    return basket


def _marker_stamp(marker: Absorbed) -> tuple[int, str]:
    return marker.occurred_at, marker.id


def _unclaimed(
    pending: tuple[PendingRemoval, ...], line: Line
) -> tuple[tuple[PendingRemoval, ...], Line | None]:
    """What still waits, and what is left of a line, once it met what waits for its dots."""
    if not pending:
        return pending, line
    taken: set[str] = set()
    for dot in (*line.dots, *line.sets):
        pending, claimants = claim(pending, line.key, dot)
        if claimants:
            taken.add(dot.event_id)
    return pending, _only(line, lambda dot: dot.event_id not in taken)


def _only(line: Line, wanted: Callable[[Dot], bool]) -> Line | None:
    dots, sets = tuple(filter(wanted, line.dots)), tuple(filter(wanted, line.sets))
    if len(dots) == len(line.dots) and len(sets) == len(line.sets):
        return line
    return assemble(line.key, dots, sets) if dots or sets else None


def _each(line: Line, change: Callable[[Dot], Dot]) -> Line:
    return assemble(line.key, tuple(map(change, line.dots)), tuple(map(change, line.sets)))


def _marked(dot: Dot, mark: Position, origin: str) -> Dot:
    """A dot as it arrives from another cart."""
    return replace(dot, positions=(*dot.positions, mark), origin=origin)


def _settled_before(handed_over: Cart, marker: Absorbed) -> list[Absorbed]:
    """Markers by which dots in the guest's cart whose own merge is settled count as the guest's."""
    known = {one.subject for one in handed_over.absorbed}
    return [
        Absorbed(f"{marker.id}/{origin}", 0, origin, "join", marker.subject)
        for origin in sorted(origins(handed_over) - known)
    ]


def _with(cart: Cart, other: Cart, arriving: Callable[[Dot], Dot]) -> Cart:
    """The union of dots and pending removals of two carts, each of which apply to the other's."""
    pending, other_pending = cart.pending, other.pending
    lines: dict[LineKey, Line] = {}
    for key, line in cart.lines.items():
        other_pending, left = _unclaimed(other_pending, line)
        if left is not None:
            lines[key] = left
    for key, line in sorted(other.lines.items()):
        pending, left = _unclaimed(pending, _each(line, arriving))
        if left is None or (key not in lines and len(lines) >= LINES_MAX):
            continue
        lines[key] = _united(lines[key], left) if key in lines else left
    currency = cart.currency or other.currency or currency_of(lines.values())
    if currency is not None:
        lines = {key: in_currency(line, currency) for key, line in lines.items()}
    waiting = {removal.event_id: removal for removal in (*pending, *other_pending)}
    return Cart(
        cart.number,
        currency_of(lines.values()),
        lines,
        bounded(tuple(waiting.values())),
        cart.absorbed,
        max(cart.last_now, other.last_now),
    )


def _united(saved: Line, guest: Line) -> Line:
    dots = _union(saved.dots, guest.dots)
    return assemble(saved.key, dots, tuple(sorted(_union(saved.sets, guest.sets), key=stamp)))


def _union(saved: tuple[Dot, ...], guest: tuple[Dot, ...]) -> tuple[Dot, ...]:
    """All dots once; one that both have is the saved cart's, with the positions of both."""
    union = {dot.event_id: dot for dot in saved}
    for dot in guest:
        known = union.get(dot.event_id)
        union[dot.event_id] = (
            dot
            if known is None
            else replace(known, positions=tuple(dict.fromkeys((*known.positions, *dot.positions))))
        )
    return tuple(union.values())
