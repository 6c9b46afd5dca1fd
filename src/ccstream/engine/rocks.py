"""RocksDB, as far as a store of rows needs it; the only module that knows rocksdict.

Keys and values are bytes. A batch is written whole or not at all, into the log of the database
and not through to the disk: a process that is killed loses nothing, a machine that loses power
the last moments, and what is left is what once was, rows and positions together. The changelogs
have the rest.

rocksdict raises plain exceptions; what they mean stands in their text alone.

All databases of a process share one block cache, and what they hold in memory of rows that are
in no file yet is charged to it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
)

from ccstream.engine.manifest import is_whole
from ccstream.errors import StoreDamagedError, StoreError
from ccstream.ops.metrics_engine import STORED_IN

__all__ = ["Memory", "RocksDatabase"]

_UNFLUSHED_SHARE = 4
"""Of the memory a fourth may be rows that are in no file yet; reading has the rest."""

_BLOOM_BITS = 10
"""A key, by which one block in a hundred is read in vain for a row that is not there. Most events
of a new customer ask for such rows."""

_INDEX_BLOCK_BYTES = 4096
"""Of a file's index and filter, so that parts of them are read. Whole, they are a megabyte, which
does not stay in a small cache: each read of a row then reads them again."""

_LOG_FILES = 2
_LOG_FILE_BYTES = 1 << 20
"""RocksDB's own log, beside its files; by default it keeps a thousand of them."""

_FILES_MAX = 64
"""Open files a database; a worker has one for each of its partitions."""

_SLOWDOWN_FILES = 40
_STOP_FILES = 60
"""Files of level 0 from which on a write waits, twice of the default: it would wait with the
interpreter locked, and no heartbeat would leave."""

_SIZES = ("rocksdb.live-sst-files-size", "rocksdb.cur-size-all-mem-tables")
"""What RocksDB knows without looking: files that are in use, and rows that are in none yet."""

_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_LOCKED = ("lock hold by", "While lock file")
_MARK = "DAMAGED"
"""A file beside those that are damaged. Some of it shows only when it is read, and a worker that
has found it ends: the next start must not take the rest for all there is."""

_DAMAGED = ("Corruption", "Invalid argument", "Not implemented")
"""The second and third are what an older RocksDB says of files that a newer one has made."""


class Memory:
    """What all databases of a process share of memory, ``bytes_max`` at most."""

    def __init__(self, bytes_max: int) -> None:
        self.cache = Cache(bytes_max)
        self.unflushed = WriteBufferManager.new_write_buffer_manager_with_cache(
            bytes_max // _UNFLUSHED_SHARE, False, self.cache
        )


class RocksDatabase:
    """One RocksDB.

    Raises:
        StoreDamagedError: its files are not what they should be; so do all methods.
        StoreError: it is in use by another process, or the disk is full; so do all methods.
    """

    def __init__(self, path: Path, memory: Memory) -> None:
        self.path = path
        if (path / _MARK).exists():
            raise self._translated(StoreError("Corruption: it was found so before"))
        if not is_whole(path):
            raise self._translated(StoreError("Corruption: the list of its files is cut off"))
        try:
            self._rows = Rdict(str(path), _options(memory))
        except Exception as error:
            raise self._translated(error) from error

    def get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self._rows.get(key)
        except Exception as error:
            raise self._translated(error) from error
        return found

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """All of these, or none; a value of None deletes."""
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._rows.write(batch)
        except Exception as error:
            raise self._translated(error) from error

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """All keys that begin so, in order."""
        # Not rocksdict's own iterator, which takes a damaged block for the end.
        cursor = self._rows.iter()
        try:
            cursor.seek(prefix)
            while cursor.valid():
                key: bytes = cursor.key()
                if not key.startswith(prefix):
                    return
                yield key
                cursor.next()
            cursor.status()
        except Exception as error:
            raise self._translated(error) from error

    def sizes(self) -> dict[str, int]:
        """Bytes by where they are, as `STORED_IN` names it."""
        try:
            found = [self._rows.property_int_value(name) or 0 for name in _SIZES]
        except Exception as error:
            raise self._translated(error) from error
        return dict(zip(STORED_IN, found, strict=True))

    def close(self) -> None:
        with contextlib.suppress(Exception):  # a full disk; what is not in a file is in its log
            self._rows.close()

    def _translated(self, error: Exception) -> StoreError:
        """RocksDB's message, which names files and never rows, as what it means."""
        text = str(error)
        if any(mark in text for mark in _FULL):
            return StoreError(
                f"the local store at {self.path} has no room left on disk; free some, or have "
                "state.directory elsewhere. Nothing is lost: the changelogs have it all"
            )
        if any(mark in text for mark in _LOCKED):
            return StoreError(
                f"the local store at {self.path} is in use by another process; give each worker "
                "a state.directory of its own"
            )
        if text.startswith(_DAMAGED):
            with contextlib.suppress(OSError):  # then the next start finds it as this one did
                (self.path / _MARK).touch()
            return StoreDamagedError(
                f"the local store at {self.path} is damaged and will be made anew from the "
                f"changelogs: {text}"
            )
        return StoreError(f"the local store at {self.path} cannot be used: {text}")


def _options(memory: Memory) -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(memory.cache)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    blocks.set_bloom_filter(_BLOOM_BITS, False)
    blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
    blocks.set_partition_filters(True)
    blocks.set_metadata_block_size(_INDEX_BLOCK_BYTES)
    blocks.set_pin_top_level_index_and_filter(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_manager(memory.unflushed)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(_LOG_FILES)
    options.set_max_log_file_size(_LOG_FILE_BYTES)
    options.set_max_open_files(_FILES_MAX)
    options.set_level_zero_slowdown_writes_trigger(_SLOWDOWN_FILES)
    options.set_level_zero_stop_writes_trigger(_STOP_FILES)
    return options
