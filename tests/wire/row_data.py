"""States as plain data for fastavro, and strategies for them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any
from uuid import UUID

import msgspec
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import strategies as st

from ccstream.domain.cart_state import (
    Absorbed,
    Cart,
    CartDelta,
    Conflict,
    Dot,
    Line,
    LineKey,
    PendingRemoval,
)
from ccstream.domain.consent import (
    Consent,
    Consents,
    StatedContactChoice,
    StatedFlag,
    StatedLanguage,
    StatedQuietHours,
)
from ccstream.domain.erasure import Erasure
from ccstream.domain.events import Campaign, ConsentProof, Money, OrderLine, QuietHours
from ccstream.domain.forest import Apart, Fact, Link, Unlink
from ccstream.domain.identity import Alias, Tenure
from ccstream.domain.interactions import Interaction, Interactions
from ccstream.domain.lines import assemble, stamp
from ccstream.domain.links import Links, Waiting
from ccstream.domain.merge import lines_view
from ccstream.domain.order import Order
from ccstream.domain.personal_keys import PersonalKey, PersonalKeys
from ccstream.domain.profile import Profile, ProfileDelta, Statement
from ccstream.domain.timers import Timer, Timers
from ccstream.domain.touch import Earlier, Touch, Touches, Trail, Visit
from ccstream.domain.window import SourceWindow, Window
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.schemas import schema

__all__ = [
    "STATES",
    "avro",
    "causes",
    "deltas",
    "line_datum",
    "longs",
    "read",
    "row_datum",
    "synced_datum",
    "texts",
]


def plain(record: Any) -> Any:
    """Records and what is in them as dicts and lists, without what codecs keep there."""
    return _without_caches(msgspec.to_builtins(record))


def _without_caches(data: Any) -> Any:
    match data:
        case dict():
            return {k: _without_caches(v) for k, v in data.items() if k not in _CACHES}
        case list() | tuple():
            return [_without_caches(one) for one in data]
    return data


_CACHES = ("encoded", "_encoded", "shown", "kept")

longs = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-200, 20_000),
    st.integers(1_700_000_000_000, 1_900_000_000_000),
)
texts = st.one_of(st.text(max_size=12), st.sampled_from(["web", "customer:1", "é", "x" * 9_000]))
few = st.lists
event_ids = st.one_of(
    texts,
    st.uuids().map(str),
    st.uuids().map(lambda one: str(one).upper()),
    st.uuids().map(lambda one: one.hex),
)
money = st.builds(Money, longs, st.sampled_from(["EUR", "USD"]))
prices = st.none() | money
names = st.none() | texts
campaigns = st.none() | st.builds(Campaign, texts, names, names)


def avro(name: str, datum: dict[str, Any]) -> bytes:
    """The framed record as fastavro writes it."""
    info = schema(name)
    out = BytesIO()
    schemaless_writer(out, info.parsed, datum, strict=True)
    return single_object_prefix(info) + out.getvalue()


def read(name: str, value: bytes) -> dict[str, Any]:
    """The framed record as fastavro reads it."""
    info = schema(name)
    assert value[:10] == single_object_prefix(info)
    record: Any = schemaless_reader(BytesIO(value[10:]), info.parsed, None)
    return record


# carts

keys = st.builds(LineKey, st.sampled_from("ABCDEFGH"), *[st.sampled_from(["", "x"])] * 3)
positions = st.tuples(st.integers(0, 63), st.integers(0, 30), st.integers(0, 1 << 40))
dots = st.builds(
    Dot,
    event_id=event_ids,
    channel=texts,
    source=texts,
    quantity=st.integers(0, 1_000_000),
    occurred_at=longs,
    appended_at=longs,
    positions=few(positions, max_size=3).map(tuple),
    unit_price=prices,
    name=names,
    origin=st.sampled_from(["", "visitor:1"]),
)


@st.composite
def _lines(draw: st.DrawFn) -> dict[LineKey, Line]:
    lines = {}
    for key in draw(few(keys, max_size=4, unique=True)):
        adds = draw(few(dots, max_size=5).map(tuple))
        sets = tuple(sorted(draw(few(dots, max_size=2, min_size=not adds)), key=stamp))
        lines[key] = assemble(key, adds, sets)
    return lines


pending = st.builds(
    PendingRemoval,
    event_id=texts,
    appended_at=longs,
    keys=st.none() | few(keys, max_size=2).map(tuple),
    dots=few(texts, max_size=2).map(tuple),
    token=st.none() | st.binary(max_size=120),
    order_id=names,
)
absorbed = st.builds(
    Absorbed,
    texts,
    longs,
    st.just("visitor:1"),
    st.sampled_from(["join", "max", "sum", "keep_saved", "keep_guest"]),
    st.sampled_from(["", "visitor:2"]),
)
carts = st.builds(
    Cart,
    number=st.integers(1, 1 << 40),
    currency=st.none() | st.sampled_from(["EUR", "USD"]),
    lines=_lines(),
    pending=few(pending, max_size=2).map(tuple),
    absorbed=few(absorbed, max_size=2).map(tuple),
    last_now=longs,
)
deltas = st.builds(
    CartDelta,
    upserted=st.just(()),
    removed=few(keys, max_size=3).map(tuple),
    conflicts=few(st.builds(Conflict, keys, dots, dots), max_size=2).map(tuple),
    closed_order=names,
)


def _key_datum(key: LineKey) -> dict[str, Any]:
    return key._asdict()


def line_datum(line: Line) -> dict[str, Any]:
    return {
        **_key_datum(line.key),
        "quantity": line.quantity,
        "unit_price": plain(line.unit_price),
        "name": line.name,
        "added_at": line.added_at,
        "changed_at": line.changed_at,
        "channel": line.channel,
    }


def _dot_datum(dot: Dot) -> dict[str, Any]:
    names = ("partition", "topic", "offset")
    places = [dict(zip(names, position, strict=True)) for position in dot.positions]
    event_id, event_uuid = dot.event_id, None
    with suppress(ValueError):
        named = UUID(dot.event_id)
        if str(named) == dot.event_id:
            event_id, event_uuid = "", named.bytes
    given = {"event_id": event_id, "event_uuid": event_uuid, "positions": places}
    return {**plain(dot), **given}


def _setting_datum(dot: Dot) -> dict[str, Any]:
    kept = ("event_id", "channel", "source", "quantity", "occurred_at")
    return {name: getattr(dot, name) for name in kept}


def _cart_datum(cart: Cart) -> dict[str, Any]:
    return {
        "number": cart.number,
        "currency": cart.currency,
        "lines": [
            {
                **_key_datum(line.key),
                "dots": [_dot_datum(dot) for dot in line.dots],
                "sets": [_dot_datum(dot) for dot in line.sets],
            }
            for line in cart.lines.values()
        ],
        "pending": [
            {
                "event_id": one.event_id,
                "appended_at": one.appended_at,
                "keys": None if one.keys is None else [_key_datum(key) for key in one.keys],
                "dots": list(one.dots),
                "token": one.token,
                "order_id": one.order_id,
            }
            for one in cart.pending
        ],
        "absorbed": [plain(one) for one in cart.absorbed],
        "last_now": cart.last_now,
    }


def _cart_synced(cart: Cart, delta: CartDelta | None, observed: bytes) -> dict[str, Any]:
    delta = delta or CartDelta()
    return {
        "cart_number": cart.number,
        "currency": cart.currency,
        "lines": [line_datum(line) for line in lines_view(cart)],
        "upserted": [line_datum(line) for line in delta.upserted],
        "removed": [_key_datum(key) for key in delta.removed],
        "conflicts": [
            {
                "line": _key_datum(one.key),
                "winner": _setting_datum(one.winner),
                "loser": _setting_datum(one.loser),
            }
            for one in delta.conflicts
        ],
        "closed_order": delta.closed_order,
        "observed": observed,
    }


# touches

touches = st.builds(Touch, texts, texts, texts, texts, longs, texts, campaigns)
visits = st.builds(Visit, longs, longs, longs)


@st.composite
def _share(draw: st.DrawFn, path: bool = True) -> Touches:
    channels = few(touches, min_size=1, max_size=4, unique_by=lambda touch: touch.channel)
    by_channel = {touch.channel: touch for touch in draw(channels)}
    last = max(by_channel.values(), key=lambda touch: (touch.occurred_at, touch.event_id))
    first = draw(touches)
    if not path:
        shares = draw(st.dictionaries(texts, _share(), min_size=1, max_size=3))
        return Touches(first, last, by_channel, {}, {}, shares)
    trails = {
        (channel, campaign): Trail(channel, campaign, tuple(draw(few(visits, min_size=1))))
        for channel, campaign in draw(few(st.tuples(texts, texts), max_size=4, unique=True))
    }
    earlier = {
        channel: Earlier(channel, *draw(st.tuples(longs, longs, longs)))
        for channel in draw(few(texts, max_size=3, unique=True))
    }
    return Touches(first, last, by_channel, trails, earlier)


def _touches() -> st.SearchStrategy[Touches]:
    return st.booleans().flatmap(_share)


def _touches_datum(state: Touches) -> dict[str, Any]:
    shares = state.shares.items()
    return _share_datum(state) | {
        "shares": [{"origin": origin, **_share_datum(share)} for origin, share in shares]
    }


def _share_datum(state: Touches) -> dict[str, Any]:
    return {
        "first": plain(state.first),
        "last_by_channel": [plain(touch) for touch in state.last_by_channel.values()],
        "trails": [plain(trail) for trail in state.trails.values()],
        "earlier": [plain(one) for one in state.earlier.values()],
    }


def _touches_synced(state: Touches, delta: object, observed: bytes) -> dict[str, Any]:
    return {
        "first": plain(state.first),
        "last": plain(state.last),
        "by_channel": [plain(touch) for touch in state.last_by_channel.values()],
    }


# profiles, orders, aliases, windows

statements = st.builds(Statement, names, texts, texts, longs, texts, st.booleans())
profiles = st.dictionaries(
    texts, few(statements, min_size=1, max_size=3).map(tuple), max_size=4
).map(Profile)


def _profile_datum(state: Profile) -> dict[str, Any]:
    traits = [{"name": name, "statements": plain(kept)} for name, kept in state.traits.items()]
    return {"traits": traits}


def _order_synced(state: Any, delta: object, observed: bytes) -> dict[str, Any]:
    """By whose key it came is nobody else's business."""
    return {name: value for name, value in plain(state).items() if name != "origin"}


