"""The folder of a worker's local store: one RocksDB for each partition number.

A folder is one worker's alone, as is told by a lock that ends with the process. Each application
has a folder of its own in `state.directory`; whatever else is in that one is left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

from ccstream.engine.rocks import Memory, RocksDatabase
from ccstream.errors import StoreError

__all__ = ["StoreFolder"]

_MODE: Final = 0o700
"""What is in there is customers' data."""


class StoreFolder:
    """Opens and removes databases in ``directory``, which is made if it is not there.

    Raises:
        StoreError: it cannot be used, or another process uses it.
    """

    def __init__(self, directory: Path, app_id: str, memory_bytes_max: int) -> None:
        self._path = directory / app_id
        self._memory = Memory(memory_bytes_max)
        self._open: dict[int, RocksDatabase] = {}
        try:
            self._path.mkdir(mode=_MODE, parents=True, exist_ok=True)
            self._lock = _locked(self._path / "lock")
        except BlockingIOError as error:
            raise StoreError(
                f"{self._path} is in use by another worker; give each one a state.directory of "
                "its own"
            ) from error
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be used as the local store: {error.strerror}; set "
                "state.directory to a folder that this process may write to"
            ) from error

    def open(self, number: int) -> RocksDatabase:
        """The database of a partition number, new if there is none.

        Raises:
            StoreError: it cannot be used.
        """
        database = self._open[number] = RocksDatabase(self._path / str(number), self._memory)
        return database

    def close_database(self, number: int) -> None:
        self._open.pop(number).close()

    def remove(self, number: int) -> None:
        """Close the database of a partition number, if it is open, and delete its files.

        Raises:
            StoreError: they cannot be deleted.
        """
        if number in self._open:
            self.close_database(number)
        try:
            shutil.rmtree(self._path / str(number))
        except OSError as error:
            raise StoreError(
                f"the local store at {self._path / str(number)} cannot be deleted: "
                f"{error.strerror}; delete it by hand"
            ) from error

    def close(self) -> None:
        for number in list(self._open):
            self.close_database(number)
        os.close(self._lock)


def _locked(path: Path) -> int:
    """A lock that ends with the process; its descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
