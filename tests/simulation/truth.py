"""What should be true of one partition: a plain fold, record by record, of what was folded.

It shares nothing with the engine but the domain's steps and the bytes of the wire. Duplicates
are told from a set of ids; time from the latest that was seen. No versions, no caches, no
transactions: a dictionary of rows, and lists of what had to be put out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ccstream.domain import cart, identity, order, profile, reasons, touch
from ccstream.domain.effects import Publish, Reject
from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    IdentifiersLinked,
    OrderPlaced,
    ProfileUpdated,
)
from ccstream.domain.moment import Moment, Scope
from ccstream.errors import UndecodableError
from ccstream.wire.mail import decode_mail
from ccstream.wire.partition import partition_for
from ccstream.wire.validate import validate, validate_origin
from tests.simulation.broker import LogRecord
from tests.simulation.process import BRITTLE_SKU, CHANNELS, CODEC, INPUTS

__all__ = ["HORIZON_MS", "Letter", "Origin", "Rejection", "Row", "Synced", "Truth"]

HORIZON_MS = 30 * 24 * 3_600_000

_CART_EVENTS = (CartItemAdded, CartItemRemoved, CartItemQuantitySet, CartCleared)


class Origin(NamedTuple):
    """Where an event was first appended, whatever it travelled through since."""

    topic: str
    partition: int
    offset: int
    appended_at: int


class Synced(NamedTuple):
    """A row as it must be published; ``state`` None is a tombstone."""

    table: str
    entity: str
    key: str
    state: Any
    delta: Any
    event: Event
    origin: Origin
    outcome: str
    folded: tuple[int, ...]


class Rejection(NamedTuple):
    reason: str
    origin: Origin
    key: bytes | None
    value: bytes | None


class Letter(NamedTuple):
    to: str
    home: int
    origin: Origin
    hops: int
    value: bytes


class Ending(NamedTuple):
    """What became of an event at last; ``entity`` is whose rows it met."""

    origin: Origin
    outcome: str
    entity: str
    event: Event | None


class Row(NamedTuple):
    state: Any


def _cart_step(state: Any, event: Any, at: Moment) -> Any:
    if isinstance(event, CartItemAdded) and event.sku == BRITTLE_SKU and state and state.lines:
        raise RuntimeError
    return cart.step(state, event, at)


_STEPS: dict[str, Callable[..., Any]] = {
    "carts": _cart_step,
    "touches": touch.step,
    "profiles": profile.step,
    "orders": order.step,
    "aliases": identity.step,
}


def _addressed(entity: str, event: Event) -> list[tuple[str, str]]:
    """The rows that an event is about: (table, key)."""
    if isinstance(event, IdentifiersLinked):
        return [("aliases", entity)]
    rows = [("touches", entity)]
    if isinstance(event, _CART_EVENTS):
        rows.insert(0, ("carts", entity))
    elif isinstance(event, OrderPlaced):
        rows[:0] = [("orders", f"{entity}#{event.order_id}"), ("carts", entity)]
    elif isinstance(event, ProfileUpdated):
        rows.insert(0, ("profiles", entity))
    return rows


class Truth:
    """One partition's."""

    def __init__(self, number: int, partitions: int, state_id: bytes) -> None:
        self._number = number
        self._scope = Scope(state_id, number, partitions)
        self._partitions = partitions
        self._folded = [-1] * len(INPUTS)
        self._ids: dict[str, set[tuple[str, str]]] = {}
        self._latest: dict[str, int] = {}
        self.rows: dict[str, dict[str, Any]] = {table: {} for table in _STEPS}
        self.synced: list[Synced] = []
        self.rejected: list[Rejection] = []
        self.letters: list[Letter] = []
        self.endings: list[Ending] = []

    @property
    def windows(self) -> dict[str, set[tuple[str, str]]]:
        """Ids taken, as (channel and source, event id), by entity."""
        return self._ids

    def fold(self, records: Iterable[LogRecord]) -> None:
        for record in records:
            topic = INPUTS.index(record.topic())
            assert record.offset() > self._folded[topic]
            self._folded[topic] = record.offset()
            self._record(topic, record)

    def _record(self, topic: int, record: LogRecord) -> None:
        _, appended_at = record.timestamp()
        origin = Origin(record.topic(), self._number, record.offset(), appended_at)
        value, channel = record.value(), CHANNELS[topic]
        if channel is None:
            mail = decode_mail(value)
            origin = Origin(
                mail.origin_topic,
                mail.origin_partition,
                mail.origin_offset,
                mail.origin_appended_at,
            )
            event = CODEC.decode_event(mail.value)
            self._meet(topic, record, mail.to, event, mail.value, origin, mail.hops)
            return
        try:
            event = CODEC.decode_event(value)
        except UndecodableError as error:
            self.rejected.append(Rejection(error.reason, origin, record.key(), value))
            self.endings.append(Ending(origin, "rejected", "", None))
            return
        broken = validate(event, appended_at) or validate_origin(event, record.key(), channel)
        if broken is not None:
            self._reject(broken.reason, event.subject, event, value, origin, key=record.key())
        elif (home := self._home(event.subject)) != self._number:
            self.letters.append(Letter(event.subject, home, origin, 1, value or b""))
        else:
            self._meet(topic, record, event.subject, event, value or b"", origin, 0)

    def _meet(
        self,
        topic: int,
        record: LogRecord,
        entity: str,
        event: Event,
        value: bytes,
        origin: Origin,
        hops: int,
    ) -> None:
        alias = self.rows["aliases"].get(entity)
        forwarded = alias is not None and not isinstance(event, IdentifiersLinked)
        now = max(record.timestamp()[1], self._latest.get(entity, 0))
        ids = self._ids.setdefault(entity, set())
        name = (f"{event.channel}/{event.source}", event.event_id)
        if name in ids:
            self._unchanged(entity, event, origin, "duplicate")
        elif event.occurred_at < now - HORIZON_MS:
            self._reject(reasons.TOO_LATE, entity, event, value, origin, outcome="too_late")
        elif forwarded:
            ids.add(name)
            self._latest[entity] = now
            self._unchanged(entity, event, origin, "forwarded")
            home = self._home(alias.root)
            self.letters.append(Letter(alias.root, home, origin, hops + 1, value))
        else:
            at = Moment(
                now, topic, record.offset(), self._scope, tuple(self._folded), origin.appended_at
            )
            if self._apply(entity, event, value, origin, at):
                ids.add(name)
                self._latest[entity] = now

    def _apply(self, entity: str, event: Event, value: bytes, origin: Origin, at: Moment) -> bool:
        changes = []
        for table, key in _addressed(entity, event):
            before = self.rows[table].get(key)
            try:
                after, effects = _STEPS[table](before, event, at)
            except RuntimeError:
                self._reject(reasons.FAILED, entity, event, value, origin)
                return False
            delta = None
            for effect in effects:
                if isinstance(effect, Reject):
                    self._reject(effect.reason, entity, event, value, origin)
                    return False
                if isinstance(effect, Publish):
                    delta = effect.delta
            changes.append((table, key, before, after, delta))
        changed = any(after is not before for _, _, before, after, _ in changes)
        outcome = "applied" if changed else "no_effect"
        for table, key, _, after, delta in changes:
            if after is not None:
                self.rows[table][key] = after
            self._publish(table, entity, key, delta, event, origin, outcome)
        self.endings.append(Ending(origin, outcome, entity, event))
        return True

    def _unchanged(self, entity: str, event: Event, origin: Origin, outcome: str) -> None:
        for table, key in _addressed(entity, event):
            self._publish(table, entity, key, None, event, origin, outcome)
        if outcome != "forwarded":
            self.endings.append(Ending(origin, outcome, entity, event))

    def _reject(
        self,
        reason: str,
        entity: str,
        event: Event,
        value: bytes | None,
        origin: Origin,
        *,
        outcome: str = "rejected",
        key: bytes | None = None,
    ) -> None:
        stated = event.subject.encode() if key is None else key
        self.rejected.append(Rejection(reason, origin, stated, value))
        if self._home(entity) == self._number:
            self._unchanged(entity, event, origin, outcome)
        else:
            self.endings.append(Ending(origin, outcome, entity, event))

    def _publish(
        self,
        table: str,
        entity: str,
        key: str,
        delta: Any,
        event: Event,
        origin: Origin,
        outcome: str,
    ) -> None:
        if table == "aliases":
            return
        state = self.rows[table].get(key)
        folded = tuple(self._folded)
        self.synced.append(Synced(table, entity, key, state, delta, event, origin, outcome, folded))

    def _home(self, entity: str) -> int:
        return partition_for(entity.encode(), self._partitions)
