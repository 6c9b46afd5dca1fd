"""The rows of one partition number, in memory.

A row lives in two forms. Every row is kept as its encoded bytes, exactly what its changelog
holds, which is compact; rows in use are also kept decoded, as :class:`Entry`. A changed row
is *dirty*: it exists only decoded until :meth:`Table.drain` encodes it for the changelog.
Decoded rows beyond a bound are dropped again, oldest change first, never a dirty one.

One table belongs to one partition and one thread writes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ccstream.wire.rows import Entry, RowCodec

__all__ = ["Table"]


class Table:
    """One table's rows in one partition; reading decodes on demand."""

    __slots__ = ("_codec", "_decoded", "_dirty", "_encoded", "decoded_rows_max", "name")

    def __init__(self, name: str, codec: RowCodec, decoded_rows_max: int) -> None:
        self.name = name
        self.decoded_rows_max = decoded_rows_max
        self._codec = codec
        self._encoded: dict[str, bytes] = {}
        self._decoded: dict[str, Entry] = {}
        self._dirty: dict[str, None] = {}

    def get(self, key: str) -> Entry | None:
        """The row of ``key``, or None."""
        entry = self._decoded.get(key)
        if entry is not None:
            return entry if entry.state is not None else None
        encoded = self._encoded.get(key)
        if encoded is None:
            return None
        entry = self._codec.decode_row(encoded)
        self._decoded[key] = entry
        return entry

    def peek(self, key: str) -> Entry | None:
        """As :meth:`get`, for any thread: nothing is cached."""
        entry = self._decoded.get(key)
        if entry is not None:
            return entry if entry.state is not None else None
        encoded = self._encoded.get(key)
        return self._codec.decode_row(encoded) if encoded is not None else None

    def put(self, key: str, entry: Entry) -> None:
        """Store a changed row; it is dirty until the next :meth:`drain`.

        An entry whose state is None is a deletion.
        """
        # Re-inserting moves the row to the young end, from which nothing is dropped.
        self._decoded.pop(key, None)
        self._decoded[key] = entry
        self._dirty[key] = None

    def drain(self) -> list[tuple[str, bytes | None]]:
        """Encode every dirty row (None: deleted) and forget that it was dirty."""
        rows: list[tuple[str, bytes | None]] = []
        encode = self._codec.encode_row
        decoded, encoded = self._decoded, self._encoded
        for key in self._dirty:
            entry = decoded[key]
            if entry.state is None:
                encoded.pop(key, None)
                del decoded[key]
                rows.append((key, None))
            else:
                value = encode(entry)
                encoded[key] = value
                rows.append((key, value))
        self._dirty.clear()
        excess = len(decoded) - self.decoded_rows_max
        if excess > 0:
            for key in list(_first(decoded, excess)):
                del decoded[key]
        return rows

    def restore(self, key: str, value: bytes | None) -> None:
        """Take a row as its changelog has it. Only before anything is folded."""
        if value is None:
            self._encoded.pop(key, None)
        else:
            self._encoded[key] = value

    def keys(self) -> set[str]:
        """All keys with a row, including rows not yet committed."""
        keys = set(self._encoded)
        for key in self._dirty:
            if self._decoded[key].state is None:
                keys.discard(key)
            else:
                keys.add(key)
        return keys

    @property
    def dirty_rows(self) -> int:
        return len(self._dirty)

    def __len__(self) -> int:
        return len(self.keys()) if self._dirty else len(self._encoded)


def _first(mapping: dict[str, Entry], count: int) -> Iterator[str]:
    for index, key in enumerate(mapping):
        if index >= count:
            return
        yield key
