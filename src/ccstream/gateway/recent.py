"""What happened lately, so that a client that was away for a moment misses nothing.

Records are kept in the order they came, those of a profile can be found, and for each
partition of each topic it is known from which offset on none is missing. What a resuming
client needs is told whole or not at all. Pure: the time is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

__all__ = ["RECENT_MS_MAX", "Recent", "Recorded"]

RECENT_MS_MAX: Final = 60 * 60 * 1000
"""An hour, ``min.compaction.lag.ms`` of the sync topics: a gateway that has just read them
from the beginning has seen every record of that time, and of an earlier time perhaps not."""

BYTES_MAX: Final = 64 << 20
"""Of keys and values; at 1,000 changes/s of 1 KB it is a minute, and a client that was away
longer gets a snapshot, which is right as well."""

RECORDS_MAX: Final = 100_000
"""Python needs some 400 bytes beside each: 40 MB."""


class Recorded(Struct, frozen=True, gc=False):
    """A record that changed a row.

    Args:
        table: the number of the row's table.
        partition: of the record.
        offset: of the record.
        key: the row's.
        value: the row's bytes, None where it was removed.
        before: the version of the row that it replaced, 0 if there was none.
        appended_at: when the broker took it, in milliseconds.
        trace: the ``traceparent`` of the event that caused it, if it had one.
    """

    table: int
    partition: int
    offset: int
    key: str
    value: bytes | None
    before: int
    appended_at: int
    trace: bytes | None = None

    @property
    def profile(self) -> str:
        return self.key.partition("#")[0]

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value or b"")


class Recent:
    """The last records of all profiles, bounded by time, number and bytes."""

    def __init__(self, bytes_max: int = BYTES_MAX, records_max: int = RECORDS_MAX) -> None:
        self._bytes_max = bytes_max
        self._records_max = records_max
        self._all: deque[Recorded] = deque()
        self._of_profile: dict[str, deque[Recorded]] = {}
        self._whole_from: dict[tuple[int, int], int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, record: Recorded, now_ms: int) -> None:
        """Keep a record, unless it is an old one, and drop what there is no room for."""
        if record.appended_at < now_ms - RECENT_MS_MAX:
            self.forget(record.table, record.partition, record.offset + 1)
            return
        self._all.append(record)
        self._of_profile.setdefault(record.profile, deque()).append(record)
        self._bytes += record.size
        while (
            self._bytes > self._bytes_max
            or len(self._all) > self._records_max
            or self._all[0].appended_at < now_ms - RECENT_MS_MAX
        ):
            self._drop_first()

    def forget(self, table: int, partition: int, offset: int) -> None:
        """Of this partition nothing before ``offset`` can be told any more."""
        at = (table, partition)
        self._whole_from[at] = max(offset, self._whole_from.get(at, 0))

    def since(
        self, profile: str, partition: int, tables: Collection[int], offsets: Sequence[int]
    ) -> list[Recorded] | None:
        """The records of a profile from these offsets on; None if some may be missing.

        Args:
            profile: whose.
            partition: where it is at home.
            tables: the tables that count.
            offsets: by the number of the table.
        """
        if any(self._whole_from.get((table, partition), 0) > offsets[table] for table in tables):
            return None
        return [
            record
            for record in self._of_profile.get(profile, ())
            if record.table in tables and record.offset >= offsets[record.table]
        ]

    def _drop_first(self) -> None:
        record = self._all.popleft()
        of_profile = self._of_profile[record.profile]
        of_profile.popleft()
        if not of_profile:
            del self._of_profile[record.profile]
        self._bytes -= record.size
        self.forget(record.table, record.partition, record.offset + 1)
