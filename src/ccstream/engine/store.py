"""The rows of one table in one partition number.

A row lives in two forms. Every row is kept as its encoded bytes, exactly what its changelog
holds, which is compact; rows in use are also kept decoded, as :class:`Entry`. A changed row
is *dirty*: it exists only decoded until :meth:`Table.drain` encodes it for the changelog. To
encode some already before, while nobody waits, is what :meth:`Table.encode_ahead` is for.
Decoded rows beyond a bound are dropped again, oldest change first, never a dirty one.

The encoded rows are in memory, or in a :class:`Backing`. Then memory holds, beside the decoded
rows, those alone that were drained and are not a fact yet: they are *unwritten*, and stay until
the backing has them. There the oldest use counts, for to read a row again costs more.

Whoever asks for rows as they are committed is shown those of before the last drain, until
:meth:`Table.settled`.

One table belongs to one partition and one thread writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ccstream.wire.rows import Entry, RowCodec

__all__ = ["Backing", "Table"]

_DELETED = b""
"""An unwritten deletion: it hides the row that the backing still has. No row is empty."""


class Backing(Protocol):
    """Where the encoded rows of one table are that are not in memory."""

    rows: int
    """How many there are, the unwritten ones counted in."""

    def get(self, key: str) -> bytes | None:
        """The row of ``key`` as it was written last."""

    def keys(self, prefix: str = "") -> Iterable[str]:
        """All that have a row there and begin so."""

    def restore(self, key: str, value: bytes | None) -> None:
        """Take a row as its changelog has it."""


class Table:
    """One table's rows in one partition; reading decodes on demand."""

    __slots__ = (
        "_absent",
        "_ahead",
        "_backing",
        "_before",
        "_codec",
        "_decoded",
        "_dirty",
        "_encoded",
        "_owned",
        "_put",
        "decoded_rows_max",
        "hits",
        "misses",
        "name",
    )

    def __init__(
        self, name: str, codec: RowCodec, decoded_rows_max: int, backing: Backing | None = None
    ) -> None:
        self.name = name
        self.decoded_rows_max = decoded_rows_max
        self.hits = 0  # rows that were asked for and there, and were decoded already
        self.misses = 0  # those that were not
        self._codec = codec
        self._backing = backing
        self._encoded: dict[str, bytes] = {}  # with a backing, the unwritten ones
        self._decoded: dict[str, Entry] = {}
        # A row that was encoded ahead, with its version then, by which it may be told again since.
        self._dirty: dict[str, tuple[int, bytes] | None] = {}
        self._put: list[str] = []  # keys in the order in which they came to be encoded, or again
        self._ahead = 0  # how many of these were seen to
        self._absent: set[str] = set()  # looked for since the last drain; with a backing only
        self._owned: dict[str, set[str]] | None = None  # once asked for; without a backing only
        self._before: dict[str, bytes | None] = {}  # of the drained ones; without a backing only

    def get(self, key: str) -> Entry | None:
        """The row of ``key``, or None."""
        entry = self._decoded.get(key)
        if entry is not None:
            self.hits += 1
            if self._backing is not None:
                del self._decoded[key]
                self._decoded[key] = entry
            return entry if entry.state is not None else None
        encoded = self._encoded.get(key)
        if encoded is None and self._backing is not None:
            if key in self._absent:
                return None
            encoded = self._backing.get(key)
        if not encoded:
            if self._backing is not None:
                self._absent.add(key)
            return None
        self.misses += 1
        entry = self._codec.decode_row(encoded)
        self._decoded[key] = entry
        return entry

    def take_lookups(self) -> tuple[int, int]:
        """Hits and misses since the last call."""
        taken = self.hits, self.misses
        self.hits = self.misses = 0
        return taken

    def peek(self, key: str) -> Entry | None:
        """As :meth:`get`, for any thread: nothing is cached."""
        entry = self._decoded.get(key)
        if entry is not None:
            return entry if entry.state is not None else None
        encoded = self._encoded.get(key)
        if encoded is None and self._backing is not None:
            encoded = self._backing.get(key)
        return self._codec.decode_row(encoded) if encoded else None

    def look(self, key: str, *, live: bool) -> Entry | bytes | None:
        """The row as it is, or as it is committed, for who is to :meth:`decode` it later: nothing
        is cached, and nothing of it changes any more.
        """
        if not live:
            if self._backing is not None:
                return self._backing.get(key)
            return self._before[key] if key in self._before else self._encoded.get(key)
        entry = self._decoded.get(key)
        if entry is not None:
            return Entry(entry.state, entry.version) if entry.state is not None else None
        encoded = self._encoded.get(key)
        if encoded is None and self._backing is not None:
            encoded = self._backing.get(key)
        return encoded or None

    def look_of(self, entity: str, *, live: bool) -> dict[str, Entry | bytes | None]:
        """The same for all rows of ``entity`` where it has several, in order of their keys."""
        keys = set(self.keys_of(entity))
        if not live:
            # Deletions that are no facts yet are committed rows.
            prefix = entity + "#"
            for known in (self._before, self._encoded if self._backing is not None else {}):
                keys.update(key for key in known if key.startswith(prefix))
            keys.update(key for key in self._dirty if key.startswith(prefix))
        return {key: self.look(key, live=live) for key in sorted(keys)}

    def decode(self, row: Entry | bytes) -> Entry:
        """A row that :meth:`look` found."""
        return self._codec.decode_row(row) if isinstance(row, bytes) else row

    def settled(self) -> None:
        """The commit of what was drained last is a fact."""
        if self._before:
            self._before = {}

    def put(self, key: str, entry: Entry) -> None:
        """Store a changed row; it is dirty until the next :meth:`drain`.

        An entry whose state is None is a deletion.
        """
        # Re-inserting moves the row to the young end, from which nothing is dropped.
        before = self._decoded.pop(key, None)
        if before is None and self._backing is not None and self.get(key) is not None:
            del self._decoded[key]  # looked up only to know whether the row is a new one
        self._decoded[key] = entry
        if key not in self._dirty or self._dirty[key] is not None:
            self._put.append(key)
        self._dirty[key] = None
        if self._owned is not None:
            _note(self._owned, key, entry.state is not None)

    def encode_ahead(self, rows_max: int) -> int:
        """Encode so many dirty rows at most, for the next :meth:`drain`; how many it were.

        The longest dirty ones come first. One that changes again has been encoded in vain.
        """
        done = 0
        while done < rows_max and self._ahead < len(self._put):
            key = self._put[self._ahead]
            self._ahead += 1
            entry = self._decoded[key]
            if self._dirty[key] is None and entry.state is not None:
                self._dirty[key] = entry.version, self._codec.encode_row(entry)
                done += 1
        return done

    def drain(self) -> list[tuple[str, bytes | None]]:
        """Encode every dirty row (None: deleted) and forget that it was dirty."""
        rows: list[tuple[str, bytes | None]] = []
        encode = self._codec.encode_row
        decoded, encoded = self._decoded, self._encoded
        in_memory = self._backing is None
        before: dict[str, bytes | None] = {}
        self._before = before
        if self._backing is not None:
            self._backing.rows += self._dirty_growth()
            self._absent.clear()
        for key, ahead in self._dirty.items():
            entry = decoded[key]
            if in_memory:
                before[key] = encoded.get(key)
            if entry.state is None:
                if self._backing is None:
                    encoded.pop(key, None)
                else:
                    encoded[key] = _DELETED
                del decoded[key]
                rows.append((key, None))
            else:
                if ahead is not None and ahead[0] == entry.version:
                    value = ahead[1]
                else:
                    value = encode(entry)
                encoded[key] = value
                rows.append((key, value))
        self._dirty.clear()
        self._put.clear()
        self._ahead = 0
        excess = len(decoded) - self.decoded_rows_max
        if excess > 0:
            for key in list(_first(decoded, excess)):
                del decoded[key]
        return rows

    def unwritten(self) -> list[tuple[str, bytes | None]]:
        """What was drained and is to be written to the backing (None: deleted)."""
        return [(key, value or None) for key, value in self._encoded.items()]

    def written(self) -> None:
        """The backing has what was :meth:`unwritten`."""
        self._encoded.clear()

    def restore(self, key: str, value: bytes | None) -> None:
        """Take a row as its changelog has it. Only before anything is folded."""
        if self._backing is not None:
            self._backing.restore(key, value)
        elif value is None:
            self._encoded.pop(key, None)
        else:
            self._encoded[key] = value

    def keys(self) -> set[str]:
        """All keys with a row, including rows not yet committed."""
        if self._backing is None:
            keys = set(self._encoded)
        else:
            keys = set(self._backing.keys())
            for key, value in self._encoded.items():
                if value:
                    keys.add(key)
                else:
                    keys.discard(key)
        for key in self._dirty:
            if self._decoded[key].state is None:
                keys.discard(key)
            else:
                keys.add(key)
        return keys

    def keys_of(self, entity: str) -> list[str]:
        """The keys of the rows of ``entity`` where it has several, ``entity#...``, in order.

        In memory the first call looks at all keys, and from then on they are kept by entity.
        """
        if self._backing is None:
            if self._owned is None:
                self._owned = {}
                for key in self.keys():
                    _note(self._owned, key, known=True)
            return sorted(self._owned.get(entity, ()))
        prefix = entity + "#"
        keys = set(self._backing.keys(prefix))
        for key, value in self._encoded.items():
            if key.startswith(prefix):
                (keys.add if value else keys.discard)(key)
        for key in self._dirty:
            if key.startswith(prefix):
                (keys.discard if self._decoded[key].state is None else keys.add)(key)
        return sorted(keys)

    @property
    def dirty_rows(self) -> int:
        return len(self._dirty)

    def __len__(self) -> int:
        stored = len(self._encoded) if self._backing is None else self._backing.rows
        return stored + self._dirty_growth()

    def _dirty_growth(self) -> int:
        """By how many rows there will be more once the dirty ones are drained."""
        growth = 0
        for key in self._dirty:
            known = key in self._encoded if self._backing is None else key not in self._absent
            growth += (self._decoded[key].state is not None) - known
        return growth


def _note(owned: dict[str, set[str]], key: str, known: bool) -> None:
    """Note that a row is there, or is not any longer, with the entity whose row it is."""
    entity = key.partition("#")[0]
    keys = owned.get(entity)
    if known:
        if keys is None:
            owned[entity] = {key}
        else:
            keys.add(key)
    elif keys is not None:
        keys.discard(key)
        if not keys:
            del owned[entity]


def _first(mapping: dict[str, Entry], count: int) -> Iterator[str]:
    for index, key in enumerate(mapping):
        if index >= count:
            return
        yield key
