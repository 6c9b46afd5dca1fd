"""Events that wait for Kafka, in one SQLite file.

What is stored here survives the process (also ``kill -9``, and a power cut: every store is
synced to the disk before it is acknowledged) and leaves only when the broker has it. Events
keep the order in which they were stored. The file is bounded in events and bytes, belongs
to one process at a time, and is readable by its owner only: it holds customers' data.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from ccstream.client import outbox_errors
from ccstream.errors import OutboxError, OutboxFullError

__all__ = ["BYTES_MAX", "ROWS_MAX", "Outbox", "Outgoing", "Parked", "Stored"]

ROWS_MAX: Final = 100_000
"""A busy till makes a few thousand events a day: this is weeks without Kafka."""

BYTES_MAX: Final = 256 * 1024 * 1024
"""Small beside any disk, and read back in seconds."""

LOCK_WAIT_S: Final = 1.0
"""For a predecessor that is just ending."""

APPLICATION_ID: Final = 0x63635F6F  # "cc_o": tells an outbox from any other SQLite file
FORMAT: Final = 1

_TABLE: Final = """
CREATE TABLE outgoing (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, so order is for ever
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers BLOB NOT NULL,                       -- MessagePack: [[name, value], ...]
    size INTEGER NOT NULL,
    parked TEXT                                  -- why the broker will never take it
) STRICT
"""


class Outgoing(NamedTuple):
    """A record as it goes to Kafka."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Stored(NamedTuple):
    """A record in the outbox and its place in the order."""

    sequence: int
    record: Outgoing


class Parked(NamedTuple):
    """A record that the broker refused for good, and why."""

    sequence: int
    record: Outgoing
    reason: str


_encode_headers: Final[Callable[[object], bytes]] = msgspec.msgpack.Encoder().encode
_decode_headers: Final = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...]).decode


