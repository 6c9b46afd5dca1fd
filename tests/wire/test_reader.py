"""What is generated from a schema reads it, also where parts of it are read by other functions."""

from __future__ import annotations

from typing import Any, Final

import pytest
from msgspec import Struct

from ccstream.wire.reader import reader_source
from ccstream.wire.varint import Malformed, long, long_length

DOT: Final = {"type": "record", "name": "Dot", "fields": [{"name": "at", "type": "long"}]}
KIND: Final = {"type": "enum", "name": "Kind", "symbols": ["add", "set"]}
HASH: Final = {"type": "fixed", "name": "Hash", "size": 2}


class Dot(Struct):
    at: int


class Row(Struct):
    lines: tuple[str, ...]
    last: Any


def skipped_line(b: bytes, p: int) -> tuple[str, int]:
    """Reads a line that has one byte."""
    return f"line {b[p]}", p + 1


def read(line_field: Any, last: str, data: bytes) -> Any:
    """Read a row of lines that are read elsewhere, and what refers to a type defined in these."""
    line = {"type": "record", "name": "Line", "fields": [{"name": "inside", "type": line_field}]}
    fields = [
        {"name": "lines", "type": {"type": "array", "items": line}},
        {"name": "last", "type": last},
    ]
    row = {"type": "record", "name": "Row", "fields": fields}
    source = reader_source(
        row,
        {"Row": "Row", "Dot": "Dot"},
        "read_row",
        types={"Line": "str"},
        elsewhere={"Line": "skipped_line(b, p)"},
    )
    names: dict[str, Any] = {"Row": Row, "Dot": Dot, "skipped_line": skipped_line}
    names |= {"Malformed": Malformed, "long": long, "long_length": long_length}
    exec(source, names)
    return names["read_row"](data, 0)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda kind: kind,
        lambda kind: ["null", kind],
        lambda kind: {"type": "array", "items": kind},
        lambda kind: {"type": "map", "values": ["null", {"type": "array", "items": kind}]},
        lambda kind: {
            "type": "record",
            "name": "Between",
            "fields": [{"name": "deep", "type": kind}],
        },
        lambda kind: {"type": kind},
    ],
)
@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [(DOT, b"\x0e", Dot(7)), (KIND, b"\x02", "set"), (HASH, b"ab", b"ab")],
    ids=["record", "enum", "fixed"],
)
def test_a_type_that_is_defined_in_a_record_read_elsewhere_is_known_after_it(
    wrapped: Any, kind: dict[str, Any], data: bytes, value: Any
) -> None:
    row = read(wrapped(kind), kind["name"], b"\x04\x05\x06\x00" + data)
    assert row == Row(("line 5", "line 6"), value)
