"""From one record to what it causes: decode, check, resolve, step, put out.

The order of things, for each record:

1. Bytes become an event, or go to the dead letters.
2. What the event says is checked against its topic and key. A key of another partition, or
   of an entity that is an alias, sends the event on by mail.
3. The duplicate window decides whether the event is new.
4. Timers of the entity that are due by the record's time are told of first (`firing.py`).
   Then every aggregate that the event addresses takes its step; nothing is kept unless all
   agree and the results fit into a record.
5. Each row addressed is published, changed or not, as snapshot or tombstone: so whatever a
   reader was shown by a predecessor whose work was lost, the owner's next word corrects it.

An exception in a step is this event's fate, not the partition's: it is rejected with its
traceback. Nothing here waits or reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from ccstream.domain import reasons
from ccstream.domain.effects import CancelTimer, Publish, Reject, SetTimer
from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.identifiers import DEFAULT_RULES, IdentifierRules
from ccstream.domain.identity import holder_at
from ccstream.domain.moment import Moment
from ccstream.domain.window import TOO_LATE, WindowLimits, admit, admit_by_hand, latest
from ccstream.engine.aggregates import ALIASES, WINDOWS, Aggregate, Plan, receipts
from ccstream.engine.chunk_statistics import ChunkStatistics, count
from ccstream.engine.erasing import Erasing
from ccstream.engine.failure import failure
from ccstream.engine.firing import Asked, Firing
from ccstream.engine.handover import HandOvers
from ccstream.engine.linking import Linking
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.source import Record, Source, unstamped
from ccstream.errors import StateError, UndecodableError
from ccstream.ops.erasure_key import ErasureKey
from ccstream.wire.entry import Entry
from ccstream.wire.mail import FORWARD, LINK, decode_mail
from ccstream.wire.partition import partition_for
from ccstream.wire.validate import validate, validate_origin

__all__ = ["Folder"]

_Output = tuple[Aggregate, str, Entry | None, Entry, bytes | None]
"""An aggregate, the key of its row, the row before and after, and its sync event."""


class Folder:
    """Folds records into partitions.

    Args:
        decode: framed bytes to an event; raises UndecodableError.
        topics: names of the input topics, at the index of their topic number.
        channels: the channel of each input topic; None for mail.
        plans: for every event type the aggregates it addresses, the one that may refuse first.
        outlet: where what is caused goes.
        window_limits: bounds of the duplicate windows.
        identifiers: the rules about identifiers.
        append_time: refuse records with their producer's time (the embedded broker has no other).
        erasure_key: by which people are known who were erased; None where none can be.
    """

    def __init__(
        self,
        *,
        decode: Callable[[bytes], Event],
        topics: tuple[str, ...],
        channels: tuple[str | None, ...],
        plans: Mapping[type[Event], Plan],
        outlet: Outlet,
        window_limits: WindowLimits,
        append_time: bool,
        identifiers: IdentifierRules = DEFAULT_RULES,
        erasure_key: ErasureKey | None = None,
    ) -> None:
        self._decode = decode
        self._topics = topics
        self._channels = channels
        self._plans = plans
        self._outlet = outlet
        self._window_limits = window_limits
        self._append_time = append_time
        told = {a.table: a for plan in plans.values() for a in plan}
        self._firing = Firing(told | receipts(erasure_key), outlet)
        self._hand_overs = HandOvers(plans, outlet, window_limits, self._firing, identifiers)
        self._partings = self._hand_overs.partings
        self._linking = Linking(plans, outlet, self._hand_overs, identifiers, erasure_key)
        self._erasing = Erasing(plans, outlet, self._firing, erasure_key, self._linking)
        self.statistics = ChunkStatistics(len(topics))

    @property
    def gathered(self) -> int:
        """Outputs that wait for :meth:`release`."""
        return self._outlet.gathered

    def gather(self, *, patient_only: bool) -> None:
        """Let outputs wait for :meth:`release`; see :class:`Outlet`."""
        self._outlet.gather(patient_only=patient_only)

    def release(self) -> None:
        """Send the outputs that were gathered."""
        self._outlet.release()

    def take_statistics(self) -> ChunkStatistics:
        """What was counted since the last call."""
        taken, self.statistics = self.statistics, ChunkStatistics(len(self._topics))
        taken.awaited = self._outlet.take_awaited()
        return taken

    def fire(self, partition: Partition, now: int, count_max: int) -> int:
        """Tell of wall-clock timers that are due; how many, those looked at in vain included."""
        return self._firing.fire_due(partition, now, count_max, self.statistics)

    def fold(self, partition: Partition, topic: int, record: Record) -> None:
        """Fold the record at the partition's next position of this topic number."""
        offset = record.offset()
        clock, appended_at = record.timestamp()
        key, value = record.key(), record.value()
        name = self._topics[topic]
        channel = self._channels[topic]
        if clock != TIMESTAMP_LOG_APPEND_TIME and self._append_time:
            raise unstamped(name)
        self.statistics.consumed[topic] += 1
        source = Source(name, partition.number, offset, appended_at, key, value, record)
        partition.folded[topic] = offset
        partition.changed = True
        if value is None:
            self._reject_bytes(source, reasons.NULL_VALUE, "a null value is no event")
            return
        if channel is None:
            self._open_mail(partition, topic, value, source)
            return
        try:
            event = self._decode(value)
        except UndecodableError as error:
            self._reject_bytes(source, error.reason, error.detail)
            return
        refusal = validate(event, appended_at) or validate_origin(event, key, channel)
        if refusal is not None:
            self._refuse(partition, event.subject, event, source, refusal)
            return
        home = partition_for(event.subject.encode(), partition.scope.partitions)
        if home != partition.number:
            count(self.statistics.misrouted, channel)
            self._forward(partition, event.subject, home, event, source)
            return
        self._resolve(partition, topic, event.subject, event, source, offset, appended_at)

    def _open_mail(self, partition: Partition, topic: int, value: bytes, source: Source) -> None:
        try:
            mail = decode_mail(value)
            event = self._decode(mail.value)
        except UndecodableError as error:
            self._reject_bytes(source, error.reason, error.detail)
            return
        offset, appended_at = source.offset, source.appended_at
        source.came_by(mail, event)
        if mail.kind == FORWARD:
            self._resolve(partition, topic, mail.to, event, source, offset, appended_at)
        elif self._erasing.takes(partition, mail, event, source, self.statistics):
            return
        elif mail.kind == LINK:
            self._linking.open(partition, mail, event, source, self.statistics)
        else:
            self._hand_overs.open(
                partition, topic, mail, event, source, offset, appended_at, self.statistics
            )

    def _resolve(
        self,
        partition: Partition,
        topic: int,
        entity: str,
        event: Event,
        source: Source,
        offset: int,
        appended_at: int,
    ) -> None:
        """Once for each entity on the way: what an identifier took before its log-in, or sent
        on under an earlier one, is not sent on when it comes again.
        """
        windows = partition.tables[WINDOWS]
        known = windows.get(entity)
        window = known.state if known is not None else None
        if window is None:
            refused, window = self._erasing.meet(partition, entity, event, source, self.statistics)
            if refused is not None:
                self._refuse(partition, entity, event, source, refused)
                return
        now = latest(window, appended_at)
        verdict, admitted = admit(
            window,
            event.event_id,
            event.occurred_at,
            f"{event.channel}/{event.source}",
            now,
            self._window_limits,
        )
        if verdict == "too_late" and self._erasing.by_hand(partition, entity, event, source):
            verdict, admitted = admit_by_hand(admitted, event, now, self._window_limits)
        if verdict == "duplicate":
            self._publish_unchanged(partition, entity, event, source, verdict)
            return
        alias = partition.tables[ALIASES].get(entity)
        refused = None if alias is None else self._erasing.late(alias, event, self.statistics)
        if refused is not None:
            self._refuse(partition, entity, event, source, refused)
            return
        if verdict == "too_late":
            self._refuse(partition, entity, event, source, TOO_LATE, outcome="too_late")
            return
        timers = partition.timers
        if timers.armed and timers.due(entity) <= now:
            self._firing.fire(partition, entity, now, self.statistics, by_itself=False)
        taken = Entry(admitted, partition.next_version())
        is_link = type(event) is IdentifiersLinked or type(event) is IdentifierUnlinked
        root = "" if alias is None or is_link else holder_at(alias.state, event.occurred_at)
        if not root:
            unfit = self._hand_overs.refusal(entity, event, source) if is_link else None
            by_facts = is_link and unfit is None and self._linking.takes(entity)
            if by_facts:
                unfit = self._linking.fold(partition, entity, event, source, taken, self.statistics)
            if unfit is not None:
                self._refuse(partition, entity, event, source, unfit)
            if by_facts or unfit is not None:
                return
            came_by = "" if entity == event.subject else self._partings.origin(event.subject)
            folded, first_at = partition.folded, source.appended_at
            gone_at = self._erasing.erased_at(partition, entity) if is_link and alias is None else 0
            at = Moment(now, topic, offset, partition.scope, folded, first_at, came_by, gone_at)
            self._apply(partition, entity, event, source, at, taken)
            if is_link:
                before = None if alias is None else alias.state
                self._linking.follow(partition, entity, event, source, before, self.statistics)
            return
        self._publish_unchanged(partition, entity, event, source, "forwarded")
        home = partition_for(root.encode(), partition.scope.partitions)
        if self._forward(partition, root, home, event, source):
            windows.put(entity, taken)
            if entity != event.subject:
                self._partings.note(partition, entity, (self._partings.origin(event.subject),))

    def _apply(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        at: Moment,
        taken: Entry,
    ) -> None:
        if not self._plans[type(event)]:
            refusal = self._erasing.ask(
                partition, entity, event, source, taken, at.now, self.statistics
            )
            if refusal is not None:
                self._refuse(partition, entity, event, source, refusal)
            else:
                self.statistics.counted(event, "applied")
            return
        try:
            outcome, outputs, asked, refusal = self._step(partition, entity, event, source, at)
        except StateError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this event alone
            refusal = failure(error)
        if refusal is None:
            self._accept(partition, entity, event, source, outputs, taken, outcome)
            if asked is not None:
                self._firing.arm(partition, entity, asked)
        else:
            self._refuse(partition, entity, event, source, refusal)

    def _step(
        self, partition: Partition, entity: str, event: Event, source: Source, at: Moment
    ) -> tuple[str, list[_Output], list[Asked] | None, Reject | None]:
        """What the event would come to, nothing of it kept yet: outcome, rows, timers, refusal."""
        changes: list[tuple[Aggregate, str, Entry | None, Any, Any]] = []
        changed = False
        outputs: list[_Output] = []
        asked: list[Asked] | None = None
        for aggregate in self._plans[type(event)]:
            key = aggregate.row_key(entity, event)
            entry = partition.tables[aggregate.table].get(key)
            before = entry.state if entry is not None else None
            state, effects = aggregate.step(before, event, at)
            delta = None
            for effect in effects:
                if type(effect) is Reject:
                    return "rejected", outputs, None, effect
                if type(effect) is Publish:
                    delta = effect.delta
                elif type(effect) is SetTimer or type(effect) is CancelTimer:
                    asked = [] if asked is None else asked
                    asked.append((aggregate.table, key, effect))
            changed = changed or state is not before
            changes.append((aggregate, key, entry, state, delta))
        outcome = "applied" if changed else "no_effect"
        if asked is not None and (refusal := self._firing.refusal(partition, entity, asked)):
            return "rejected", outputs, None, refusal
        cause = source.cause(event, outcome)
        for aggregate, key, entry, state, delta in changes:
            after = Entry(state, partition.next_version())
            base = 0 if entry is None else entry.version
            value = None
            if aggregate.encode_synced is not None and state is not None:
                value = aggregate.synced(partition, entity, after, base, cause, delta)
                if not self._outlet.fits(aggregate, after, value):
                    detail = f"its row in {aggregate.table} is too big"
                    return outcome, outputs, None, Reject(reasons.TOO_BIG, detail)
            outputs.append((aggregate, key, entry, after, value))
        return outcome, outputs, asked, None

    def _accept(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        outputs: list[_Output],
        taken: Entry,
        outcome: str,
    ) -> None:
        outlet = self._outlet
        appended_at, trace = source.appended_at, source.trace
        for aggregate, key, entry, after, value in outputs:
            before = entry.state if entry is not None else None
            if after.state is not before:
                partition.tables[aggregate.table].put(key, after)
            elif entry is not None:
                entry.version = after.version
            if aggregate.encode_synced is not None:
                outlet.publish(aggregate, partition, key, after.version, value, appended_at, trace)
        partition.tables[WINDOWS].put(entity, taken)
        self.statistics.taken_in(event, outcome)

    def _publish_unchanged(
        self, partition: Partition, entity: str, event: Event, source: Source, outcome: str
    ) -> None:
        cause = source.cause(event, outcome)
        plan = self._plans[type(event)]
        if not plan:
            self._erasing.publish_rows(partition, entity, cause, source)
        for aggregate in plan:
            if aggregate.encode_synced is None:
                continue
            key = aggregate.row_key(entity, event)
            self._outlet.publish_as_is(aggregate, partition, entity, key, cause, source.trace)
        if outcome != "forwarded":
            self.statistics.counted(event, outcome)

    def _refuse(
        self,
        partition: Partition,
        entity: str,
        event: Event,
        source: Source,
        refusal: Reject,
        *,
        outcome: str = "rejected",
        publish: bool = True,
    ) -> None:
        """Reject an event that could be read; its subject's rows are published all the same."""
        at_home = partition_for(entity.encode(), partition.scope.partitions) == partition.number
        to = entity if source.hops else None
        self._outlet.reject(
            partition.number, source, refusal.reason, refusal.detail, event=event, to=to
        )
        count(self.statistics.rejected, refusal.reason)
        if publish and at_home:
            self._publish_unchanged(partition, entity, event, source, outcome)
        else:
            self.statistics.counted(event, outcome)

    def _reject_bytes(self, source: Source, reason: str, detail: str) -> None:
        """Reject what could not be read."""
        self._outlet.reject(source.partition, source, reason, detail)
        count(self.statistics.rejected, reason)
        self.statistics.unreadable()

    def _forward(
        self, partition: Partition, to: str, home: int, event: Event, source: Source
    ) -> bool:
        """Send the event on; False if it has travelled enough and was rejected."""
        refusal = self._outlet.forward(home, source, to)
        if refusal is not None:
            self._refuse(partition, to, event, source, refusal, publish=False)
            return False
        count(self.statistics.mail, FORWARD)
        self.statistics.counted(event, "forwarded")
        return True
