"""The local store: one database for each partition number, which holds rows of all tables.

A store says with its rows how far in each changelog they reach. Both are written in one batch,
and only of transactions that have been committed, so that a store is at any time what a reader
of the changelogs had up to there: a process may be killed at any point, and its successor reads
on from these positions.

A store that does not fit is wiped and made anew from the changelogs, and the log says why: it is
of another application, of a state that was begun anew, of another partition count or a format
that is not known here; it is ahead of the changelog, or behind what is still in it; its files are
damaged; or it was last current so long ago that deletions may have been compacted away since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

import structlog
from msgspec import DecodeError, Struct, field, json

from ccstream.domain.moment import Scope
from ccstream.engine.store import Backing, Table
from ccstream.errors import StoreDamagedError

__all__ = ["FORMAT", "Database", "Folder", "Header", "PartitionStore", "Stores"]

log = structlog.get_logger(__name__)

FORMAT: Final = 2
"""Of the keys and the header. Stores of earlier ones go on as they are; what a later version of
ccstream has made is not read but made anew."""

_HEADER: Final = b"\0header"
"""The header's key, before those of all tables."""

_BESIDE: Final = frozenset({"carts", "touches", "windows"})
"""Tables of which nearly every event reads the row of one key. In format 2 these rows stand beside
each other, by key: what is read of a file for the first has the others. Those of other tables stand
by table, so that one of them is listed without passing over all others."""

_BESIDE_PREFIX: Final = b"\1"


class Database(Protocol):
    """What a store is kept in; every method may raise a StoreError."""

    def get(self, key: bytes) -> bytes | None: ...

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """All of these, or none; a value of None deletes."""

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """All keys that begin so, in order."""

    def sizes(self) -> dict[str, int]:
        """Bytes by where they are."""


class Folder(Protocol):
    """Where the databases are."""

    def open(self, number: int) -> Database: ...

    def close_database(self, number: int) -> None: ...

    def remove(self, number: int) -> None:
        """Close it, if it is open, and forget all that is in it."""

    def close(self) -> None: ...


class Header(Struct):
    """What a store says of itself."""

    format: int
    app_id: str
    state_id: bytes
    partitions: int
    epoch: int = 0
    current_at: int = 0
    """When it was known to have all there was in the changelogs, in ms."""
    positions: dict[str, int] = field(default_factory=dict)
    """The offset to read on from, by changelog."""
    folded: dict[str, int] = field(default_factory=dict)
    """The next offset of each input with which these rows belong together; for who looks in."""
    rows: dict[str, int] = field(default_factory=dict)
    """How many there are, by table."""