class Outbox:
    """The file, open. Its methods block on the disk and are called by one thread at a time."""

    def __init__(self, path: Path, rows_max: int = ROWS_MAX, bytes_max: int = BYTES_MAX) -> None:
        """Open the outbox at ``path``, or make one there.

        Raises ``OutboxError`` if another process has it open, if the file is damaged or no
        outbox at all, or if it cannot be written.
        """
        self.path = path
        self.rows_max = rows_max
        self.bytes_max = bytes_max
        self._connection = _open(path)
        with self._translated("count"):
            counted = self._connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM outgoing"
            ).fetchone()
        self.rows: int = counted[0]
        self.bytes: int = counted[1]

    def put(self, records: Sequence[Outgoing]) -> range:
        """Store all of ``records`` or none; they are on the disk when this returns.

        Returns their sequence numbers. Raises ``OutboxFullError`` if they do not fit the
        bounds and ``OutboxError`` if the disk is full or fails.
        """
        headers = [_encode_headers(record.headers) for record in records]
        sizes = [
            len(record.key) + len(record.value) + len(packed)
            for record, packed in zip(records, headers, strict=True)
        ]
        if self.rows + len(records) > self.rows_max or self.bytes + sum(sizes) > self.bytes_max:
            raise OutboxFullError(
                f"The outbox {self.path} is full: it holds {self.rows} of at most "
                f"{self.rows_max} events and {self.bytes} of at most {self.bytes_max} bytes. "
                "Bring Kafka back within reach or raise the bounds; this event was not stored."
            )
        with self._transaction("store an event"):
            first = last = 0
            for record, packed, size in zip(records, headers, sizes, strict=True):
                inserted = self._connection.execute(
                    "INSERT INTO outgoing (topic, key, value, headers, size) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (record.topic, record.key, record.value, packed, size),
                ).lastrowid
                assert inserted is not None
                first, last = first or inserted, inserted
        self.rows += len(records)
        self.bytes += sum(sizes)
        return range(first, last + 1) if records else range(0)

    def after(self, sequence: int, rows_max: int) -> list[Stored]:
        """The next records to send behind ``sequence``, in order, at most ``rows_max``."""
        with self._translated("read"):
            rows = self._connection.execute(
                "SELECT sequence, topic, key, value, headers FROM outgoing "
                "WHERE sequence > ? AND parked IS NULL ORDER BY sequence LIMIT ?",
                (sequence, rows_max),
            ).fetchall()
            return [Stored(row[0], _record(*row[1:5])) for row in rows]

    def remove(self, sequences: Iterable[int]) -> None:
        """Forget records that Kafka has acknowledged."""
        removed = [(sequence,) for sequence in sequences]
        with self._transaction("remove sent events"):
            freed = 0
            for one in removed:
                row = self._connection.execute(
                    "DELETE FROM outgoing WHERE sequence = ? RETURNING size", one
                ).fetchone()
                freed += row[0] if row is not None else 0
                if row is None:
                    raise OutboxError(f"The outbox {self.path} has lost event {one[0]}.")
        self.rows -= len(removed)
        self.bytes -= freed

    def park(self, sequence: int, reason: str) -> None:
        """Keep a record that the broker refuses for good out of the way of the others."""
        with self._transaction("park an event"):
            self._connection.execute(
                "UPDATE outgoing SET parked = ? WHERE sequence = ?", (reason, sequence)
            )

    def parked(self) -> list[Parked]:
        """What was refused for good, in order."""
        with self._translated("read"):
            rows = self._connection.execute(
                "SELECT sequence, topic, key, value, headers, parked FROM outgoing "
                "WHERE parked IS NOT NULL ORDER BY sequence"
            ).fetchall()
            return [Parked(row[0], _record(*row[1:5]), row[5]) for row in rows]

    def unpark(self, sequence: int) -> None:
        """Send a parked record after all; events of its subject may have overtaken it."""
        with self._transaction("put an event back"):
            self._connection.execute(
                "UPDATE outgoing SET parked = NULL WHERE sequence = ?", (sequence,)
            )

    def close(self) -> None:
        """Give the file back. Closing twice does nothing."""
        with self._translated("close"):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise outbox_errors.translated(self.path, doing, error) from error

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[None]:
        with self._translated(doing):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # Some failures, a full disk among them, have rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _record(topic: str, key: bytes, value: bytes, headers: bytes) -> Outgoing:
    return Outgoing(topic, key, value, _decode_headers(headers))


def _open(path: Path) -> sqlite3.Connection:
    try:
        # Made here rather than by SQLite, whose files anyone may read.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise OutboxError(
            f"The outbox {path} cannot be opened: {error.strerror}. Name a file in a folder "
            "that exists and may be written to."
        ) from error
    try:
        connection = sqlite3.connect(
            path, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise outbox_errors.translated(path, "open", error) from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise outbox_errors.translated(path, "open", error) from error
    except OutboxError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Exclusive before WAL: the lock is held until the file is closed or the process ends,
    # and no shared-memory file is needed.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    application_id = _value(connection, "PRAGMA application_id")
    empty = _value(connection, "SELECT count(*) FROM sqlite_schema") == 0
    connection.execute("COMMIT")
    if application_id != APPLICATION_ID and not (empty and application_id == 0):
        raise OutboxError(f"{path} is a SQLite file but no outbox. Name another file.")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL loses the last ones to a power cut
    connection.execute("PRAGMA secure_delete = ON")  # what was sent does not linger on the disk
    if empty:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    written = _value(connection, "PRAGMA user_version")
    if written != FORMAT:
        raise OutboxError(
            f"The outbox {path} has format {written}, this version of ccstream reads format "
            f"{FORMAT}. Let the version that wrote it send what it holds."
        )
    flaws = _value(connection, "PRAGMA quick_check(1)")
    if flaws != "ok":
        raise OutboxError(outbox_errors.damaged(path, str(flaws)))


def _value(connection: sqlite3.Connection, query: str) -> object:
    with closing(connection.execute(query)) as found:
        return found.fetchone()[0]
