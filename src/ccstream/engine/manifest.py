"""Whether RocksDB's list of its files can be read to its end.

The list, its *manifest*, is a log of records. One whose length is damaged, so that it would reach
beyond the end, RocksDB takes for one that was being written when the machine stopped: it believes
what stands before, and deletes the files that only the rest names. What came later is in another
log, so that the newest rows would be there, with the position that they reach up to, and older ones
would not. One that is cut off between the records of an entry it believes likewise. So a manifest
that does not end with an entry is damaged, whatever the reason.

What is wrong within a record, or with its type, RocksDB finds by its checksum.
"""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from typing import Final

__all__ = ["is_whole"]

_BLOCK_BYTES: Final = 32 << 10
"""No record goes beyond a block; what does is in several. Less than a head is left empty."""

_HEAD: Final = Struct("<IHB")
"""Checksum, length of what follows, type; RocksDB's ``db/log_format.h``."""

_FULL, _LAST = 1, 4
"""The types of records that end an entry: of one record, or the last of several."""

_NAME_BYTES_MAX: Final = 256


def is_whole(folder: Path) -> bool:
    """Whether the manifest of the database in ``folder`` ends with a whole entry; also if there is
    none that can be found, since RocksDB says so better.
    """
    try:
        with (folder / "CURRENT").open("rb") as current:
            name = current.read(_NAME_BYTES_MAX).rstrip(b"\n").decode()
        data = (folder / name).read_bytes()
    except (OSError, ValueError):  # not there, or the name is none
        return True
    at, last = 0, _FULL
    while at < len(data):
        left = _BLOCK_BYTES - at % _BLOCK_BYTES
        if left < _HEAD.size:
            at += left
            continue
        if at + _HEAD.size > len(data):
            return False
        _, length, kind = _HEAD.unpack_from(data, at)
        if not kind or _HEAD.size + length > left:  # an empty head hides the rest of its block
            return False
        at, last = at + _HEAD.size + length, kind
    return at == len(data) and last in (_FULL, _LAST)
