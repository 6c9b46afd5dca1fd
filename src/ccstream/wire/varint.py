"""Numbers of varying length, read from bytes strictly, and written."""

from __future__ import annotations

from typing import Final

from ccstream.wire.primitives import BytesWriter, put_long

__all__ = ["SMALL", "VARINT_BYTES_MAX", "Malformed", "encode_long", "long", "long_length"]

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


def encode_long(value: int) -> bytes:
    """Avro's int and long: zigzag, then groups of seven bits, the lowest first."""
    out = BytesWriter()
    put_long(out, value | 0)  # interpreted, it would cut a float
    return out.getvalue()


SMALL: Final[tuple[bytes, ...]] = tuple([encode_long(n) for n in range(1024)])
"""The encodings of 0 to 1,023, which are nearly all lengths and quantities."""
