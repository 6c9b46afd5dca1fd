"""Avro's primitive types as bytes, appended to a writer.

A number is written in groups of seven bits, the lowest first, after zigzag (0, -1, 1, -2, ...
become 0, 1, 2, 3, ...). These are called some hundred times an event: compiled, each takes
some twenty nanoseconds (see `docs/adr/0009`), interpreted about half a microsecond.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64, u8

__all__ = [
    "NULL",
    "SOME",
    "ZERO",
    "BytesWriter",
    "put_bytes",
    "put_long",
    "put_optional_text",
    "put_text",
]

NULL: Final = 0
"""The index of null in a union of null and one other type; `SOME` is the other's."""
SOME: Final = 2
ZERO: Final = 0
"""The end of an array, and an empty one."""

_ONE_BYTE: Final = 64
_FITS: Final = 1 << 61
"""Of a number below, the double fits into a machine word, and the number itself into one of
mypyc's short integers."""


def put_long(out: BytesWriter, value: int) -> None:
    """Avro's ``int`` and ``long``.

    Raises:
        OverflowError: the number has more than 64 bits.
    """
    if 0 <= value < _ONE_BYTE:  # as nearly every length is
        out.append(value << 1)
        return
    if 0 <= value < _FITS:
        m = i64(value) << 1
        while m > 127:
            out.append(u8(m & 127 | 128))
            m >>= 7
        out.append(u8(m))
        return
    n = (value << 1) ^ (value >> 63)
    if n >> 64:
        raise OverflowError("a number of more than 64 bits")
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)


def put_text(out: BytesWriter, text: str) -> None:
    """Avro's ``string``."""
    encoded = text.encode()
    put_long(out, len(encoded))
    out.write(encoded)


def put_bytes(out: BytesWriter, data: bytes) -> None:
    """Avro's ``bytes``."""
    put_long(out, len(data))
    out.write(data)


def put_optional_text(out: BytesWriter, text: str | None) -> None:
    """A union of null and string."""
    if text is None:
        out.append(NULL)
    else:
        out.append(SOME)
        put_text(out, text)
