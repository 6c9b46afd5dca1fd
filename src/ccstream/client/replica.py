"""A local copy of published rows: the last word on each, kept as bytes until it is asked for.

Pure: records go in, changes come out. What is stale (a lower version of the same row than
the one held) is dropped; a record that cannot be read takes its row away, since an old one
would be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ccstream.client.log_reader import LogRecord
from ccstream.client.records import Change, Gap, Removed, SyncRecord, Unreadable
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.errors import UndecodableError

__all__ = ["Replica", "Row"]

REMOVED: Final = Removed()


class Row:
    """One row: its bytes, and the record once somebody has asked for it."""

    __slots__ = ("partition", "record", "value", "version")

    def __init__(self, value: bytes, version: int, partition: int) -> None:
        self.value = value
        self.version = version
        self.partition = partition
        self.record: SyncRecord | None = None


class Replica:
    """The rows of one table.

    Args:
        table: its name.
        decoder: reads its records.
    """

    def __init__(self, table: str, decoder: SyncDecoder) -> None:
        self.table = table
        self._decoder = decoder
        self._rows: dict[str, Row] = {}
        self._of_subject: dict[str, dict[str, None]] = {}  # keys with a suffix, in order
        self.held_bytes = 0
        """Bytes of the keys and values held, without what Python adds."""
        self.stale = 0
        """Records dropped for being older than the row held."""
        self.unreadable = 0
        """Records that this version of ccstream cannot read."""

    def __len__(self) -> int:
        return len(self._rows)

    def apply(self, record: LogRecord) -> Row | Removed | Unreadable | None:
        """Take a record; returns what it left in the row's place, None if it was stale."""
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self._remove(key)
            return REMOVED
        try:
            version = self._decoder.version_of(record.value)
        except UndecodableError as error:
            self.unreadable += 1
            self._remove(key)
            return Unreadable(error.reason, error.detail)
        held = self._rows.get(key)
        if held is not None and version < held.version:
            self.stale += 1
            return None
        row = self._rows[key] = Row(record.value, version, record.partition)
        self.held_bytes += len(record.value)
        if held is not None:
            self.held_bytes -= len(held.value)
            return row
        self.held_bytes += len(key)
        if "#" in key:
            self._of_subject.setdefault(key.partition("#")[0], {})[key] = None
        return row

    def change(self, record: LogRecord, left: Row | Removed | Unreadable) -> Change:
        """The change that a record made, decoded."""
        return Change(
            self.table,
            (record.key or b"").decode(errors="replace"),
            self._decoded_or_not(left) if isinstance(left, Row) else left,
            record.topic,
            record.partition,
            record.offset,
            record.appended_at,
        )

    def record(self, key: str) -> SyncRecord | None:
        """The record of a row. Raises ``UndecodableError`` if its bytes are damaged."""
        row = self._rows.get(key)
        if row is None:
            return None
        if row.record is None:
            row.record = self._decoder.decode(row.value)
        return row.record

    def peek(self, key: str) -> SyncRecord | None:
        """The same, decoded anew: for whoever looks at a row once and keeps no copy of it."""
        row = self._rows.get(key)
        return None if row is None else self._decoder.record(row.value)

    def version(self, key: str) -> int:
        """The version of a row, 0 if there is none."""
        row = self._rows.get(key)
        return 0 if row is None else row.version

    def keys(self, subject: str | None = None) -> Iterator[str]:
        """The keys of all rows, or of a subject's where it can have several."""
        return iter(self._rows if subject is None else self._of_subject.get(subject, ()))

    def forget(self, gap: Gap) -> int:
        """Drop the rows of a partition of which records are missing; returns how many."""
        lost = [key for key, row in self._rows.items() if row.partition == gap.partition]
        for key in lost:
            self._remove(key)
        return len(lost)

    def _remove(self, key: str) -> None:
        row = self._rows.pop(key, None)
        if row is None:
            return
        self.held_bytes -= len(row.value) + len(key)
        if "#" not in key:
            return
        subject = key.partition("#")[0]
        keys = self._of_subject[subject]
        del keys[key]
        if not keys:
            del self._of_subject[subject]

    def _decoded_or_not(self, row: Row) -> SyncRecord:
        try:
            row.record = self._decoder.decode(row.value)
        except UndecodableError as error:
            return Unreadable(error.reason, error.detail)
        return row.record
