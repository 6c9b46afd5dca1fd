"""Avro's primitives are what fastavro writes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from ccstream.wire.primitives import (
    encode_array,
    encode_bytes,
    encode_long,
    encode_optional_word,
    encode_text,
    encode_word,
)

EDGES = sorted(
    {sign * ((1 << bits) + step) for bits in range(63) for step in (-1, 0, 1) for sign in (1, -1)}
    | {(1 << 63) - 1, -(1 << 63)}
)


def theirs(kind: Any, datum: object) -> bytes:
    out = BytesIO()
    schemaless_writer(out, kind, datum)
    return out.getvalue()


def test_numbers_of_every_length() -> None:
    assert [encode_long(n) for n in EDGES] == [theirs("long", n) for n in EDGES]


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_number(number: int) -> None:
    assert encode_long(number) == theirs("long", number)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 1 << 70, -(1 << 70)])
def test_a_number_of_more_than_64_bits_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        encode_long(number)


@given(st.text())
def test_any_text(text: str) -> None:
    expected = theirs("string", text)
    assert encode_text(text) == encode_word(text) == expected
    assert encode_optional_word(text) == theirs(["null", "string"], text)


@pytest.mark.parametrize("size", [0, 63, 64, 8_191, 8_192, 20_000])
def test_lengths_around_the_edges_of_the_tables(size: int) -> None:
    assert encode_text("x" * size) == theirs("string", "x" * size)
    assert encode_bytes(b"x" * size) == theirs("bytes", b"x" * size)


def test_no_text_at_all() -> None:
    assert encode_optional_word(None) == theirs(["null", "string"], None)


@pytest.mark.parametrize("count", [0, 1, 3, 9_000])
def test_an_array_is_its_items_one_after_the_other(count: int) -> None:
    numbers = list(range(count))
    kind = {"type": "array", "items": "long"}
    assert encode_array([encode_long(n) for n in numbers]) == theirs(kind, numbers)
