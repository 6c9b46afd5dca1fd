"""Avro's primitives are what fastavro writes."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from ccstream.wire.primitives import (
    BytesWriter,
    put_bytes,
    put_long,
    put_optional_text,
    put_text,
)

EDGES = sorted(
    {sign * ((1 << bits) + step) for bits in range(63) for step in (-1, 0, 1) for sign in (1, -1)}
    | {(1 << 63) - 1, -(1 << 63)}
)


def ours(put: Callable[[BytesWriter, Any], None], datum: object) -> bytes:
    out = BytesWriter()
    put(out, datum)
    return out.getvalue()


def theirs(kind: Any, datum: object) -> bytes:
    out = BytesIO()
    schemaless_writer(out, kind, datum)
    return out.getvalue()


def test_numbers_of_every_length() -> None:
    assert [ours(put_long, n) for n in EDGES] == [theirs("long", n) for n in EDGES]


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_number(number: int) -> None:
    assert ours(put_long, number) == theirs("long", number)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 1 << 70, -(1 << 70)])
def test_a_number_of_more_than_64_bits_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        ours(put_long, number)


@given(st.text())
def test_any_text(text: str) -> None:
    assert ours(put_text, text) == theirs("string", text)
    assert ours(put_optional_text, text) == theirs(["null", "string"], text)


@pytest.mark.parametrize("size", [0, 63, 64, 8_191, 8_192, 20_000])
def test_lengths_of_one_byte_and_of_more(size: int) -> None:
    assert ours(put_text, "x" * size) == theirs("string", "x" * size)
    assert ours(put_bytes, b"x" * size) == theirs("bytes", b"x" * size)


def test_no_text_at_all() -> None:
    assert ours(put_optional_text, None) == theirs(["null", "string"], None)


def test_what_is_put_stands_behind_what_was_put_before() -> None:
    out = BytesWriter()
    put_text(out, "a")
    put_long(out, -1)
    assert out.getvalue() == theirs("string", "a") + theirs("long", -1)
