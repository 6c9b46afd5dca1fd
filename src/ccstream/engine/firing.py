"""Timers, as the engine carries them out: set and cancelled by steps, told to their aggregates.

What a firing causes is of a piece with the rest of its chunk: the timer's end, the rows, sync
events and signals that come of it are in one transaction, so that none of it becomes a fact
without the others, and a timer whose firing was lost with its worker is there to fire again.
Signals carry an id made of the timer alone, the same whoever fires it.

An aggregate that fails at a timer has not spoken: its row stays as it was, the timer is gone, and
a dead letter says so, for a timer that stayed would fail for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from ccstream.domain import reasons
from ccstream.domain.effects import CancelTimer, Publish, Reject, SetTimer, Signal
from ccstream.domain.timers import TIMERS_MAX, Timer, Timers, first_due, replaced, without
from ccstream.engine.aggregates import Aggregate
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.failure import failure
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.timers import TIMERS
from ccstream.errors import StateError
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry

__all__ = ["Asked", "Firing", "timer_id"]

_TOLD_MAX: Final = 2 * TIMERS_MAX
"""Timers of one entity that fire at a time. One that sets itself anew each time may have a lot to
catch up with; what is left fires with the entity's next record, or by itself."""

_ID_BYTES: Final = 16

_CHANNEL: Final = "timer"
"""What sync events name as the channel, where a timer is their cause."""

Asked = tuple[str, str, SetTimer | CancelTimer]
"""A table, the key of its row, and what its step asks for."""


