"""The disk of a simulated machine, which outlives the processes on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["FakeDisk"]


class _FakeDatabase:
    """Rows of one partition number; a batch is there whole or not at all."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in list(rows):
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        return (key for key in sorted(self.rows) if key.startswith(prefix))

    def sizes(self) -> dict[str, int]:
        return {"files": sum(map(len, self.rows.values())), "memory": 0}


class FakeDisk:
    """A folder of databases for :class:`~ccstream.engine.stores.Stores`."""

    def __init__(self) -> None:
        self.databases: dict[int, _FakeDatabase] = {}
        self.removed = 0

    def open(self, number: int) -> _FakeDatabase:
        return self.databases.setdefault(number, _FakeDatabase())

    def close_database(self, number: int) -> None: ...

    def remove(self, number: int) -> None:
        self.removed += 1
        del self.databases[number]

    def close(self) -> None: ...
