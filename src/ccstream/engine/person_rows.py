"""All rows of one person, or one of their identifiers: published, deleted, and gone for good."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import Event
from ccstream.domain.identity import Alias, forget
from ccstream.domain.order import Order
from ccstream.engine.aggregates import ALIASES, LINKS, ORDERS, WINDOWS, Aggregate
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.source import Source
from ccstream.engine.timers import TIMERS
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry

__all__ = ["PersonRows"]


class PersonRows:
    """What an erasure does to rows.

    Args:
        plans: for every event type the aggregates that it addresses.
        outlet: where snapshots and tombstones go.
    """

    def __init__(self, plans: Mapping[type[Event], tuple[Aggregate, ...]], outlet: Outlet) -> None:
        self._aggregates = {a.table: a for plan in plans.values() for a in plan}
        self._outlet = outlet

    def publish(self, partition: Partition, entity: str, cause: Cause, source: Source) -> None:
        """Publish all that an entity has, as it is: a history that was lost may have erased it."""
        for name, aggregate in self._aggregates.items():
            if aggregate.encode_synced is None:
                continue
            table = partition.tables[name]
            keys = table.keys_of(entity) if name == ORDERS else (entity,)
            for key in keys:
                if table.get(key) is not None:
                    self._outlet.publish_as_is(
                        aggregate, partition, entity, key, cause, source.trace
                    )

    def publish_order(
        self, partition: Partition, entity: str, key: str, event: Event, source: Source
    ) -> None:
        """Publish an order that was not taken in: its tombstone, unless there is one of the key."""
        cause = source.cause(event, "rejected")
        self._outlet.publish_as_is(
            self._aggregates[ORDERS], partition, entity, key, cause, source.trace
        )

    def delete(
        self, partition: Partition, entity: str, fingerprint: str, source: Source
    ) -> tuple[int, int]:
        """Delete all rows of an entity but orders, which go on under the fingerprint; how many."""
        deleted = orders = 0
        for name, aggregate in self._aggregates.items():
            table = partition.tables[name]
            if name == ORDERS:
                for key in table.keys_of(entity):
                    entry = table.get(key)
                    assert entry is not None
                    version = partition.next_version()
                    table.put(key, Entry(None, version))
                    at, trace = source.appended_at, source.trace
                    self._outlet.publish(aggregate, partition, key, version, None, at, trace)
                    kept_as = fingerprint + key.removeprefix(entity)
                    self._keep_order(partition, fingerprint, kept_as, entry.state, source)
                    orders += 1
                continue
            version = partition.next_version()
            if table.get(entity) is not None:
                table.put(entity, Entry(None, version))
                deleted += 1
            if aggregate.encode_synced is not None:
                self._outlet.publish(
                    aggregate, partition, entity, version, None, source.appended_at, source.trace
                )
        for name in (WINDOWS, TIMERS, LINKS):
            table = partition.tables[name]
            if table.get(entity) is not None:
                table.put(entity, Entry(None, partition.next_version()))
                deleted += 1
        partition.timers.note(entity, ())
        partition.changed = True
        return deleted, orders

    @staticmethod
    def forget_tenures(partition: Partition, identifier: str, account: str, known: Entry) -> None:
        """It is somebody else's by now: only that it once was this account's goes."""
        alias: Alias = known.state
        state = forget(alias, account)
        if state is not alias:
            partition.tables[ALIASES].put(identifier, Entry(state, known.version))

    def keep_order(
        self,
        partition: Partition,
        fingerprint: str,
        key: str,
        order: Order,
        source: Source,
    ) -> Reject | None:
        """Keep an order of somebody who is erased already, under this key; why not, if it cannot
        be.
        """
        known = partition.tables[ORDERS].get(key)
        if known is not None and known.state.event_id != order.event_id:
            detail = "an order of this id by another event was kept of who was erased"
            return Reject(reasons.ORDER_ALREADY_PLACED, detail)
        self._keep_order(partition, fingerprint, key, order, source)
        return None

    def _keep_order(
        self, partition: Partition, fingerprint: str, key: str, order: Order, source: Source
    ) -> None:
        """An order stays for accounting, and is nobody's whom one could name."""
        aggregate = self._aggregates[ORDERS]
        kept = Entry(replace(order, origin=""), partition.next_version())
        partition.tables[ORDERS].put(key, kept)
        cause = source.anonymous_cause("erased")
        value = aggregate.synced(partition, fingerprint, kept, 0, cause, None)
        self._outlet.publish(
            aggregate, partition, key, kept.version, value, source.appended_at, source.trace
        )
