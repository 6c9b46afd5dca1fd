"""A person's rows as the things that one can ask about, each under a name.

``line tea``, ``trait city``, ``consent email/newsletter``, ``order 17``,
``interaction c-9 (call_centre/desk-1)``, ``account``: what a thing shows, before and after an
event, tells whether the event had to do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from ccstream.domain.cart_state import Cart, Dot, LineKey
from ccstream.domain.consent import Consents
from ccstream.domain.identity import Alias
from ccstream.domain.interactions import Interaction, Interactions
from ccstream.domain.merge import lines_view
from ccstream.domain.order import Order
from ccstream.domain.profile import Profile
from ccstream.domain.touch import Touches

__all__ = ["KINDS", "Origin", "origins", "view"]

KINDS: Final = (
    "line",
    "trait",
    "consent",
    "preference",
    "order",
    "interaction",
    "touch",
    "account",
    "erasure",
)
"""What a name begins with."""

_POINT_CHARS: Final = 8
"""Of a contact point, which is a hash, enough to tell two of a person apart."""

State = Any


class Origin(Struct, frozen=True):
    """An event that a row itself names as the reason for what it has."""

    event_id: str
    channel: str
    source: str
    occurred_at: int | None


def view(states: Mapping[str, State]) -> dict[str, Any]:
    """What the rows show, by name.

    Args:
        states: the state of each table's row; those of ``orders`` by the row's key.
    """
    shown: dict[str, Any] = {}
    for table, state in states.items():
        if state is not None and table in _VIEWS:
            shown.update(_VIEWS[table](state))
    return shown


def origins(states: Mapping[str, State]) -> dict[str, list[Origin]]:
    """Which events the rows name themselves, by the name of what they are the reason for."""
    found: dict[str, list[Origin]] = {}
    for name, origin in _origins(states):
        found.setdefault(name, []).append(origin)
    return found


def _line(key: LineKey) -> str:
    parts = [part for part in key[1:] if part]
    return f"line {key.sku}" + (f" ({', '.join(parts)})" if parts else "")


def _cart(cart: Cart) -> Iterator[tuple[str, Any]]:
    for line in lines_view(cart):
        yield _line(line.key), line.quantity


def _profile(profile: Profile) -> Iterator[tuple[str, Any]]:
    for name, kept in profile.values().items():
        values = [one.value for one in kept]
        yield f"trait {name}", values[0] if len(values) == 1 else values


def _consent_name(channel: str, purpose: str, point: str) -> str:
    return f"consent {channel}/{purpose} {point[:_POINT_CHARS]}…"


def _consents(consents: Consents) -> Iterator[tuple[str, Any]]:
    for one in consents.consents:
        yield _consent_name(one.contact_channel, one.purpose, one.contact_point), one.status
    for choice in consents.channels:
        shown = "opted out" if choice.opted_out else "opted in"
        yield f"preference channel {choice.contact_channel}", shown
    hours = consents.quiet_hours
    if hours is not None:
        minutes = (hours.hours.from_minute, hours.hours.until_minute)
        yield "preference quiet_hours", "-".join(f"{m // 60:02}:{m % 60:02}" for m in minutes)
    if consents.language is not None:
        yield "preference language", consents.language.language
    for name in ("calls_at_any_time", "objects_to_marketing"):
        flag = getattr(consents, name)
        if flag is not None:
            yield f"preference {name}", "yes" if flag.value else "no"


def _touches(touches: Touches) -> Iterator[tuple[str, Any]]:
    yield "touch first", f"{touches.first.kind} {touches.first.channel}"
    yield "touch last", f"{touches.last.kind} {touches.last.channel}"


def _orders(orders: Mapping[str, Order]) -> Iterator[tuple[str, Any]]:
    for order in orders.values():
        total = order.total
        yield f"order {order.order_id}", f"{total.amount_minor / 100:.2f} {total.currency}"


def _interactions(known: Interactions) -> Iterator[tuple[str, Any]]:
    """What was logged under each id, the earliest first: that a call began, and that it ended."""
    logged: dict[str, list[list[str]]] = {}
    for one in known.interactions:
        said = [f"{one.kind} in {one.channel} about {one.topic}"]
        said += [f"{name} {text}" for name in ("intent", "outcome") if (text := getattr(one, name))]
        logged.setdefault(_interaction(one), []).append(said)
    yield from logged.items()


def _interaction(one: Interaction) -> str:
    """Each system has ids of its own."""
    return f"interaction {one.interaction_id} ({one.channel}/{one.source})"


def _alias(alias: Alias) -> Iterator[tuple[str, Any]]:
    yield "account", alias.root or None


_VIEWS: Final[Mapping[str, Callable[[Any], Iterator[tuple[str, Any]]]]] = {
    "carts": _cart,
    "profiles": _profile,
    "consents": _consents,
    "touches": _touches,
    "orders": _orders,
    "interactions": _interactions,
    "aliases": _alias,
}


def _origins(states: Mapping[str, State]) -> Iterator[tuple[str, Origin]]:
    cart: Cart | None = states.get("carts")
    if cart is not None:
        for line in cart.lines.values():
            for dot in (*line.dots, *line.sets[-1:]):
                yield _line(line.key), _of_dot(dot)
    profile: Profile | None = states.get("profiles")
    if profile is not None:
        for name, kept in profile.values().items():
            for one in kept:
                origin = Origin(one.event_id, one.channel, one.source, one.occurred_at)
                yield f"trait {name}", origin
    consents: Consents | None = states.get("consents")
    if consents is not None:
        for word in consents.consents:
            name = _consent_name(word.contact_channel, word.purpose, word.contact_point)
            yield name, Origin(word.event_id, word.proof.source_channel, "", word.stated_at)
    orders: Mapping[str, Order] = states.get("orders") or {}
    for order in orders.values():
        origin = Origin(order.event_id, order.channel, order.source, order.placed_at)
        yield f"order {order.order_id}", origin

    known: Interactions | None = states.get("interactions")
    for talk in () if known is None else known.interactions:
        origin = Origin(talk.event_id, talk.channel, talk.source, talk.occurred_at)
        yield _interaction(talk), origin


def _of_dot(dot: Dot) -> Origin:
    return Origin(dot.event_id, dot.channel, dot.source, dot.occurred_at)
