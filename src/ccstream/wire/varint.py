"""Numbers of varying length, read from bytes strictly."""

from __future__ import annotations

from typing import Final

__all__ = ["VARINT_BYTES_MAX", "Malformed", "long", "long_length"]

VARINT_BYTES_MAX: Final = 10
"""A 64-bit number in groups of seven bits takes no more."""


class Malformed(ValueError):  # noqa: N818 - a finding about bytes, translated at the boundary
    """The bytes break Avro's binary encoding, or are not this record's."""


def long(b: bytes, p: int) -> tuple[int, int]:
    """Avro's ``int`` or ``long`` at ``p``, and where the next value begins."""
    end = p + VARINT_BYTES_MAX
    n = shift = 0
    while True:
        c = b[p]
        p += 1
        n |= (c & 0x7F) << shift
        if c < 128:
            break
        if p == end:
            raise Malformed("a number that does not end")
        shift += 7
    if n >> 64:
        raise Malformed("a number of more than 64 bits")
    return (n >> 1) ^ -(n & 1), p


def long_length(b: bytes, p: int) -> tuple[int, int]:
    """As `long`, for lengths, which are never negative."""
    n, p = long(b, p)
    if n < 0:
        raise Malformed("a negative length")
    return n, p
