"""Ids of events as rows keep them: those that are UUIDs in 16 bytes instead of 36.

The SDK and most channels name events by UUIDs, and rows consist of such names to a third.
"""

from __future__ import annotations

from typing import Final

from ccstream.wire.varint import Malformed

__all__ = ["packed", "unpacked"]

_TEXT_CHARS: Final = 36
_BYTES: Final = 16


def packed(event_id: str) -> bytes | None:
    """The bytes of a UUID as RFC 9562 writes it, in lower case; None for every other id."""
    if len(event_id) != _TEXT_CHARS or event_id[8:24:5] != "----":
        return None
    digits = event_id.replace("-", "")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return None
    # Other spellings, of capitals or with blanks, are other ids.
    return data if data.hex() == digits else None


def unpacked(data: bytes) -> str:
    """The id of which these are the bytes.

    Raises:
        Malformed: they are none of a UUID.
    """
    if len(data) != _BYTES:
        raise Malformed(f"an id of {len(data)} bytes")
    digits = data.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
