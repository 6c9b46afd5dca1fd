"""The classes of the domain and the schema files say the same, field by field."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from ccstream.domain import events
from ccstream.wire.catalogue import EVENTS, RECORDS
from ccstream.wire.mail import Mail
from ccstream.wire.rejected import Rejected
from ccstream.wire.schemas import default_schemas, schema

TYPED: dict[str, type[Struct]] = {
    **EVENTS,
    **RECORDS,
    "ccstream.system.v1.Mail": Mail,
    "ccstream.system.v1.Rejected": Rejected,
}

NAMES = {cls: fullname for fullname, cls in TYPED.items()}


def avro_type(hint: Any) -> Any:
    """The Avro type that a field of this Python type has, records by their full name."""
    if get_origin(hint) in {Union, UnionType}:
        (kind,) = (a for a in get_args(hint) if a is not NoneType)
        assert get_args(hint)[-1] is NoneType
        return ["null", avro_type(kind)]
    if get_origin(hint) is tuple:
        item, dots = get_args(hint)
        assert dots is Ellipsis
        return {"type": "array", "items": avro_type(item)}
    return {str: "string", bytes: "bytes", int: "long", bool: "boolean"}.get(hint) or NAMES[hint]


def file_type(kind: Any) -> Any:
    """The type in the file, times and short integers as the one integer that Python has."""
    if isinstance(kind, list):
        return [file_type(branch) for branch in kind]
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return {"type": "array", "items": file_type(kind["items"])}
        assert kind == {"type": "long", "logicalType": "timestamp-millis"}
        return "long"
    return "long" if kind == "int" else kind


@pytest.mark.parametrize("fullname", TYPED)
def test_class_and_file_have_the_same_fields_types_and_defaults(fullname: str) -> None:
    source = default_schemas().sources[fullname]
    cls = TYPED[fullname]
    hints = get_type_hints(cls)
    from_class = [(f.name, avro_type(hints[f.name]), f.default) for f in fields(cls)]
    from_file = []
    for field in source["fields"]:
        default = field.get("default", NODEFAULT)
        from_file.append(
            (field["name"], file_type(field["type"]), () if default == [] else default)
        )
    assert sorted(map(repr, from_class)) == sorted(map(repr, from_file))
    if cls is not Rejected:  # which has an optional field before a required one
        assert from_class == from_file


def test_every_event_class_has_a_schema_and_every_event_schema_a_class() -> None:
    classes = {
        c
        for c in vars(events).values()
        if isinstance(c, type) and issubclass(c, events.Event) and c is not events.Event
    }
    assert set(EVENTS.values()) == classes
    assert set(EVENTS) == {info.fullname for info in default_schemas().in_group("events")}


def test_every_event_begins_with_the_same_eight_fields() -> None:
    common = [f.name for f in fields(events.Event)]
    assert len(common) == 8
    beginnings = [default_schemas().sources[name]["fields"][:8] for name in EVENTS]
    assert [f["name"] for f in beginnings[0]] == common
    assert all(beginning == beginnings[0] for beginning in beginnings)


def test_a_schemas_name_is_its_class_name_and_its_namespace_its_context() -> None:
    for fullname, cls in EVENTS.items():
        assert schema(cls.__name__).fullname == fullname
