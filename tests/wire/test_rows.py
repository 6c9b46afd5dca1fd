"""Rows are what their schemas say, and come back as they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccstream.domain import touch
from ccstream.domain.cart import step as cart_step
from ccstream.domain.events import CartItemAdded, Money
from ccstream.domain.identity import Alias
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.window import WindowLimits, admit
from ccstream.errors import StateError
from ccstream.wire.catalogue import TABLES
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.reader import compile_reader
from ccstream.wire.rows import ROW_CODECS, ROW_SCHEMAS
from ccstream.wire.schemas import SchemaSet
from tests.golden.make import golden_file
from tests.wire.row_data import STATES, avro, longs, read, row_datum

SCHEMAS = Path(__file__).parents[2] / "schemas"
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_every_table_has_a_codec() -> None:
    assert tuple(ROW_SCHEMAS) == TABLES


@pytest.mark.parametrize("table", TABLES)
@QUICK
@given(data=st.data())
def test_a_row_is_written_as_its_schema_says_and_comes_back_as_it_was(
    table: str, data: st.DataObject
) -> None:
    entry = Entry(data.draw(STATES[table]), data.draw(longs))
    codec = ROW_CODECS[table]
    value = codec.encode_row(entry)
    assert value == avro(ROW_SCHEMAS[table], row_datum(table, entry))
    again = codec.decode_row(value)
    assert (again.state, again.version) == (entry.state, entry.version)


@pytest.mark.parametrize("table", TABLES)
@QUICK
@given(data=st.data())
def test_a_row_is_written_the_same_a_second_time(table: str, data: st.DataObject) -> None:
    codec = ROW_CODECS[table]
    entry = Entry(data.draw(STATES[table]), data.draw(longs))
    value = codec.encode_row(entry)
    assert codec.encode_row(entry) == value
    assert codec.encode_row(codec.decode_row(value)) == value


@pytest.mark.parametrize("table", TABLES)
def test_bytes_that_are_no_row_of_the_table_stop_the_worker_with_a_sentence(table: str) -> None:
    codec = ROW_CODECS[table]
    good = ROW_CODECS["aliases"].encode_row(Entry(Alias("customer:1", 5, "e"), 7))
    other = good if table != "aliases" else b"\xc3\x01" + bytes(8) + good[10:]
    for value in (b"", b"\xc3\x01", other, b"\x00" * 40, single_object(table) + b"\xff" * 9):
        with pytest.raises(StateError, match=ROW_SCHEMAS[table]):
            codec.decode_row(value)


def single_object(table: str) -> bytes:
    return single_object_prefix(SchemaSet(SCHEMAS).schema(ROW_SCHEMAS[table]))


@pytest.mark.parametrize("table", TABLES)
@QUICK
@given(data=st.data(), cut=st.integers(1, 5))
def test_a_row_that_is_cut_short_or_too_long_is_refused(
    table: str, data: st.DataObject, cut: int
) -> None:
    codec = ROW_CODECS[table]
    value = codec.encode_row(Entry(data.draw(STATES[table]), data.draw(longs)))
    for broken in (value[:-cut], value + b"\x00" * cut):
        with pytest.raises(StateError):
            codec.decode_row(broken)


def test_a_row_written_by_a_released_version_is_read_as_todays(tmp_path: Path) -> None:
    root = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, root)
    file = root / "state" / "AliasRow.avsc"
    today = json.loads(file.read_text(encoding="utf-8"))
    old = {
        **today,
        "fields": [
            today["fields"][0],
            {"name": "strength", "type": "string"},
            *(one for one in today["fields"] if one["name"] in {"root", "since"}),
        ],
    }
    next(one for one in today["fields"] if one["name"] == "event_id")["default"] = "unknown"
    file.write_text(json.dumps(today), encoding="utf-8")
    released = root / "released" / "ccstream.state.v1.AliasRow" / "1.avsc"
    released.parent.mkdir(parents=True, exist_ok=True)
    released.write_text(json.dumps(old), encoding="utf-8")
    schemas = SchemaSet(root)
    before, now = schemas.released("ccstream.state.v1.AliasRow")[0], schemas.schema("AliasRow")

    def entry(version: int, **fields: Any) -> Entry:
        return Entry(Alias(**fields), version)

    read_row = RowReader(
        now, compile_reader(now.parsed, {"ccstream.state.v1.AliasRow": entry}), schemas
    )
    body = b"\x0e" + b"\x02s" + b"\x14customer:1" + b"\x0a"
    row = read_row(single_object_prefix(before) + body)
    assert (row.version, row.state) == (7, Alias("customer:1", 5, "unknown"))


def test_a_basket_of_every_released_version_is_opened_and_its_dots_have_their_ids() -> None:
    releases = SchemaSet(SCHEMAS).released("ccstream.state.v1.CartRow")
    assert len(releases) > 2
    for release in releases:
        full, _ = json.loads(golden_file(release).read_text(encoding="utf-8"))
        cart = ROW_CODECS["carts"].decode_row(bytes.fromhex(full["bytes"])).state
        written = [dot for line in full["fields"]["lines"] for dot in line["dots"] + line["sets"]]
        dots = [dot for line in cart.lines.values() for dot in line.dots + line.sets]
        ids = {one["event_id"] if not one.get("event_uuid") else as_uuid(one) for one in written}
        assert {dot.event_id for dot in dots} <= ids
        assert dots


def as_uuid(dot: dict[str, Any]) -> str:
    return str(UUID(dot["event_uuid"]))


def test_all_of_a_customer_with_five_lines_takes_little_room() -> None:
    noon = 1_790_000_000_000
    scope = Scope(b"state-id", 3, 8)
    cart = touches = window = None
    for n in range(5):
        channel = ("web", "app")[n % 2]
        event = CartItemAdded(
            event_id=str(UUID(int=n + (1 << 100))),
            occurred_at=noon + n * 60_000,
            channel=channel,
            source=f"{channel}-shop",
            subject="customer:123456",
            sku=f"4006381{n:06}",
            quantity=1,
            unit_price=Money(1_999, "EUR"),
            name="Article with a usual name",
        )
        at = Moment(noon + n * 60_000 + 50, 0, 200_000 + n, scope, (200_000,) * 11)
        cart, _ = cart_step(cart, event, at)
        touches, _ = touch.step(touches, event, at)
        _, window = admit(
            window, event.event_id, event.occurred_at, event.source, at.now, WindowLimits()
        )
    version = (3 << 32) + 1_000
    size = {
        table: len(ROW_CODECS[table].encode_row(Entry(state, version)))
        for table, state in (("carts", cart), ("touches", touches), ("windows", window))
    }
    assert sum(size.values()) <= 1_050, size


def test_a_changelog_can_be_read_with_the_schema_alone() -> None:
    value = ROW_CODECS["aliases"].encode_row(Entry(Alias("customer:1", 5, "e"), 7))
    assert read("AliasRow", value) == {
        "version": 7,
        "root": "customer:1",
        "since": 5,
        "event_id": "e",
        "earlier": [],
        "known_from": None,
        "erased_until": 0,
    }
