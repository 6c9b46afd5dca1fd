"""What the gateway knows of every profile: the rows as they are now, and what changed lately.

Pure: records of the sync topics go in, snapshots and changes come out. Rows are kept as the
bytes they came as, of all profiles, since nobody can ask Kafka for one; what that takes is
bounded by ``gateway.replica_bytes_max``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from heapq import nlargest
from types import MappingProxyType
from typing import Any, Final

from ccstream.client.log_reader import LogRecord
from ccstream.client.records import Gap, OrderSynced, SyncRecord
from ccstream.client.replica import Replica, Row
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.gateway.recent import Recent, Recorded
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for

__all__ = ["AGGREGATES", "ALL_TABLES", "ORDERS_SHOWN_MAX", "Profiles"]

AGGREGATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cart": "carts",
        "touch": "touches",
        "profile": "profiles",
        "order": "orders",
        "consent": "consents",
        "interaction": "interactions",
    }
)
"""What a client can follow of a profile, and the table that it is in. Numbers in cursors are
places in here: append only."""

ALL_TABLES: Final = tuple(range(len(AGGREGATES)))

ORDERS_SHOWN_MAX: Final = 100
"""In a snapshot, the latest; more of them fill no screen."""


class Profiles:
    """The rows of all profiles, and the records of the last hour.

    Args:
        codec: reads the records.
        partitions: how many the sync topics have.
    """

    def __init__(self, codec: Codec, partitions: int) -> None:
        self._partitions = partitions
        self._replicas = [
            Replica(table, SyncDecoder(table, codec)) for table in AGGREGATES.values()
        ]
        self._decoders = [SyncDecoder(table, codec) for table in AGGREGATES.values()]
        self._numbers = {SYNC_TOPICS[table]: n for n, table in enumerate(AGGREGATES.values())}
        self._next = [[0] * len(ALL_TABLES) for _ in range(partitions)]
        self.recent = Recent()

    @property
    def held_bytes(self) -> int:
        """Bytes of all keys and values held."""
        return sum(replica.held_bytes for replica in self._replicas)

    @property
    def rows(self) -> int:
        """How many rows are held."""
        return sum(map(len, self._replicas))

    def take(self, record: LogRecord, now_ms: int) -> Recorded | None:
        """Take a record in; what it changed, or None if it is older than what is known."""
        table = self._numbers[record.topic]
        self._next[record.partition][table] = record.offset + 1
        replica = self._replicas[table]
        key = (record.key or b"").decode(errors="replace")
        before = replica.version(key)
        left = replica.apply(record)
        if left is None:
            return None
        recorded = Recorded(
            table,
            record.partition,
            record.offset,
            key,
            record.value if isinstance(left, Row) else None,
            before,
            record.appended_at,
            record.trace,
        )
        self.recent.add(recorded, now_ms)
        return recorded

    def forget(self, gap: Gap) -> int:
        """Drop the rows of a partition that records are missing of; how many they were."""
        table = self._numbers[gap.topic]
        self.recent.forget(table, gap.partition, gap.resumed_at)
        self._next[gap.partition][table] = gap.resumed_at
        return self._replicas[table].forget(gap)

    def partition(self, profile: str) -> int:
        """Where a profile is at home."""
        return partition_for(profile.encode(), self._partitions)

    def offsets(self, profile: str) -> tuple[int, ...]:
        """The next offset of each table in the profile's partition."""
        return tuple(self._next[self.partition(profile)])

    def decode(self, recorded: Recorded) -> SyncRecord:
        """The record of a change."""
        return self._decoders[recorded.table].record(recorded.value)

    def version(self, profile: str, tables: Collection[int] = ALL_TABLES) -> int:
        """The highest version of a profile's rows, 0 if there is none."""
        return max(
            (
                self._replicas[table].version(key)
                for table in tables
                for key in (profile, *self._replicas[table].keys(profile))
            ),
            default=0,
        )

    def snapshot(self, profile: str, tables: Collection[int]) -> dict[str, Any]:
        """The profile's records by aggregate; None where there is none, a list of orders."""
        found: dict[str, Any] = {}
        for table, (aggregate, name) in enumerate(AGGREGATES.items()):
            if table not in tables:
                continue
            replica = self._replicas[table]
            if name == "orders":
                orders = (replica.peek(key) for key in replica.keys(profile))
                found[aggregate] = nlargest(
                    ORDERS_SHOWN_MAX,
                    (order for order in orders if isinstance(order, OrderSynced)),
                    key=lambda order: (order.placed_at, order.order_id),
                )
            else:
                found[aggregate] = replica.peek(profile)
        return found
