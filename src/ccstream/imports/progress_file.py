"""How far an import has come, in a small file, so that one that ended early goes on from there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from ccstream.errors import CustomerFileError

__all__ = ["ProgressFile"]

_FORMAT: Final = 1


class _Stored(Struct, forbid_unknown_fields=True):
    format: Literal[1]
    file: str
    map: str
    rows: int
    known_to: dict[int, int] = {}


class ProgressFile:
    """Rows that Kafka has, counted in the order in which they are published, and what was known.

    Whose a row is was decided by what had been folded when the import began. The rest is decided by
    the same: what was published meanwhile is being folded, and some of it is not the last word.

    Args:
        path: the file; it need not be there.
        file: the fingerprint of the customers' file.
        map: that of the map.
    """

    def __init__(self, path: Path, file: str, map: str) -> None:  # noqa: A002 - what it is
        self._path = path
        self._file = file
        self._map = map

    def rows(self) -> int:
        """How many are done; 0 if it is about another file or map.

        Raises:
            CustomerFileError: it is something else than such a file.
        """
        stored = self._read()
        return 0 if stored is None else stored.rows

    def known_to(self) -> dict[int, int]:
        """Up to which offsets of the topic of aliases, by partition, was known when it began; none
        while nothing is done, for it may not have published anything, and begins anew.

        Raises:
            CustomerFileError: it is something else than such a file.
        """
        stored = self._read()
        return {} if stored is None else stored.known_to

    def _read(self) -> _Stored | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise CustomerFileError(f"{self._path} cannot be read: {problem.strerror}") from None
        try:
            stored = msgspec.json.decode(content, type=_Stored)
        except msgspec.DecodeError:
            raise CustomerFileError(
                f"{self._path} is no file of progress; give another one with --state"
            ) from None
        return stored if (stored.file, stored.map) == (self._file, self._map) else None

    def note(self, rows: int, known_to: Mapping[int, int]) -> None:
        """So many are done, by what was known up to these offsets."""
        stored = _Stored(_FORMAT, self._file, self._map, rows, dict(known_to))
        content = msgspec.json.encode(stored)
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with fresh.open("wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(self._path)
        except OSError as problem:
            raise CustomerFileError(
                f"{self._path} cannot be written: {problem.strerror}; give another place with "
                "--state"
            ) from None
