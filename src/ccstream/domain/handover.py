"""What becomes of an identifier's rows when an account takes them over, and when it leaves again.

At a log-in or link each table has its own answer; all of them are given the account's row, the
row handed over and the marker of the log-in, and answer as a step does.

* **Carts** meet as ``merge.py`` says, in the mode of the marker.
* **Touches** are those of both: first, last, last by channel, path and counts are what all the
  events together would have made, with the exceptions that ``touch.py`` names. What may leave
  again is kept apart (`touch_shares.py`).
* **Profiles**: every statement of the one is stated to the other, so each trait's policy decides.
* **Consents** are merged as ``consent.merge`` says: of each matter the later word.
* **Interactions** are the latest of both, as ``interactions.py`` says.
* **Orders** are taken over as they are. One with an id that the account has already, of another
  event, is rejected and stays where it is.
* **Duplicate windows** are united, so that what was taken under one key is known under the other.

When an identifier leaves a profile, its root gives back what came by its key (`release_cart` and so
on), and whoever has it then takes that in (`rejoin_carts`). Both need to know by whose key it
came, which is why rows say so.

*Law.* For distinct events it does not matter how many were folded before the log-in for the
identifier and how many after it for the account: the rows are the same, within the bounds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from ccstream.domain import consent, profile, reasons, touch_shares
from ccstream.domain.cart_state import NO_CART, Absorbed, Cart, CartDelta, Position
from ccstream.domain.consent import Consents
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.limits import WINDOW_SOURCES_MAX
from ccstream.domain.merge import absorb, difference, rejoin, release
from ccstream.domain.order import Order
from ccstream.domain.profile import Policies, Profile, ProfileDelta
from ccstream.domain.touch import Touches, TouchLimits
from ccstream.domain.window import APART, SourceWindow, Window, WindowLimits, trimmed

__all__ = [
    "Bringing",
    "merge_carts",
    "merge_consents",
    "merge_orders",
    "merge_profiles",
    "merge_touches",
    "merge_windows",
    "rejoin_carts",
    "rejoin_orders",
    "rejoin_touches",
    "release_cart",
    "release_order",
    "release_touches",
]


class Bringing(NamedTuple):
    """By whose key a row came, empty for one that never leaves, and whose it becomes."""

    origin: str
    into: str


_AS_IT_IS: Final = Bringing("", "")

_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def merge_carts(
    ours: Cart | None, theirs: Cart | None, marker: Absorbed, mark: Position, into: str = ""
) -> tuple[Cart | None, tuple[Effect, ...]]:
    """See the module. ``theirs`` is None if there never was anything in it; ``into`` is whose
    ``ours`` is.

    A guest without a cart leaves no marker where it could not matter: carts that are joined look
    the same without, and one without markers costs less.
    """
    handed = NO_CART if theirs is None else theirs
    if marker.mode == "join" and not (handed.lines or handed.pending or handed.absorbed):
        return ours, ()
    before = NO_CART if ours is None else ours
    after = absorb(before, handed, marker, mark, into)
    return (ours, ()) if after is before else (after, (_cart_change(before, after),))


def release_cart(cart: Cart, subject: str) -> tuple[Cart, Cart | None, tuple[Effect, ...]]:
    """What stays of a cart, what came by the key of ``subject``, and what readers see of that."""
    kept, released = release(cart, subject)
    return kept, released, () if kept is cart else (_cart_change(cart, kept),)


def rejoin_carts(
    ours: Cart | None, released: Cart, origin: str, mark: Position
) -> tuple[Cart | None, tuple[Effect, ...]]:
    """See `merge.rejoin`."""
    before = NO_CART if ours is None else ours
    after = rejoin(before, released, origin, mark)
    return after, (_cart_change(before, after),)


def merge_touches(
    ours: Touches | None, theirs: Touches, limits: TouchLimits, by: Bringing = _AS_IT_IS
) -> tuple[Touches, tuple[Effect, ...]]:
    """See `touch_shares.merge`."""
    return touch_shares.merge(ours, theirs, limits, by.origin, by.into), _CHANGED


def release_touches(
    touches: Touches, subject: str
) -> tuple[Touches | None, Touches, tuple[Effect, ...]] | None:
    """What stays of touches and what came by the key of ``subject``; None if nothing did."""
    parted = touch_shares.release(touches, subject)
    return None if parted is None else (*parted, _CHANGED)


def rejoin_touches(
    ours: Touches | None, released: Touches, limits: TouchLimits, origin: str
) -> tuple[Touches, tuple[Effect, ...]]:
    """See `touch_shares.rejoin`."""
    return touch_shares.rejoin(ours, released, limits, origin), _CHANGED


def merge_profiles(
    ours: Profile | None, theirs: Profile, policies: Policies
) -> tuple[Profile | None, tuple[Effect, ...]]:
    """See the module. Traits that there is no room for, by name, are left behind."""
    after = profile.merge(ours, theirs, policies)
    before = {} if ours is None else ours.traits
    changed = tuple(name for name, kept in after.traits.items() if before.get(name) != kept)
    return (after, (Publish(ProfileDelta(changed)),)) if changed else (ours, ())


def merge_consents(
    ours: Consents | None, theirs: Consents
) -> tuple[Consents | None, tuple[Effect, ...]]:
    """See the module."""
    after = theirs if ours is None else consent.merge(ours, theirs)
    return (ours, ()) if after == ours else (after, _CHANGED)


def merge_orders(
    ours: Order | None, theirs: Order, by: Bringing = _AS_IT_IS
) -> tuple[Order | None, tuple[Effect, ...]]:
    """See the module."""
    origin = theirs.origin or by.origin
    return rejoin_orders(ours, theirs, "" if origin == by.into else origin)


def release_order(order: Order, subject: str) -> Order | None:
    """The order if it came by the key of ``subject``, as that one's own."""
    return replace(order, origin="") if order.origin == subject else None