def _profile_synced(state: Profile, delta: ProfileDelta | None, observed: bytes) -> dict[str, Any]:
    traits = [{"name": name, "values": plain(values)} for name, values in state.values().items()]
    return {"traits": traits, "changed": list(delta.changed) if delta else []}


order_lines = st.builds(
    OrderLine,
    sku=texts,
    options_hash=texts,
    fulfilment=texts,
    store=texts,
    quantity=longs,
    amount=money,
)
orders = st.builds(
    Order,
    texts,
    texts,
    longs,
    texts,
    texts,
    few(order_lines, max_size=3).map(tuple),
    money,
    campaigns,
)
aliases = st.builds(
    Alias,
    texts,
    longs,
    texts,
    few(st.builds(Tenure, texts, longs, texts), max_size=3).map(tuple),
)


def _alias_synced(state: Alias, delta: object, observed: bytes) -> dict[str, Any]:
    return {"root": state.root, "since": state.since}


windows = st.builds(
    Window,
    st.dictionaries(
        texts,
        st.builds(SourceWindow, longs, longs, st.binary(max_size=64 * 16)),
        max_size=3,
    ),
    longs,
)


def _window_datum(state: Window) -> dict[str, Any]:
    sources = [
        {
            "source": name,
            "horizon": kept.horizon,
            "last_seen": kept.last_seen,
            "ids": kept.ids,
        }
        for name, kept in state.sources.items()
    ]
    return {"floor": state.floor, "sources": sources}


