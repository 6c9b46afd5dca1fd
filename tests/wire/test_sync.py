"""Sync events are what their schemas say, also where they are spliced from what was before."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccstream.domain import cart, touch
from ccstream.domain.cart_state import CartDelta
from ccstream.domain.effects import Publish
from ccstream.domain.events import (
    Campaign,
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    Money,
)
from ccstream.domain.merge import lines_view
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.profile import ProfileDelta
from ccstream.domain.signals import CartAbandoned
from ccstream.wire.catalogue import SYNC_SCHEMAS
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.rows import ROW_CODECS
from ccstream.wire.schemas import schema
from ccstream.wire.signals import SIGNAL_ENCODER, signal_encoder
from ccstream.wire.sync import SYNC_CODECS, sync_codecs
from tests.wire.row_data import (
    STATES,
    avro,
    causes,
    deltas,
    line_datum,
    longs,
    row_datum,
    synced_datum,
    texts,
)

NOON = 1_790_000_000_000
SCOPE = Scope(b"state-id", 3, 8)
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_every_table_that_is_published_has_a_codec() -> None:
    assert all(SYNC_CODECS[table] for table in SYNC_SCHEMAS)


def any_delta(table: str, state: Any) -> st.SearchStrategy[Any]:
    if table == "carts":
        shown = st.lists(st.sampled_from(list(state.lines.values())), max_size=2)
        with_lines = st.builds(
            lambda delta, lines: dataclasses.replace(delta, upserted=tuple(lines)),
            deltas,
            shown if state.lines else st.just([]),
        )
        return st.none() | with_lines
    if table == "profiles":
        return st.none() | st.builds(ProfileDelta, st.lists(texts, max_size=2).map(tuple))
    return st.none()


@pytest.mark.parametrize("table", SYNC_SCHEMAS)
@QUICK
@given(data=st.data())
def test_a_sync_event_is_written_as_its_schema_says(table: str, data: st.DataObject) -> None:
    state = data.draw(STATES[table])
    entry = Entry(state, data.draw(longs))
    said = (
        data.draw(texts),
        entry,
        data.draw(longs),
        data.draw(causes),
        data.draw(any_delta(table, state)),
        data.draw(st.binary(max_size=120)),
    )
    expected = avro(SYNC_SCHEMAS[table], synced_datum(table, *said))
    assert SYNC_CODECS[table].encode_synced(*said) == expected
    assert SYNC_CODECS[table].encode_synced(*said) == expected, "and so it is the second time"


@pytest.mark.parametrize(("table", "name"), SYNC_SCHEMAS.items())
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_framing_of_ones_choice_is_put_in_front(
    table: str, name: str, data: st.DataObject
) -> None:
    codecs = sync_codecs(lambda info: info.name.encode())
    said = ("customer:1", Entry(data.draw(STATES[table]), 1), 0, a_cause(), None, b"")
    plain = SYNC_CODECS[table].encode_synced(*said)
    assert codecs[table].encode_synced(*said) == name.encode() + plain[10:]


def a_cause() -> Cause:
    return Cause("e", "CartItemAdded", "web", "shop", NOON, NOON + 9, "applied")


def added(event_id: str, number: int) -> CartItemAdded:
    return CartItemAdded(
        event_id=event_id,
        occurred_at=NOON + number,
        channel="web",
        source="shop",
        subject="customer:1",
        sku="A",
        quantity=1,
    )


def at(number: int) -> Moment:
    return Moment(NOON + number, 0, number, SCOPE, (number - 1,) * 11)


@st.composite
def shopping(draw: st.DrawFn) -> list[Event]:
    """Events that put in, set, take out and clear, a few seconds or days apart."""
    events: list[Event] = []
    now = NOON
    for number in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([1, 60_000, 3_600_000]))
        channel = draw(st.sampled_from(["web", "app", "store"]))
        meta: dict[str, Any] = {
            "event_id": f"e-{number}" if draw(st.booleans()) else str(number % 10),
            "occurred_at": now - draw(st.sampled_from([0, 0, 0, 7_200_000])),
            "channel": channel,
            "source": f"{channel}:{draw(st.integers(1, 2))}",
            "subject": "customer:1",
            "campaign": draw(st.sampled_from([None, Campaign("spring")])),
        }
        sku = draw(st.sampled_from("ABCDEF"))
        kind = draw(st.sampled_from(["add", "add", "add", "set", "remove", "clear"]))
        match kind:
            case "add":
                price = draw(st.sampled_from([None, Money(1_999, "EUR"), Money(5, "EUR")]))
                events.append(CartItemAdded(**meta, sku=sku, quantity=1, unit_price=price))
            case "set":
                quantity = draw(st.integers(0, 3))
                events.append(CartItemQuantitySet(**meta, sku=sku, quantity=quantity))
            case "remove":
                events.append(CartItemRemoved(**meta, sku=sku))
            case "clear":
                events.append(CartCleared(**meta))
    return events


@settings(max_examples=80, deadline=None)
@given(shopping(), st.data())
def test_spliced_from_what_was_before_nothing_differs_from_encoding_afresh(
    events: list[Event], data: st.DataObject
) -> None:
    steps: dict[str, Any] = {"carts": cart.step, "touches": touch.step}
    entries: dict[str, Entry] = {}
    for number, event in enumerate(events):
        cause = Cause(
            event.event_id,
            type(event).__name__,
            event.channel,
            event.source,
            event.occurred_at,
            NOON + number,
            "applied",
        )
        for table, step in steps.items():
            before = entries.get(table)
            state, effects = step(before.state if before else None, event, at(number))
            if state is None:
                continue
            delta = next((one.delta for one in effects if isinstance(one, Publish)), None)
            entry = Entry(state, 100 + number)
            said = ("customer:1", entry, 99 + number, cause, delta, b"token")
            value = SYNC_CODECS[table].encode_synced(*said)
            assert value == avro(SYNC_SCHEMAS[table], synced_datum(table, *said))
            if data.draw(st.booleans()):
                row = ROW_CODECS[table].encode_row(entry)
                name = {"carts": "CartRow", "touches": "TouchRow"}[table]
                assert row == avro(name, row_datum(table, entry))
                if data.draw(st.booleans()):
                    entry = ROW_CODECS[table].decode_row(row)
                    assert entry.state == state
            entries[table] = entry


@pytest.mark.parametrize(
    "other",
    [
        {"event_id": "x"},
        {"event_type": "ProductViewed"},
        {"channel": "app"},
        {"source": "shop 2"},
        {"occurred_at": NOON + 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_touch_that_only_resembles_the_cause_keeps_its_own_fields(other: dict[str, Any]) -> None:
    state, _ = touch.step(None, added("e", 0), at(0))
    for cause in (a_cause(), dataclasses.replace(a_cause(), **other)):
        said = ("customer:1", Entry(state, 2), 1, cause, None, b"")
        value = SYNC_CODECS["touches"].encode_synced(*said)
        assert value == avro("LastTouchSynced", synced_datum("touches", *said))


def test_a_line_that_an_event_left_alone_keeps_its_bytes() -> None:
    state, _ = cart.step(None, added("a", 1), at(1))
    entry = Entry(state, 1)
    SYNC_CODECS["carts"].encode_synced("customer:1", entry, 0, a_cause(), None, b"")
    assert state is not None
    kept = lines_view(state)[0].shown
    assert kept
    other = msgspec.structs.replace(added("b", 2), sku="B")
    after, effects = cart.step(state, other, at(2))
    next_entry = Entry(after, 2)
    publish = effects[0]
    assert isinstance(publish, Publish)
    assert isinstance(publish.delta, CartDelta)
    SYNC_CODECS["carts"].encode_synced("customer:1", next_entry, 1, a_cause(), publish.delta, b"")
    assert after is not None
    assert lines_view(after)[0].shown is kept


def test_the_version_is_where_every_reader_finds_it() -> None:
    for table, name in SYNC_SCHEMAS.items():
        fields = [field["name"] for field in schema(name).raw["fields"]]
        assert fields[:3] == ["subject", "version", "base_version"], table


@QUICK
@given(data=st.data())
def test_a_signal_is_written_as_its_schema_says(data: st.DataObject) -> None:
    state = data.draw(STATES["carts"])
    number, version, idle_since, occurred_at = data.draw(st.tuples(*[longs] * 4))
    subject, event_id = data.draw(texts), data.draw(texts)
    lines = tuple(state.lines.values())
    signal = CartAbandoned(number, idle_since, state.currency, lines)
    datum = {
        "subject": subject,
        "version": version,
        "event_id": event_id,
        "occurred_at": occurred_at,
        "cart_number": number,
        "idle_since": idle_since,
        "currency": state.currency,
        "lines": [line_datum(line) for line in lines],
    }
    expected = avro("CartAbandoned", datum)
    assert SIGNAL_ENCODER(signal, subject, version, event_id, occurred_at) == expected
    framed = signal_encoder(lambda info: info.name.encode())
    written = framed(signal, subject, version, event_id, occurred_at)
    assert written == b"CartAbandoned" + expected[10:]
