"""Lines of a cart's row, left in their bytes.

An event changes one line of a cart and leaves the others alone, of which its row and its snapshot
need the bytes alone. So a line is passed over: its key and its quantity are read, and where it has
one dot, which is usual, the bytes that readers are shown are put together from those of the row.
`Line.unread` has the rest read if it is asked for, by the reader that is made from the schema.

What is here follows the fields of ``CartRowLine`` and ``CartDot``, and makes a line of
``CartSynced`` of them: who changes one of these schemas changes this, and
``tests/wire/test_cart_lines.py`` holds it to them. What is passed over is not checked; brokers and
stores have checksums.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from ccstream.domain.cart_state import Line, ReadLine, line_key
from ccstream.wire.primitives import NULL, SOME
from ccstream.wire.varint import Malformed, long, long_length

__all__ = ["line_at"]

_LONG_LENGTH: Final = 0x81
"""The bits of a length's first byte that say that it is negative or goes on."""


def line_at(b: bytes, p: i64, read: ReadLine) -> tuple[Line, int]:
    """The record ``CartRowLine`` at ``p``, and where the next value begins.

    Args:
        b: the row.
        p: where the line begins.
        read: reads the whole of one from its bytes.
    """
    begin = p
    sku, p = _text(b, p)
    options_hash, p = _text(b, p)
    fulfilment, p = _text(b, p)
    store, p = _text(b, p)
    key_end = p
    dots: i64 = 0
    adds = 0
    in_force = 0
    priced = False
    channel_at: i64 = 0
    channel_end: i64 = 0
    quantity_at: i64 = 0
    occurred_at: i64 = 0
    occurred_end: i64 = 0
    price_at: i64 = 0
    price_end: i64 = 0
    for sets in (False, True):
        while b[p]:
            count, p = _count(b, p)
            dots += count
            while count:
                count -= 1
                channel_at = _past_text(b, p)
                channel_end = _past_text(b, channel_at)
                quantity_at = _past_text(b, channel_end)
                quantity, occurred = long(b, quantity_at)
                if sets:
                    in_force = quantity
                else:
                    adds += quantity
                occurred_at = occurred
                occurred_end = _past_long(b, occurred_at)
                price_at = _past_positions(b, _past_long(b, occurred_end))
                p = price_at + 1
                if _some(b, price_at):
                    priced = True
                    p = _past_text(b, _past_long(b, p))
                price_end = p + 1
                if _some(b, p):
                    price_end = _past_text(b, price_end)
                p = _past_text(b, price_end) + 1
                if _some(b, p - 1):
                    p = _past_text(b, p)
        p += 1
    if p > len(b):
        raise IndexError("cut short")
    shown = b""
    if dots == 1:
        occurred_bytes = b[occurred_at:occurred_end]
        shown = b"".join(
            (
                b[begin:key_end],
                b[quantity_at:occurred_at],
                b[price_at:price_end],
                occurred_bytes,
                occurred_bytes,
                b[channel_at:channel_end],
            )
        )
    key = line_key(sku, options_hash, fulfilment, store)
    return Line.unread(key, adds + in_force, priced, b[begin:p], shown, read), p


def _text(b: bytes, p: i64) -> tuple[str, i64]:
    """A ``string``, and where it ends."""
    length, begin = _length(b, p)
    if not length:  # as most are
        return "", begin
    end = begin + length
    return b[begin:end].decode(), end


def _past_text(b: bytes, p: i64) -> i64:
    """Where a ``string`` or ``bytes`` ends."""
    length, begin = _length(b, p)
    return begin + length


def _length(b: bytes, p: i64) -> tuple[i64, i64]:
    """How many bytes a ``string`` or ``bytes`` has, and where they begin."""
    n: i64 = b[p]
    if n & _LONG_LENGTH:
        length, begin = long_length(b, p)
        return length, begin
    return n >> 1, p + 1


def _past_long(b: bytes, p: i64) -> i64:
    while b[p] > 127:
        p += 1
    return p + 1


def _past_positions(b: bytes, p: i64) -> i64:
    """Where an array of ``CartPosition`` ends."""
    while b[p]:
        count, p = _count(b, p)
        while count:
            count -= 1
            p = _past_long(b, _past_long(b, _past_long(b, p)))
    return p + 1


def _count(b: bytes, p: i64) -> tuple[i64, i64]:
    """How many items a block of an array has, and where the first begins."""
    count, q = long(b, p)
    if count < 0:  # its size in bytes stands in front
        count = -count
        _, q = long_length(b, q)
    if count > len(b) - q:
        raise IndexError("cut short")
    return count, q


def _some(b: bytes, p: i64) -> bool:
    """Whether a union of null and one other type holds the other."""
    index: i64 = b[p]
    if index == SOME:
        return True
    if index != NULL:
        raise Malformed("a union index that does not exist")
    return False
