"""A row that comes from elsewhere is made one with the one that is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import Event
from ccstream.engine.aggregates import Aggregate
from ccstream.engine.failure import failure
from ccstream.engine.firing import Asked, Firing
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.source import Source
from ccstream.errors import StateError
from ccstream.wire.entry import Entry

__all__ = ["Combine", "take_in"]

Combine = Callable[[Any], tuple[Any, tuple[Effect, ...]]]
"""What becomes of the state that is here, and what follows from it."""


def take_in(
    partition: Partition,
    aggregate: Aggregate,
    entity: str,
    key: str,
    combine: Combine | None,
    event: Event,
    source: Source,
    outcome: str,
    *,
    outlet: Outlet,
    firing: Firing,
) -> Reject | None:
    """Take a row in and publish what is there now; why not, if it cannot be.

    Args:
        partition: the row's.
        aggregate: what it is a row of.
        entity: whose it is.
        key: its key.
        combine: makes one of both; None if that was done before.
        event: what it comes of.
        source: where that came from.
        outcome: the word for readers if there is one made of both.
        outlet: where the sync event goes.
        firing: sets the row's timers.
    """
    table = partition.tables[aggregate.table]
    entry = table.get(key)
    before = state = entry.state if entry is not None else None
    delta = None
    asked: list[Asked] = []
    if combine is not None:
        try:
            state, effects = combine(before)
        except StateError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this row alone
            return failure(error)
        for effect in effects:
            if isinstance(effect, Reject):
                return effect
            if isinstance(effect, Publish):
                delta = effect.delta
            else:
                asked.append((aggregate.table, key, effect))
        unfit = firing.refusal(partition, entity, asked) if asked else None
        if unfit is not None:
            return unfit
    after = Entry(state, partition.next_version())
    value = None
    if state is not None and aggregate.encode_synced is not None:
        cause = source.cause(event, outcome if combine is not None else "duplicate")
        base = 0 if entry is None else entry.version
        value = aggregate.synced(partition, entity, after, base, cause, delta)
        if not outlet.fits(aggregate, after, value):
            return Reject(reasons.TOO_BIG, f"with it the row in {aggregate.table} is too big")
    if state is not before:
        table.put(key, after)
    elif entry is not None:
        entry.version = after.version
    if asked:
        firing.arm(partition, entity, asked)
    if aggregate.encode_synced is not None:
        outlet.publish(
            aggregate, partition, key, after.version, value, source.appended_at, source.trace
        )
    return None
