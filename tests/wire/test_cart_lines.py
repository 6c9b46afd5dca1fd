"""Lines of a cart's row that are left in their bytes until something of them is asked for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.domain.cart_state import Cart, Dot, Line, LineKey
from ccstream.domain.lines import assemble
from ccstream.domain.merge import lines_view
from ccstream.errors import StateError
from ccstream.wire.entry import Entry
from ccstream.wire.row_readers import read_cart_line
from ccstream.wire.rows import ROW_CODECS
from ccstream.wire.sync import SYNC_CODECS
from tests.wire.row_data import STATES, causes

CARTS = ROW_CODECS["carts"]


def as_read(cart: Cart) -> tuple[bytes, Cart]:
    row = CARTS.encode_row(Entry(cart, 1))
    return row, CARTS.decode_row(row).state


def is_unread(line: Line) -> bool:
    return line._read is not None


@given(STATES["carts"])
def test_a_line_that_is_left_alone_is_not_read_and_its_row_is_written_as_it_was(
    cart: Cart,
) -> None:
    row, again = as_read(cart)
    assert CARTS.encode_row(Entry(again, 1)) == row
    assert all(map(is_unread, again.lines.values()))
    assert [(line.key, line.quantity) for line in again.lines.values()] == [
        (line.key, line.quantity) for line in cart.lines.values()
    ]


@given(STATES["carts"], causes)
def test_readers_are_shown_the_same_of_a_row_that_was_read(cart: Cart, cause: Any) -> None:
    _, again = as_read(cart)
    shown = [
        SYNC_CODECS["carts"].encode_synced("customer:1", Entry(one, 2), 1, cause, None, b"")
        for one in (cart, again)
    ]
    assert shown[0] == shown[1]


@given(STATES["carts"])
def test_what_is_shown_of_a_single_dot_is_put_together_without_reading_it(cart: Cart) -> None:
    single = {
        key: assemble(key, line.dots[:1], () if line.dots else line.sets[:1])
        for key, line in cart.lines.items()
    }
    _, again = as_read(Cart(1, None, single))
    assert all(line.shown for line in again.lines.values())
    assert all(map(is_unread, lines_view(again)))


@given(STATES["carts"], st.sampled_from(("dots", "name", "added_at", "changed_at")))
def test_whatever_is_asked_for_first_all_of_it_is_as_it_was(cart: Cart, asked: str) -> None:
    _, again = as_read(cart)
    for key, line in cart.lines.items():
        assert getattr(again.lines[key], asked) == getattr(line, asked)
        assert not is_unread(again.lines[key])
        assert again.lines[key] == line
        assert hash(again.lines[key]) == hash(line)
        assert repr(again.lines[key]) == repr(line)
        assert line == read_cart_line(again.lines[key].kept)


def test_an_array_in_blocks_with_their_sizes_is_read_as_well() -> None:
    """As other Avro writers may write it."""
    text = b"\x02a"
    position = b"\x02\x04\x06"
    dot = b"".join((text * 3, b"\x08\x0a\x0c", b"\x01\x06", position, b"\x00", b"\x00\x00", text))
    dot += b"\x00"
    dots = b"\x01" + bytes([2 * len(dot)]) + dot + b"\x00"
    line = text + b"\x00\x00\x00" + dots + b"\x00"
    row = CARTS.encode_row(Entry(Cart(1, None, {}), 1))
    begin = len(row) - 4  # no lines, nothing pending or absorbed, the time
    (found,) = CARTS.decode_row(row[:begin] + b"\x02" + line + row[begin:]).state.lines.values()
    assert (found.key.sku, found.quantity) == ("a", 4)
    assert found.dots[0].positions == ((1, 2, 3),)
    assert found.channel == "a"
    assert found.shown[-1:] == b"a"


@given(STATES["carts"].filter(lambda cart: bool(cart.lines)), st.data())
def test_of_a_damaged_row_it_is_said_that_it_is_none_or_its_lines_are_read(
    cart: Cart, data: st.DataObject
) -> None:
    damaged = bytearray(as_read(cart)[0])
    damaged[data.draw(st.integers(10, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        lines = CARTS.decode_row(bytes(damaged)).state.lines.values()
    except StateError:
        return
    for line in lines:
        with suppress(StateError):
            assert line.dots or line.sets
            assert read_cart_line(line.kept).key == line.key


def test_a_line_that_cannot_be_read_later_is_a_damaged_row() -> None:
    dot = Dot("e1", "web", "shop", 1, 5, 6, ((0, 0, 0),), None, "teacup")
    key = LineKey("mug")
    row, _ = as_read(Cart(1, None, {key: assemble(key, (dot,), ())}))
    line = CARTS.decode_row(row.replace(b"teacup", b"tea\xff\xfe\xfd")).state.lines[key]
    assert (line.quantity, line.unit_price) == (1, None)
    with pytest.raises(StateError, match=r"a row is no CartRow: .* its changelog is damaged"):
        line.name  # noqa: B018 - it is asking that is tried


@given(STATES["carts"])
def test_that_a_line_has_no_price_is_known_without_reading_it(cart: Cart) -> None:
    _, again = as_read(cart)
    for key, line in cart.lines.items():
        free = all(dot.unit_price is None for dot in line.dots + line.sets)
        assert again.lines[key].unit_price == line.unit_price
        assert is_unread(again.lines[key]) == free
