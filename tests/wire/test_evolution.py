"""Events written with another version of their schema, older or newer, released or registered."""

from __future__ import annotations

import copy
import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastavro import schemaless_writer

from ccstream.domain import reasons
from ccstream.domain.events import CartItemAdded
from ccstream.errors import SchemaError, UndecodableError
from ccstream.wire.codec import Codec
from ccstream.wire.framing import confluent_prefix, single_object_prefix
from ccstream.wire.schemas import SchemaInfo, SchemaSet, schema
from tests.wire.samples import SAMPLES

TREE = Path(__file__).parents[2] / "schemas"
NAME = "ccstream.cart.v1.CartItemAdded"
added = next(e for e in SAMPLES if isinstance(e, CartItemAdded))


class FakeRegistry:
    """A registry with some writers by id."""

    def __init__(self, *writers: SchemaInfo) -> None:
        self.writers = writers

    def writer(self, schema_id: int) -> SchemaInfo:
        return self.writers[schema_id]

    def schema_id(self, info: SchemaInfo) -> int:
        return [w.fingerprint for w in self.writers].index(info.fingerprint)


def version(change: Any) -> SchemaInfo:
    """CartItemAdded as another version has it."""
    raw = copy.deepcopy(schema(NAME).raw)
    change(raw["fields"])
    return SchemaInfo.of(raw, group="events", version=1)


def without_name(fields: list[dict[str, Any]]) -> None:
    fields[:] = [f for f in fields if f["name"] != "name"]


def with_more(fields: list[dict[str, Any]]) -> None:
    fields[3:3] = [
        {"name": "weights", "type": {"type": "map", "values": "double"}, "default": {}},
        {
            "name": "mood",
            "type": {"type": "enum", "name": "Mood", "symbols": ["GOOD", "BAD"]},
            "default": "GOOD",
        },
        {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 4}},
        {"name": "ratio", "type": ["float", "null", "string"], "default": 1.0},
    ]


MORE = {"weights": {"a": 0.5, "b": 1.5}, "mood": "BAD", "digest": b"\x01\x02\x03\x04", "ratio": 2.0}


def written(writer: SchemaInfo, **more: Any) -> bytes:
    out = BytesIO()
    fields = msgspec.to_builtins(added, builtin_types=(bytes,))
    schemaless_writer(out, writer.parsed, {**fields, **more})
    return out.getvalue()


def codec_knowing(tmp_path: Path, writer: SchemaInfo) -> Codec:
    root = tmp_path / "schemas"
    shutil.copytree(TREE, root, ignore=shutil.ignore_patterns("released"))
    release = root / "released" / NAME / "1.avsc"
    release.parent.mkdir(parents=True)
    release.write_text(json.dumps(writer.raw), encoding="utf-8")
    return Codec(schemas=SchemaSet(root))


@pytest.mark.parametrize(
    ("change", "more", "expected"),
    [
        (without_name, {}, msgspec.structs.replace(added, name=None)),
        (with_more, MORE, added),
    ],
    ids=["older, without a name", "newer, with fields of every type"],
)
def test_an_event_of_another_released_version_is_read_into_todays(
    tmp_path: Path, change: Any, more: dict[str, Any], expected: CartItemAdded
) -> None:
    writer = version(change)
    codec = codec_knowing(tmp_path, writer)
    value = single_object_prefix(writer) + written(writer, **more)
    assert codec.decode_event(value) == expected
    name, fields = codec.decode(value)
    assert (name, fields["quantity"], fields["name"]) == ("CartItemAdded", 2, expected.name)
    assert "weights" not in fields
    for length in range(10, len(value)):
        with pytest.raises(UndecodableError):
            codec.decode_event(value[:length])


@pytest.mark.parametrize("change", [lambda fields: None, without_name, with_more])
def test_an_event_with_a_registered_schema_is_read_into_todays(change: Any) -> None:
    writer = version(change)
    codec = Codec(FakeRegistry(writer))
    more = MORE if change is with_more else {}
    event = codec.decode_event(confluent_prefix(0) + written(writer, **more))
    assert isinstance(event, CartItemAdded)
    assert (event.event_id, event.quantity, event.unit_price) == (
        added.event_id,
        added.quantity,
        added.unit_price,
    )


def test_a_registered_schema_that_does_not_fit_todays_is_unknown() -> None:
    def quantity_as_text(fields: list[dict[str, Any]]) -> None:
        next(f for f in fields if f["name"] == "quantity")["type"] = "string"

    writer = version(quantity_as_text)
    with pytest.raises(UndecodableError) as caught:
        Codec(FakeRegistry(writer)).decode_event(
            confluent_prefix(0) + written(writer, quantity="two")
        )
    assert caught.value.reason == reasons.UNKNOWN_SCHEMA


def test_a_registered_schema_that_contains_itself_is_unknown() -> None:
    def endless(fields: list[dict[str, Any]]) -> None:
        fields.append({"name": "next", "type": ["null", NAME], "default": None})

    with pytest.raises(UndecodableError) as caught:
        Codec(FakeRegistry(version(endless))).decode_event(confluent_prefix(0) + bytes(50))
    assert caught.value.reason == reasons.UNKNOWN_SCHEMA


def test_a_registered_schema_of_somebody_else_is_not_an_event() -> None:
    raw = {"type": "record", "name": "CartItemAdded", "namespace": "elsewhere", "fields": []}
    foreign = SchemaInfo.of(raw, group="registry")
    with pytest.raises(UndecodableError) as caught:
        Codec(FakeRegistry(foreign)).decode_event(confluent_prefix(0))
    assert caught.value.reason == reasons.NOT_AN_EVENT


def test_names_in_a_registered_schema_cannot_become_code() -> None:
    raw = copy.deepcopy(schema(NAME).raw)
    raw["fields"][8]["name"] = "sku': exit(), 'x"
    writer = SchemaInfo.of(raw, group="registry")
    with pytest.raises(UndecodableError):  # rather than SystemExit
        Codec(FakeRegistry(writer)).decode_event(confluent_prefix(0) + bytes(50))


def test_the_confluent_framing_is_written_with_the_registrys_id_and_read_back() -> None:
    registry = FakeRegistry(*(schema(n) for n in ("Money", NAME)))
    codec = Codec(registry, confluent=True)
    value = codec.encode_event(added)
    assert value[:5] == b"\x00\x00\x00\x00\x01"
    assert codec.decode_event(value) == added
    assert codec.decode(value)[0] == "CartItemAdded"
    assert codec.decode_event(Codec().encode_event(added)) == added  # the other framing too


def test_writing_the_confluent_framing_needs_a_registry() -> None:
    with pytest.raises(SchemaError, match="registry"):
        Codec(confluent=True)