# timers

timers = st.builds(
    Timers,
    few(
        st.builds(Timer, texts, texts, texts, longs, st.sampled_from(["event", "wall"])),
        max_size=4,
    ).map(tuple),
)

key_rows = st.builds(
    PersonalKeys,
    few(st.builds(PersonalKey, texts, texts, texts, texts, longs, texts), max_size=3).map(tuple),
)

interactions = st.builds(
    Interactions,
    few(st.builds(Interaction, *[texts] * 5, longs, texts, names, names, texts), max_size=3).map(
        tuple
    ),
)


def _interactions_synced(state: Interactions, delta: object, observed: bytes) -> dict[str, Any]:
    shown = [_order_synced(one, delta, observed) for one in state.interactions]
    return {"interactions": shown}


erasures = st.builds(
    Erasure,
    *(texts, texts, st.booleans(), texts, texts, longs),
    few(texts, max_size=3).map(tuple),
    *(longs, longs, longs, longs, longs, texts, texts),
)

# consents

_minutes = st.integers(0, 1_439)
_flags = st.none() | st.builds(StatedFlag, st.booleans(), longs, texts)
consents = st.builds(
    Consents,
    few(
        st.builds(
            Consent,
            *[texts] * 5,
            st.builds(ConsentProof, texts, texts, longs),
            st.none() | longs,
            longs,
            texts,
        ),
        max_size=3,
    ).map(tuple),
    few(st.builds(StatedContactChoice, texts, st.booleans(), longs, texts), max_size=3).map(tuple),
    st.none()
    | st.builds(StatedQuietHours, st.builds(QuietHours, _minutes, _minutes), longs, texts),
    st.none() | st.builds(StatedLanguage, texts, longs, texts),
    _flags,
    _flags,
)


