"""Avro's primitive types as bytes, fast enough to be called some tens of times an event.

A number is written in groups of seven bits, the lowest first, after zigzag (0, -1, 1, -2, ...
become 0, 1, 2, 3, ...). Two tables hold all pairs of groups, so that a time in milliseconds
is three look-ups rather than six rounds of a loop. Texts that come again and again (channels,
sources, articles) are kept as encoded, at most `WORDS_MAX` of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = [
    "EMPTY_ARRAY",
    "NULL",
    "WORDS_MAX",
    "encode_array",
    "encode_bytes",
    "encode_long",
    "encode_optional_word",
    "encode_text",
    "encode_word",
]

WORDS_MAX: Final = 16_384
"""Texts kept as encoded: about 2 MB. Channels, sources and the articles of a shop's top shelf
fit; the rest costs a quarter of a microsecond."""

NULL: Final = b"\x00"
"""A null in a union of null and one other type."""

EMPTY_ARRAY: Final = b"\x00"

_GROUPS: Final = 14
_MASK: Final = (1 << _GROUPS) - 1
_MORE: Final = tuple(bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << _GROUPS))
"""Two groups with others behind them."""
_LAST: Final = tuple(
    bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(1 << _GROUPS)
)
"""The last one or two groups."""
_LENGTHS: Final = _LAST[::2]
"""Lengths and counts, which are never negative, below 8,192."""


def encode_long(value: int) -> bytes:
    """Avro's ``int`` and ``long``.

    Raises:
        OverflowError: the number has more than 64 bits.
    """
    n = value << 1 if value >= 0 else ~(value << 1)
    if n < 1 << 14:
        return _LAST[n]
    if n < 1 << 28:
        return _MORE[n & _MASK] + _LAST[n >> 14]
    if n < 1 << 42:  # times in milliseconds, until 2039
        return _MORE[n & _MASK] + _MORE[n >> 14 & _MASK] + _LAST[n >> 28]
    if n >> 64:
        raise OverflowError("a number of more than 64 bits")
    out = _MORE[n & _MASK] + _MORE[n >> 14 & _MASK] + _MORE[n >> 28 & _MASK]
    n >>= 42
    while n > _MASK:
        out += _MORE[n & _MASK]
        n >>= _GROUPS
    return out + _LAST[n]


def encode_text(text: str) -> bytes:
    """Avro's ``string``."""
    encoded = text.encode()
    size = len(encoded)
    return (_LENGTHS[size] if size < 8_192 else encode_long(size)) + encoded


def encode_bytes(data: bytes) -> bytes:
    """Avro's ``bytes``."""
    size = len(data)
    return (_LENGTHS[size] if size < 8_192 else encode_long(size)) + data


@lru_cache(maxsize=WORDS_MAX)
def encode_word(text: str) -> bytes:
    """As `encode_text`, for texts that come again and again."""
    return encode_text(text)


@lru_cache(maxsize=WORDS_MAX)
def encode_optional_word(text: str | None) -> bytes:
    """As `encode_word`, for a union of null and string."""
    return NULL if text is None else b"\x02" + encode_text(text)


def encode_array(items: list[bytes]) -> bytes:
    """An array of items that are encoded already."""
    if not items:
        return EMPTY_ARRAY
    return encode_long(len(items)) + b"".join(items) + b"\x00"