class TableBacking:
    """The rows of one table in a store; a :class:`.store.Backing`."""

    def __init__(self, store: PartitionStore, table: str) -> None:
        self._store = store
        self._prefix = self._suffix = b""
        self.name = table
        self.rows = 0
        self.restored: dict[str, bytes | None] = {}

    def lay_out(self, version: int) -> None:
        """Have the rows where a store of this format has them."""
        name = self.name.encode()
        if version > 1 and self.name in _BESIDE:
            self._prefix, self._suffix = _BESIDE_PREFIX, b"\0" + name
        else:
            self._prefix, self._suffix = name + b"\0", b""

    def get(self, key: str) -> bytes | None:
        return self._store.database.get(self._prefix + key.encode() + self._suffix)

    def keys(self, prefix: str = "") -> Iterator[str]:
        begin, suffix = self._prefix + prefix.encode(), self._suffix
        from_, to = len(self._prefix), -len(suffix) or None
        for key in self._store.database.keys(begin):
            if key.endswith(suffix):
                yield str(key[from_:to], "utf-8")

    def restore(self, key: str, value: bytes | None) -> None:
        self.restored[key] = value

    def named(
        self, rows: Iterable[tuple[str, bytes | None]]
    ) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows under their keys in the database."""
        prefix, suffix = self._prefix, self._suffix
        return ((prefix + key.encode() + suffix, value) for key, value in rows)

    def count_restored(self) -> None:
        """Count in what is about to be written: whether a row is new, the database knows."""
        for key, value in self.restored.items():
            known = self.get(key) is not None
            self.rows += (value is not None) - known


class PartitionStore:
    """The store of one partition number.

    Args:
        number: the partition number.
        folder: where its database is.
        header: what it has to say of itself where it is new.
        tables: their names.

    Raises:
        StoreError: it cannot be used.
    """

    def __init__(self, number: int, folder: Folder, header: Header, tables: Iterable[str]) -> None:
        self.number = number
        self._folder = folder
        self.header = header
        self.backings = {name: TableBacking(self, name) for name in tables}
        try:
            self.database = folder.open(number)
            self._read_header()
        except StoreDamagedError as error:
            self.wipe(str(error), header)

    @property
    def positions(self) -> Mapping[str, int]:
        """The offset to read on from, by changelog; none where all has to be read."""
        return self.header.positions

    def wipe(self, reason: str, header: Header | None = None) -> None:
        """Begin with nothing, and say so in the log.

        Args:
            reason: why.
            header: what it is to say of itself from now on, if not the same as before.
        """
        log.warning("local store is made anew", partition=self.number, reason=reason)
        self._folder.remove(self.number)
        self.database = self._folder.open(self.number)
        before = self.header if header is None else header
        self.header = Header(FORMAT, before.app_id, before.state_id, before.partitions)
        for backing in self.backings.values():
            backing.rows = 0
            backing.lay_out(FORMAT)
        self.forget_restored()

    def forget_restored(self) -> None:
        """Of what was restored nothing more than is written."""
        for backing in self.backings.values():
            backing.restored.clear()

    def begin(self, positions: Mapping[str, int], now_ms: int) -> None:
        """Note from where on the changelogs are read.

        A new store counts as current from here on: a deletion stays for its time from when a
        reader could first have seen what it deletes, so that reading may be broken off and go on.
        """
        self._write([], positions, None if self.header.positions else now_ms)

    def write_restored(self, positions: Mapping[str, int]) -> None:
        """Write what was restored, which reaches up to ``positions``."""
        rows: list[tuple[bytes, bytes | None]] = []
        for backing in self.backings.values():
            backing.count_restored()
            rows.extend(backing.named(backing.restored.items()))
        self._write(rows, positions, None)
        self.forget_restored()

    def write_committed(
        self,
        tables: Mapping[str, Table],
        positions: Mapping[str, int],
        folded: Mapping[str, int],
        now_ms: int,
    ) -> None:
        """Write what a commit has made a fact: the tables' unwritten rows."""
        rows: list[tuple[bytes, bytes | None]] = []
        for name, table in tables.items():
            rows.extend(self.backings[name].named(table.unwritten()))
        self.header.folded.update(folded)
        self._write(rows, positions, now_ms)
        for table in tables.values():
            table.written()

    def write_current(self, now_ms: int, epoch: int | None = None) -> None:
        """Note that nothing is missing, since this worker is the owner, of this epoch."""
        if epoch is not None:
            self.header.epoch = epoch
        self._write([], {}, now_ms)

    def close(self) -> None:
        self._folder.close_database(self.number)

    def _read_header(self) -> None:
        found = self.database.get(_HEADER)
        if found is not None:
            try:
                self.header = json.decode(found, type=Header)
            except DecodeError as error:
                raise StoreDamagedError(f"its header cannot be read: {error}") from error
        for name, backing in self.backings.items():
            backing.rows = self.header.rows.get(name, 0)
            backing.lay_out(self.header.format)

    def _write(
        self,
        rows: list[tuple[bytes, bytes | None]],
        positions: Mapping[str, int],
        now_ms: int | None,
    ) -> None:
        header = self.header
        header.positions.update(positions)
        if now_ms is not None:
            header.current_at = now_ms
        header.rows = {name: backing.rows for name, backing in self.backings.items()}
        rows.append((_HEADER, json.encode(header)))
        self.database.write(rows)


class Stores:
    """The stores of one worker.

    Args:
        folder: where their databases are.
        app_id: the application that they have to be of.
        partitions: N.
        new_table: makes a table's face on its backing.
        tables: their names.
    """

    def __init__(
        self,
        folder: Folder,
        app_id: str,
        partitions: int,
        new_table: Callable[[str, Backing], Table],
        tables: tuple[str, ...],
    ) -> None:
        self._folder = folder
        self._app_id = app_id
        self._partitions = partitions
        self._new_table = new_table
        self._tables = tables
        self._open: dict[int, PartitionStore] = {}

    def open(self, scope: Scope, epoch: int) -> PartitionStore:
        """The store of a partition number, wiped if it is of another state.

        Args:
            scope: the number and the state that it has to be of.
            epoch: the highest that the number ever had.

        Raises:
            StoreError: it cannot be used.
        """
        number = scope.partition
        fresh = Header(FORMAT, self._app_id, scope.state_id, self._partitions)
        store = self._open.get(number)
        if store is None:
            store = PartitionStore(number, self._folder, fresh, self._tables)
            self._open[number] = store
        store.forget_restored()
        if reason := _mismatch(store.header, fresh, epoch):
            store.wipe(reason, fresh)
        return store

    def tables(self, store: PartitionStore) -> dict[str, Table]:
        """The tables of a partition number, on its store."""
        return {name: self._new_table(name, b) for name, b in store.backings.items()}

    def keep(self, numbers: Iterable[int]) -> None:
        """Close the stores of all other partition numbers."""
        for number in self._open.keys() - set(numbers):
            self._open.pop(number).close()

    def close(self) -> None:
        self.keep(())
        self._folder.close()


def _mismatch(found: Header, fresh: Header, epoch: int) -> str | None:
    """Why a store is of another state, or None."""
    if found.format > fresh.format:
        return f"its format is {found.format}, and this version of ccstream has {fresh.format}"
    if found.app_id != fresh.app_id:
        return f"it is of application {found.app_id!r}, and this is {fresh.app_id!r}"
    if found.partitions != fresh.partitions:
        return f"it was made with {found.partitions} partitions, not {fresh.partitions}"
    if found.state_id != fresh.state_id:
        return "it is of a state that was begun anew since"
    if found.epoch > epoch:
        return f"it is of epoch {found.epoch}, and the cluster knows of {epoch} at most"
    return None
