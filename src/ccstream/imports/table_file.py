"""The rows of a customer file, CSV or Parquet, as texts by column; one at a time."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from ccstream.errors import CustomerFileError, DevkitError
from ccstream.imports.mapping import ImportMap

__all__ = ["TableRow", "fingerprint", "read_rows"]

PARQUET_MAGIC: Final = b"PAR1"
PARQUET_BATCH_ROWS: Final = 5_000
FIELD_CHARS_MAX: Final = 131_072
"""Of one cell, as Python's csv has it: a quote that is never closed swallows the file otherwise."""

COLUMNS_SHOWN_MAX: Final = 30

_encode: Final = msgspec.msgpack.Encoder().encode


class TableRow(Struct, frozen=True):
    """``number`` is the line where the row ends in a CSV file, or its place in Parquet, from 1.

    ``cells`` is None where the row has more or fewer cells than the head.
    """

    number: int
    cells: Mapping[str, str] | None

    @property
    def digest(self) -> str:
        """Of the contents, whatever the order of the columns."""
        cells = self.cells or {}
        parts = [part for name in sorted(cells) for part in (name, cells[name])]
        return hashlib.blake2b(_encode(parts), digest_size=16).hexdigest()


def read_rows(path: Path, mapping: ImportMap) -> Iterator[TableRow]:
    """The rows, with the columns that the map reads.

    Raises:
        CustomerFileError: a column is missing, or the file cannot be read to its end.
        DevkitError: it is Parquet, and what reads that is not installed.
    """
    try:
        with path.open("rb") as opened:
            parquet = opened.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError as problem:
        raise CustomerFileError(f"{path} cannot be read: {problem.strerror}") from None
    yield from (_parquet if parquet else _csv)(path, mapping)


def fingerprint(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _csv(path: Path, mapping: ImportMap) -> Iterator[TableRow]:
    encoding = mapping.file.encoding
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"  # spreadsheets put a mark in front
    csv.field_size_limit(FIELD_CHARS_MAX)
    wanted = mapping.columns
    with path.open(encoding=encoding, newline="") as opened:
        rows = csv.reader(opened, delimiter=mapping.file.delimiter, strict=True)
        try:
            head = next(rows, None)
            if head is None:
                raise CustomerFileError(f"{path.name} is empty: it needs a line of column names")
            places = _places(path, head, wanted)
            for cells in rows:
                if not cells:
                    continue
                if len(cells) != len(head):
                    yield TableRow(rows.line_num, None)
                    continue
                yield TableRow(
                    rows.line_num, {name: cells[place].strip() for name, place in places.items()}
                )
        except UnicodeDecodeError:
            raise CustomerFileError(
                f"{path.name}: line {_undecodable_line(path, mapping.file.encoding)} is not "
                f"{mapping.file.encoding}; say in the map what it is (file.encoding, as cp1252)"
            ) from None
        except csv.Error as problem:
            raise CustomerFileError(
                f"{path.name}: line {rows.line_num}: {problem}; is file.delimiter "
                f"{mapping.file.delimiter!r} right, and is every quote closed?"
            ) from None


def _places(path: Path, head: Sequence[str], wanted: Sequence[str]) -> dict[str, int]:
    names = [name.strip() for name in head]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise CustomerFileError(
            f"{path.name} has no column {missing[0]!r}, which the map reads; it has "
            f"{', '.join(names[:COLUMNS_SHOWN_MAX])}"
        )
    twice = next((name for name in wanted if names.count(name) > 1), None)
    if twice is not None:
        raise CustomerFileError(f"{path.name} has the column {twice!r} twice; rename one")
    return {name: names.index(name) for name in wanted}


def _undecodable_line(path: Path, encoding: str) -> int:
    """Which line it is: a text file's own error only knows the block."""
    number = 0
    with path.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return number


def _parquet(path: Path, mapping: ImportMap) -> Iterator[TableRow]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as missing:
        raise DevkitError(
            "reading Parquet needs pyarrow: install ccstream[parquet], or save the file as CSV"
        ) from missing
    number = 0
    try:
        opened = parquet.ParquetFile(path)
        wanted = mapping.columns
        _places(path, opened.schema_arrow.names, wanted)
        for batch in opened.iter_batches(PARQUET_BATCH_ROWS, columns=list(wanted)):
            for cells in batch.to_pylist():
                number += 1
                yield TableRow(number, {name: _text(value) for name, value in cells.items()})
    except (arrow.ArrowException, OSError, OverflowError, UnicodeDecodeError) as problem:
        # The last two are of pages that can be unpacked, and have no text or no date in them.
        first = next(iter(str(problem).splitlines()), type(problem).__name__).rstrip(".")
        raise CustomerFileError(
            f"{path.name} cannot be read as Parquet behind row {number:,}: {first}; is it damaged, "
            "or not whole?"
        ) from None


def _text(value: Any) -> str:
    """A cell as CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column of whole numbers with a gap in it
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()