# links

_links = st.builds(Link, texts, longs, texts, texts, st.sampled_from(["verified", "observed"]))
_unlinks = st.builds(Unlink, texts, longs, texts, st.none() | texts.filter(bool))
links = st.builds(
    Links,
    texts,
    texts,
    st.integers(0, 9_999),
    st.frozensets(st.one_of(_links, _unlinks, st.builds(Apart, texts, texts, texts)), max_size=4),
    few(st.builds(Waiting, texts, st.integers(1, 99)), max_size=3).map(tuple),
    few(texts, max_size=3).map(tuple),
    longs,
    texts,
    st.integers(0, 9_999),
    st.frozensets(_links | st.builds(Apart, texts, texts, texts), max_size=3),
)


def _fact_datum(fact: Fact) -> dict[str, Any]:
    return {
        "kind": type(fact).__name__.lower(),
        "event_id": fact.event_id,
        "at": 0 if isinstance(fact, Apart) else fact.at,
        "one": fact.one,
        "other": fact.other or "",
        "strength": fact.strength if isinstance(fact, Link) else "",
    }


def _facts_data(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    data = [_fact_datum(fact) for fact in facts]
    return sorted(data, key=lambda one: [str(value) for value in one.values()])


def _links_datum(state: Links) -> dict[str, Any]:
    return {
        "coordinator": state.coordinator,
        "root": state.root,
        "by_facts": state.by_facts,
        "facts": _facts_data(state.facts),
        "waiting": plain(state.waiting),
        "carried": list(state.carried),
        "since": state.since,
        "event_id": state.event_id,
        "forgotten": state.forgotten,
        "repetitions": _facts_data(state.repetitions),
    }


# all

STATES: dict[str, st.SearchStrategy[Any]] = {
    "carts": carts,
    "touches": _touches(),
    "profiles": profiles,
    "orders": orders,
    "aliases": aliases,
    "windows": windows,
    "consents": consents,
    "timers": timers,
    "links": links,
    "keys": key_rows,
    "erasures": erasures,
    "interactions": interactions,
}
"""Any state of each table."""

causes = st.builds(Cause, texts, texts, texts, texts, longs, longs, texts)

_ROWS: dict[str, Any] = {
    "carts": _cart_datum,
    "touches": _touches_datum,
    "profiles": _profile_datum,
    "windows": _window_datum,
    "links": _links_datum,
}

_SYNCED: dict[str, Any] = {
    "carts": _cart_synced,
    "touches": _touches_synced,
    "profiles": _profile_synced,
    "orders": _order_synced,
    "aliases": _alias_synced,
    "interactions": _interactions_synced,
}


def row_datum(table: str, entry: Entry) -> dict[str, Any]:
    """A row as its schema has it."""
    return {"version": entry.version, **_ROWS.get(table, plain)(entry.state)}


def synced_datum(
    table: str,
    subject: str,
    entry: Entry,
    base_version: int,
    cause: Cause,
    delta: Any,
    observed: bytes,
) -> dict[str, Any]:
    """A sync event as its schema has it."""
    said = _SYNCED.get(table)
    return {
        "subject": subject,
        "version": entry.version,
        "base_version": base_version,
        "cause": {
            name: getattr(cause, name)
            for name in (
                "event_id",
                "event_type",
                "channel",
                "source",
                "occurred_at",
                "appended_at",
                "outcome",
            )
        },
        **(said(entry.state, delta, observed) if said else plain(entry.state)),
    }