class Firing:
    """Sets, cancels and fires timers of partitions.

    Args:
        aggregates: those that may have timers, by their tables.
        outlet: where what comes of them goes.
    """

    def __init__(self, aggregates: Mapping[str, Aggregate], outlet: Outlet) -> None:
        self._aggregates = aggregates
        self._outlet = outlet
        self.after: Callable[[Partition, Timer, ChunkStatistics], None] | None = None
        """What is told of a timer beside its aggregate, of tables that publish nothing."""

    def refusal(self, partition: Partition, entity: str, asked: list[Asked]) -> Reject | None:
        """Why what steps ask for cannot be, if it cannot."""
        known = _timers(partition, entity) if partition.timers.knows(entity) else ()
        if len(known) + len(asked) <= TIMERS_MAX:
            return None
        if len(_carried_out(known, asked)) <= TIMERS_MAX:
            return None
        return Reject(reasons.TOO_MANY_TIMERS, f"an entity has at most {TIMERS_MAX} timers")

    def arm(self, partition: Partition, entity: str, asked: list[Asked]) -> None:
        """Set and cancel what steps ask for."""
        before = _timers(partition, entity) if partition.timers.knows(entity) else ()
        after = _carried_out(before, asked)
        if after != before:
            _keep(partition, entity, after)

    def drop(self, partition: Partition, entity: str, table: str, key: str) -> None:
        """Forget the timers of a row that is no more."""
        if partition.timers.knows(entity):
            before = _timers(partition, entity)
            after = tuple(one for one in before if one.table != table or one.key != key)
            if len(after) < len(before):
                _keep(partition, entity, after)

    def fire_due(
        self, partition: Partition, now: int, count_max: int, statistics: ChunkStatistics
    ) -> int:
        """Tell of wall-clock timers that are due; how many, those looked at in vain included."""
        done = 0
        while done < count_max and (entity := partition.timers.take(now)) is not None:
            told = self.fire(partition, entity, now, statistics, by_itself=True)
            done += max(1, told)
        return done

    def fire(
        self,
        partition: Partition,
        entity: str,
        now: int,
        statistics: ChunkStatistics,
        *,
        by_itself: bool,
    ) -> int:
        """Tell of an entity's timers that are due, in their order; how many these were.

        Args:
            partition: where the entity is.
            entity: its key.
            now: the time, of the record that is about to be folded, or of the wall.
            statistics: where it is counted.
            by_itself: there is no record; only wall-clock timers can be due.
        """
        before = timers = _timers(partition, entity)
        told = 0
        timer = first_due(timers, now, by_itself=by_itself)
        while timer is not None and told < _TOLD_MAX:
            told += 1
            timers = without(timers, timer.table, timer.key, timer.name)
            asked = self._tell(partition, entity, timer, now, statistics)
            timers = _carried_out(timers, asked)
            timer = first_due(timers, now, by_itself=by_itself)
        if timers is before:
            partition.timers.note(entity, timers)
        else:
            _keep(partition, entity, timers)
        return told

    def _tell(
        self,
        partition: Partition,
        entity: str,
        timer: Timer,
        now: int,
        statistics: ChunkStatistics,
    ) -> list[Asked]:
        """Tell an aggregate of one timer; what it asks for in turn, and nothing if it fails."""
        aggregate = self._aggregates.get(timer.table)
        if aggregate is None or aggregate.on_timer is None:
            count(statistics.timers, timer.table, "dropped")
            return []
        at = timer.due_ms if timer.clock == "wall" else now
        try:
            asked, refusal = self._told(partition, entity, aggregate, timer, at)
        except StateError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this timer alone
            asked, refusal = [], failure(error)
        if refusal is not None:
            self._outlet.reject_timer(
                partition.number, entity, timer, refusal.reason, refusal.detail
            )
            count(statistics.rejected, refusal.reason)
            count(statistics.timers, timer.table, "rejected")
            return []
        count(statistics.timers, timer.table, "fired")
        if self.after is not None and aggregate.encode_synced is None:
            self.after(partition, timer, statistics)
        return asked

    def _told(
        self,
        partition: Partition,
        entity: str,
        aggregate: Aggregate,
        timer: Timer,
        at: int,
    ) -> tuple[list[Asked], Reject | None]:
        """What a timer comes to, kept and put out unless it is refused."""
        outlet = self._outlet
        table = partition.tables[timer.table]
        entry = table.get(timer.key)
        before = entry.state if entry is not None else None
        assert aggregate.on_timer is not None
        state, effects = aggregate.on_timer(before, timer, at)
        asked: list[Asked] = []
        signals: list[Any] = []
        delta: Any = None
        publish = state is not before
        for effect in effects:
            if isinstance(effect, Publish):
                publish, delta = True, effect.delta
            elif isinstance(effect, Signal):
                signals.append(effect.record)
            else:
                if isinstance(effect, SetTimer) and effect.due_ms <= timer.due_ms:
                    raise ValueError("a timer that fires can only set one that is due later")
                asked.append((timer.table, timer.key, effect))
        event_id = timer_id(entity, timer)
        version = entry.version if entry is not None else 0
        value: bytes | None = None
        after: Entry | None = None
        if publish:
            after = Entry(state, partition.next_version())
            if aggregate.encode_synced is not None and state is not None:
                cause = Cause(
                    event_id, "TimerFired", _CHANNEL, timer.name, timer.due_ms, at, "applied"
                )
                value = aggregate.synced(partition, entity, after, version, cause, delta)
                if not outlet.fits(aggregate, after, value):
                    return [], Reject(reasons.TOO_BIG, f"its row in {timer.table} is too big")
            version = after.version
        encoded: list[bytes] = []
        for index, signal in enumerate(signals):
            signal_value = outlet.encode_signal(
                entity, signal, version, _numbered(event_id, index), timer.due_ms
            )
            if signal_value is None:
                return [], Reject(reasons.TOO_BIG, "its signal is too big")
            encoded.append(signal_value)
        # From here on all of it is kept.
        if after is not None:
            if state is not before:
                table.put(timer.key, after)
            elif entry is not None:
                entry.version = after.version
            if aggregate.encode_synced is not None:
                outlet.publish(
                    aggregate, partition, timer.key, after.version, value, timer.due_ms, None
                )
        for index, signal in enumerate(signals):
            outlet.signal(
                partition,
                entity,
                type(signal),
                encoded[index],
                _numbered(event_id, index),
                timer.due_ms,
            )
        return asked, None


def timer_id(entity: str, timer: Timer) -> str:
    """The id of what comes of a timer: the same whoever fires it, and however often."""
    parts = (entity, timer.table, timer.key, timer.name, str(timer.due_ms))
    return blake2b("\0".join(parts).encode(), digest_size=_ID_BYTES).hexdigest()


def _numbered(event_id: str, index: int) -> str:
    return event_id if not index else f"{event_id}.{index}"


def _timers(partition: Partition, entity: str) -> tuple[Timer, ...]:
    """Those that an entity has."""
    entry = partition.tables[TIMERS].get(entity)
    timers: tuple[Timer, ...] = () if entry is None else entry.state.timers
    return timers


def _carried_out(timers: tuple[Timer, ...], asked: Sequence[Asked]) -> tuple[Timer, ...]:
    for table, key, effect in asked:
        if isinstance(effect, SetTimer):
            timer = Timer(table, key, effect.name, effect.due_ms, effect.clock)
            timers = replaced(timers, timer)
        else:
            timers = without(timers, table, key, effect.name)
    return timers


def _keep(partition: Partition, entity: str, timers: tuple[Timer, ...]) -> None:
    """These are the entity's timers from now on."""
    state = Timers(timers) if timers else None
    partition.tables[TIMERS].put(entity, Entry(state, partition.next_version()))
    partition.timers.note(entity, timers)
    partition.changed = True