def rejoin_orders(
    ours: Order | None, released: Order, origin: str
) -> tuple[Order | None, tuple[Effect, ...]]:
    """Take an order over; of another event than one of its id that is here it is refused."""
    if ours is None:
        return replace(released, origin=origin), _CHANGED
    if ours.event_id == released.event_id:
        return ours, ()
    detail = "there is an order of this id by another event; who had this one keeps it"
    return ours, (Reject(reasons.ORDER_ALREADY_PLACED, detail),)


def merge_windows(ours: Window, theirs: Window, limits: WindowLimits) -> Window:
    """See the module. What either has forgotten, the union has."""
    sources: dict[str, SourceWindow] = {}
    for name in sorted({*ours.sources, *theirs.sources}):
        mine, yours = ours.sources.get(name), theirs.sources.get(name)
        if mine is not None and yours is not None:
            sources[name] = _united(mine, yours, limits.ids_max)
        elif mine is not None:
            sources[name] = mine if name in APART else _forgetting(mine, theirs.floor)
        elif yours is not None:
            sources[name] = yours if name in APART else _forgetting(yours, ours.floor)
    floor = max(ours.floor, theirs.floor)
    others = sorted(sources.keys() - APART, key=lambda name: (sources[name].last_seen, name))
    for name in others[: max(0, len(others) - WINDOW_SOURCES_MAX)]:
        floor = max(floor, sources.pop(name).newest)
    return Window(sources, floor)


def _cart_change(before: Cart, after: Cart) -> Publish:
    upserted, removed = difference(before, after)
    return Publish(CartDelta(upserted, removed))


def _united(one: SourceWindow, other: SourceWindow, ids_max: int) -> SourceWindow:
    ids, horizon = trimmed(
        b"".join(sorted({*one.entries(), *other.entries()})),
        max(one.horizon, other.horizon),
        ids_max,
    )
    return SourceWindow(horizon, max(one.last_seen, other.last_seen), ids)


def _forgetting(known: SourceWindow, floor: int) -> SourceWindow:
    """One that the other side does not list: what that has forgotten may have been of it."""
    return SourceWindow(max(known.horizon, floor), known.last_seen, known.ids)
