"""Avro's primitive types as bytes, fast enough to be called some tens of times an event.

A number is written in groups of seven bits, the lowest first, after zigzag (0, -1, 1, -2, ...
become 0, 1, 2, 3, ...). Two tables hold all pairs of groups; the groups above the lowest two,
which change slowly in times and versions, are kept as encoded, at most `HIGHS_MAX` of them.
So are texts that come again and again (channels, sources, articles), at most `WORDS_MAX`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = [
    "EMPTY_ARRAY",
    "HIGHS_MAX",
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

HIGHS_MAX: Final = 32_768
"""High groups kept as encoded: about 3 MB. One of times lasts 8 seconds, so these are the last
three days; one of versions lasts 8,192 of them."""

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
_highs: Final[dict[int, bytes]] = {}


def encode_long(value: int) -> bytes:
    """Avro's ``int`` and ``long``.

    Raises:
        OverflowError: the number has more than 64 bits.
    """
    n = value << 1 if value >= 0 else ~(value << 1)
    if n <= _MASK:
        return _LAST[n]
    high = _highs.get(n >> _GROUPS)
    if high is None:
        high = _high(n >> _GROUPS)
    return _MORE[n & _MASK] + high


def _high(n: int) -> bytes:
    """The groups above the two lowest."""
    if n >> (64 - _GROUPS):
        raise OverflowError("a number of more than 64 bits")
    if n > _MASK:
        encoded = _MORE[n & _MASK] + _high(n >> _GROUPS)
    else:
        encoded = _LAST[n]
    if len(_highs) >= HIGHS_MAX:
        _highs.clear()
    _highs[n] = encoded
    return encoded


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
