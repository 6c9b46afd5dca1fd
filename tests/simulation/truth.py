"""What should be true of one partition: a plain fold, record by record, of what was folded.

It shares nothing with the engine but the domain's steps and the bytes of the wire. Duplicates
are told from a set of ids; time from the latest that was seen. No versions, no caches, no
transactions: a dictionary of rows, and lists of what had to be put out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from msgspec import structs

from ccstream.domain import (
    handover,
    identity,
    interactions,
    linking,
    links,
    order,
    profile,
    reasons,
    touch,
    touch_shares,
)
from ccstream.domain.cart_state import Absorbed
from ccstream.domain.effects import CancelTimer, Publish, Reject, SetTimer
from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    OrderPlaced,
    ProfileUpdated,
)
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.timers import Timer
from ccstream.errors import UndecodableError
from ccstream.wire.cause import Cause
from ccstream.wire.link_rows import post_from, post_kind, post_row
from ccstream.wire.mail import Mail, decode_mail
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS, Entry
from ccstream.wire.validate import validate, validate_origin
from tests.simulation import timed
from tests.simulation.broker import LogRecord
from tests.simulation.erased import ABOUT_ALL, Erasures
from tests.simulation.process import (
    BRITTLE_SKU,
    CART_MERGE,
    CHANNELS,
    CODEC,
    ERASURE_KEY,
    IDENTIFIERS,
    INPUTS,
)
from tests.simulation.told_profiles import Profiles

__all__ = [
    "HORIZON_MS",
    "Ending",
    "Letter",
    "Origin",
    "Rejection",
    "Row",
    "Synced",
    "Truth",
    "Watch",
    "letter_of",
    "timer_id",
]

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
    cause: Cause
    folded: tuple[int, ...]


class Watch(NamedTuple):
    """A cart that is to be signalled at a time; ``must`` if nothing happened to it before."""

    entity: str
    due: int
    cart: Any
    must: bool


class Rejection(NamedTuple):
    reason: str
    origin: Origin
    key: bytes | None
    value: bytes | None


class Letter(NamedTuple):
    """``row`` is what it holds without its version; of a window, the ids."""

    to: str
    home: int
    origin: Origin
    hops: int
    value: bytes
    kind: str = "forward"
    table: str = ""
    key: str = ""
    row: Any = None
    since: int = 0
    holder: str = ""


def letter_of(mail: Mail, home: int) -> Letter:
    """A letter as it was written, to a partition."""
    origin = Origin(
        mail.origin_topic, mail.origin_partition, mail.origin_offset, mail.origin_appended_at
    )
    row: Any = mail.row
    if mail.table == "windows":
        row = frozenset(_ids_in(mail.row or b""))
    elif row:
        row = _without_version(mail.table, ROW_CODECS[mail.table].decode_row(row).state)
    about = (mail.kind, mail.table, mail.key, row, mail.since, mail.holder)
    return Letter(mail.to, home, origin, mail.hops, mail.value, *about)


class Ending(NamedTuple):
    """What became of an event at last; ``entity`` is whose rows it met."""

    origin: Origin
    outcome: str
    entity: str
    event: Event | None
    life: int = 0
    """How often the entity had been erased before."""


class Row(NamedTuple):
    state: Any


_Name = tuple[str, bytes]
"""A source, and the digest of an id of its."""


def _name(source: str, event_id: str) -> _Name:
    return source, blake2b(event_id.encode(), digest_size=8).digest()


def _ids_in(row: bytes) -> Iterable[_Name]:
    """The ids in a row of windows: entries of 16 bytes, of which the last 8 are a digest."""
    for source, known in ROW_CODECS["windows"].decode_row(row).state.sources.items():
        for at in range(8, len(known.ids), 16):
            yield source, known.ids[at : at + 8]


def _without_version(table: str, state: Any) -> bytes:
    return ROW_CODECS[table].encode_row(Entry(state, 0))


def _cart_step(state: Any, event: Any, at: Moment) -> Any:
    if isinstance(event, CartItemAdded) and event.sku == BRITTLE_SKU and state and state.lines:
        raise RuntimeError
    return timed.step(state, event, at)


_TOUCH = touch.TouchLimits()

_STEPS: dict[str, Callable[..., Any]] = {
    "carts": _cart_step,
    "touches": lambda state, event, at: touch_shares.step(state, event, at, _TOUCH),
    "profiles": profile.step,
    "orders": order.step,
    "aliases": identity.step,
    "interactions": interactions.step,
}

_MERGES: dict[str, Callable[..., Any]] = {
    "carts": lambda ours, theirs, marker, mark, by: handover.merge_carts(
        ours, theirs, marker, mark, by.into
    ),
    "touches": lambda ours, theirs, _, __, by: handover.merge_touches(ours, theirs, _TOUCH, by),
    "profiles": lambda ours, theirs, *_: handover.merge_profiles(ours, theirs, profile.Policies()),
    "orders": lambda ours, theirs, _, __, by: handover.merge_orders(ours, theirs, by),
    "interactions": lambda ours, theirs, _, __, by: interactions.merge(
        ours, theirs, by.origin, by.into
    ),
}

_PARTED = ("carts", "touches", "orders", "interactions")
"""Whose rows are parted when an identifier leaves that brought something into them."""

_LINKS = (IdentifiersLinked, IdentifierUnlinked)


def _origin(key: str) -> str:
    """By whose key something came that may go back; a device's does not."""
    return "" if key.startswith("visitor:") else key


def _origins(table: str, state: Any) -> set[str]:
    if table == "orders":
        return {state.origin} - {""}
    if table == "touches":
        return set(state.shares) - {""}
    if table == "interactions":
        return {one.origin for one in state.interactions} - {""}
    return {dot.origin for line in state.lines.values() for dot in (*line.dots, *line.sets)} - {""}


def _release(table: str, state: Any, name: str) -> Any:
    if table == "orders":
        part = handover.release_order(state, name)
        return (state, None, ()) if part is None else (None, part, ())
    if table == "touches":
        return handover.release_touches(state, name) or (state, None, ())
    if table == "interactions":
        return interactions.release(state, name) or (state, None, ())
    return handover.release_cart(state, name)


def _rejoin(table: str, ours: Any, part: Any, origin: str, mark: Any) -> Any:
    if table == "orders":
        return handover.rejoin_orders(ours, part, origin)
    if table == "touches":
        return handover.rejoin_touches(ours, part, _TOUCH, origin)
    if table == "interactions":
        return interactions.merge(ours, part, origin)
    return handover.rejoin_carts(ours, part, origin, mark)


def _addressed(entity: str, event: Event) -> list[tuple[str, str]]:
    """The rows that an event is about: (table, key)."""
    if isinstance(event, _LINKS):
        return [("aliases", entity)]
    if isinstance(event, ABOUT_ALL):
        return []
    rows = [("touches", entity)]
    if isinstance(event, _CART_EVENTS):
        rows.insert(0, ("carts", entity))
    elif isinstance(event, OrderPlaced):
        rows[:0] = [("orders", f"{entity}#{event.order_id}"), ("carts", entity)]
    elif isinstance(event, ProfileUpdated):
        rows.insert(0, ("profiles", entity))
    elif isinstance(event, InteractionLogged):
        rows.insert(0, ("interactions", entity))
    return rows


def _owner(alias: Any, when: int) -> str:
    """Whose an event of a subject is: the last word up to then; if that is a log-out, or there is
    none, whoever logged in first after it.
    """
    if alias is None:
        return ""
    words = sorted(
        (*alias.earlier, identity.Tenure(alias.root, alias.since, alias.event_id)),
        key=lambda word: (word.since, word.root != "", word.event_id),
    )
    until = [word.root for word in words if word.since <= when]
    after = [word.root for word in words if word.since > when and word.root]
    return (until[-1] if until else "") or (after[0] if after else "")


class Truth:
    """One partition's."""

    def __init__(self, number: int, partitions: int, state_id: bytes) -> None:
        self._number = number
        self._scope = Scope(state_id, number, partitions)
        self._partitions = partitions
        self._folded = [-1] * len(INPUTS)
        self._ids: dict[str, set[_Name]] = {}
        self._latest: dict[str, int] = {}
        self._floors: dict[str, int] = {}
        self._horizons: dict[str, dict[str, int]] = {}
        self._lives: dict[str, int] = {}
        self._erased_until: dict[str, int] = {}
        self.erasures = Erasures(self)
        self.profiles = Profiles()
        self.rows: dict[str, dict[str, Any]] = {table: {} for table in (*_STEPS, "links")}
        self.synced: list[Synced] = []
        self.rejected: list[Rejection] = []
        self.letters: list[Letter] = []
        self.endings: list[Ending] = []
        self.timers: dict[str, dict[str, tuple[int, str, Any]]] = {}
        self.watches: list[Watch] = []

    @property
    def windows(self) -> dict[str, set[_Name]]:
        """Ids taken, by entity."""
        return self._ids

    def fold(self, records: Iterable[LogRecord]) -> None:
        """Fold them; then all that is left fires by the wall clock."""
        for record in records:
            topic = INPUTS.index(record.topic())
            assert record.offset() > self._folded[topic]
            self._folded[topic] = record.offset()
            self._record(topic, record)
        for entity in self.timers:
            self._end_watch(entity, timed.ABANDONED, must=True)

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
            if mail.kind != "forward" and self.erasures.opens(mail, event, origin):
                return
            if mail.kind == "link":
                said = ROW_CODECS["links"].decode_row(mail.row or b"").state
                post = post_from(mail.key, mail.to, said)
                assert post is not None
                _, reason = self._read(mail.to, [post], event, mail.value, origin, 0)
                if reason:
                    subject = event.subject.encode()
                    self.rejected.append(Rejection(reason, origin, subject, mail.value))
                return
            if mail.kind == "hand_over":
                self._take(topic, record, mail, event, origin)
                return
            if mail.kind == "give_back":
                self._give_back(mail, event, origin)
                return
            if mail.kind == "hand_back":
                self._take_back(topic, record, mail, event, origin)
                return
            if mail.kind == "acknowledge":
                self._taken(mail, event, origin)
                return
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
        if not self.has_window(entity) and self.erasures.turns_away(
            entity, event, value, origin, hops
        ):
            return
        alias = self.rows["aliases"].get(entity)
        root = "" if isinstance(event, _LINKS) else _owner(alias, event.occurred_at)
        now = max(record.timestamp()[1], self._latest.get(entity, 0))
        ids = self._ids.setdefault(entity, set())
        source = f"{event.channel}/{event.source}"
        name = _name(source, event.event_id)
        if name in ids:
            self._unchanged(entity, event, origin, "duplicate")
            return
        if event.occurred_at < self._erased_until.get(entity, 0):
            self._reject(reasons.ERASED, entity, event, None, origin)
            return
        horizon = self._horizons.get(entity, {}).get(source, self._floors.get(entity, -1))
        if event.occurred_at <= horizon or event.occurred_at < now - HORIZON_MS:
            self._reject(reasons.TOO_LATE, entity, event, value, origin, outcome="too_late")
            return
        self._tell(entity, now)
        if isinstance(event, _LINKS) and not entity.startswith("visitor:"):
            if self._say(entity, event, value, origin, hops):
                self._admit(entity, source, name, now)
            return
        if root:
            self._admit(entity, source, name, now)
            self._unchanged(entity, event, origin, "forwarded")
            self.letters.append(Letter(root, self._home(root), origin, hops + 1, value))
            if entity != event.subject:
                self._note(entity, {event.subject})
        elif isinstance(event, ABOUT_ALL):
            lives = self.has_window(entity)
            verdict = self.erasures.ask(entity, event, value, origin, hops, now)
            if verdict == "noted" and lives:
                self._admit(entity, source, name, now)
            self.endings.append(Ending(origin, "applied", entity, None))
        else:
            at = Moment(
                now,
                topic,
                record.offset(),
                self._scope,
                tuple(self._folded),
                origin.appended_at,
                "" if entity == event.subject else _origin(event.subject),
            )
            if self._apply(entity, event, value, origin, at):
                self._admit(entity, source, name, now)
                if isinstance(event, _LINKS) and alias is None and self.erasures.at(entity):
                    self._begin_after(entity, self.erasures.at(entity) + 1)
            if isinstance(event, _LINKS):
                self._follow(entity, alias, event, value, origin, hops)

    def _begin_after(self, entity: str, erased_until: int) -> None:
        """A device that was erased has its first log-in since: of before nothing is known."""
        alias = self.rows["aliases"][entity]
        self.rows["aliases"][entity] = structs.replace(
            alias, known_from=erased_until, erased_until=erased_until
        )
        self._erased_until[entity] = erased_until

    def _admit(self, entity: str, source: str, name: _Name, now: int) -> None:
        """The event is known from now on."""
        self._ids.setdefault(entity, set()).add(name)
        self._latest[entity] = now
        horizons = self._horizons.setdefault(entity, {})
        horizons.setdefault(source, self._floors.get(entity, -1))

    # what the model of erasures asks for

    def has_window(self, entity: str) -> bool:
        """Whether anything of it has been taken in since it was erased, or ever."""
        return bool(self._ids.get(entity)) or entity in self._floors

    def begin_anew(self, entity: str, at: int) -> None:
        """Somebody comes back of whom nothing is known any more; what was before is too late."""
        self.erasures.bring_back(entity)
        self._floors[entity] = at

    def show_root(self, entity: str, event: Event, value: bytes, origin: Origin, hops: int) -> None:
        """Somebody is back, perhaps as another one's alias by now."""
        links = self.rows["links"].get(entity)
        if links is not None and links.root != entity:
            self._move(entity, links, event, value, origin, hops)

    def forget(
        self, entity: str, names: list[str], since: int, event: Event, value: bytes, origin: Origin
    ) -> None:
        """Facts about these are to go, who were erased then."""
        posts = [links.Forget(entity, name, since) for name in names]
        self._read(entity, posts, event, value, origin, 0)

    def end_life(self, entity: str) -> bool:
        """Forget what is known of the entity beside its rows; whether it had timers, perhaps."""
        for known in (
            self._ids,
            self._latest,
            self._floors,
            self._horizons,
            self._erased_until,
        ):
            known.pop(entity, None)
        self._lives[entity] = self._lives.get(entity, 0) + 1
        timed_ = bool(self.timers.get(entity))
        self._end_watch(entity, timed.ABANDONED, must=False)
        self.timers.pop(entity, None)
        return timed_

    def forget_tenures(self, entity: str, account: str) -> None:
        """That the entity once was this account's is not known any more."""
        alias = self.rows["aliases"][entity]
        nexts = [*(one.since for one in alias.earlier[1:]), alias.since]
        known_from, erased_until = alias.known_from, self._erased_until.get(entity, 0)
        earlier = []
        for one, end in zip(alias.earlier, nexts, strict=False):
            if one.root == account:
                known_from = max(end, known_from or 0)
                erased_until = max(end, erased_until)
            else:
                earlier.append(one)
        if len(earlier) == len(alias.earlier):  # it may have been one that was dropped
            erased_until = max(known_from or 0, erased_until)
        self.rows["aliases"][entity] = identity.Alias(
            alias.root, alias.since, alias.event_id, tuple(earlier), known_from, erased_until
        )
        self._erased_until[entity] = erased_until

    def write(
        self,
        to: str,
        value: bytes,
        origin: Origin,
        hops: int,
        kind: str,
        table: str = "",
        key: str = "",
        *,
        since: int = 0,
        row: Any = None,
    ) -> None:
        """A letter without a row, or with one of links."""
        home = self._home(to)
        encoded = None if row is None else _without_version("links", row)
        self.letters.append(
            Letter(to, home, origin, hops + 1, value, kind, table, key, encoded, since)
        )

    def reject(
        self, reason: str, entity: str, event: Event, value: bytes | None, origin: Origin
    ) -> None:
        self._reject(reason, entity, event, value, origin)

    def refuse_letter(self, reason: str, event: Event, mail: Mail, origin: Origin) -> None:
        subject = event.subject.encode()
        self.rejected.append(Rejection(reason, origin, subject, mail.value))

    def publish_all(self, entity: str, event: Event, origin: Origin, outcome: str) -> None:
        """Every row of an entity, as it is."""
        for table in ("carts", "touches", "profiles", "aliases", "interactions", "orders"):
            for key in sorted(self.rows[table]):
                if key.partition("#")[0] == entity:
                    self._publish(table, entity, key, None, _cause(event, origin, outcome))

    def publish_as_is(
        self, table: str, entity: str, key: str, event: Event, origin: Origin, outcome: str
    ) -> None:
        self._publish(table, entity, key, None, _cause(event, origin, outcome))

    def publish_caused(self, table: str, entity: str, key: str, cause: Cause) -> None:
        self._publish(table, entity, key, None, cause)

    def publish_bare(self, table: str, key: str, origin: Origin) -> None:
        """A tombstone."""
        at = origin.appended_at
        self._publish(table, key, key, None, Cause("", "", "", "", at, at, ""))

    def _follow(
        self, entity: str, before: Any, event: Event, value: bytes, origin: Origin, hops: int
    ) -> None:
        """A subject that belonged to nobody hands over what it has; any other has nothing now."""
        after = self.rows["aliases"].get(entity)
        was = before.root if before is not None else ""
        changes = after is not None and after.root != was
        if changes:
            cause = _cause(event, origin, "applied")
            self.profiles.moved(entity, was, after.root, event, cause)
        owned = self._owned(entity)
        if changes and was:
            self._delete(entity, event, origin)
            return
        for table, key in owned:
            self._publish(table, entity, key, None, _cause(event, origin, "no_effect"))
        if not changes:
            return
        ins = [number for number, tenure in enumerate(after.earlier) if tenure.root]
        since = after.earlier[ins[-1] + 1].since if ins else 0
        self._hand_over(entity, after.root, value, origin, hops, since)

    def _owned(self, entity: str) -> list[tuple[str, str]]:
        return [
            (table, key)
            for table in _MERGES
            for key in sorted(self.rows[table])
            if key.partition("#")[0] == entity
        ]

    def _delete(self, entity: str, event: Event, origin: Origin, but: str = "") -> None:
        for table, key in self._owned(entity):
            if table == but:
                continue
            del self.rows[table][key]
            self._drop_timers(table, entity)
            self._publish(table, entity, key, None, _cause(event, origin, ""))

    def _hand_over(
        self,
        entity: str,
        root: str,
        value: bytes,
        origin: Origin,
        hops: int,
        since: int,
        holder: str = "",
    ) -> None:
        owned = self._owned(entity)
        letters: list[tuple[str, str, Any]] = [
            (table, key, _without_version(table, self.rows[table][key])) for table, key in owned
        ]
        if ("carts", entity) not in owned and CART_MERGE != "join":
            letters.append(("carts", entity, None))
        if self.has_window(entity):
            letters.append(("windows", entity, frozenset(self._ids.get(entity, ()))))
        for table, key, row in letters:
            about = ("hand_over", table, key, row, since, holder)
            self.letters.append(Letter(root, self._home(root), origin, hops + 1, value, *about))
        if holder:
            for table, key in owned:
                if table in _PARTED:
                    self._note(entity, _origins(table, self.rows[table][key]))

    def _note(self, entity: str, others: Iterable[str]) -> None:
        """Something of these goes on to the root of an alias, who will ask for it back."""
        known = self.rows["links"].get(entity)
        if known is not None:
            names = {*known.carried, *map(_origin, others)} - {"", entity}
            self.rows["links"][entity] = structs.replace(known, carried=tuple(sorted(names)))

    def _ask_back(self, entity: str, was: str, value: bytes, origin: Origin, hops: int) -> None:
        known = self.rows["links"][entity]
        for name in (entity, *known.carried):
            about = ("give_back", "", name, None, 0, entity)
            self.letters.append(Letter(was, self._home(was), origin, hops + 1, value, *about))
        self.rows["links"][entity] = structs.replace(known, carried=())

    def _give_back(self, mail: Mail, event: Event, origin: Origin) -> None:
        """Everything that came by the key of who leaves goes to that one."""
        entity, name = mail.to, mail.key
        alias = self.rows["aliases"].get(entity)
        if alias is not None and alias.root:
            sent = letter_of(mail, self._home(alias.root))
            self.letters.append(sent._replace(to=alias.root, hops=mail.hops + 1))
            return
        for table, key in self._owned(entity):
            if table not in _PARTED:
                continue
            state = self.rows[table][key]
            kept, part, effects = state, None, ()
            if name != entity:
                kept, part, effects = _release(table, state, name)
            if kept is state and part is None:
                if table != "orders":
                    self._publish(table, entity, key, None, _cause(event, origin, "no_effect"))
                continue
            if part is not None:
                row = _without_version(table, part)
                about = ("hand_back", table, name + key[len(entity) :], row, 0, entity)
                home = self._home(name)
                self.letters.append(Letter(name, home, origin, 1, mail.value, *about))
            if kept is None:
                del self.rows[table][key]
                self._drop_timers(table, entity)
            else:
                self.rows[table][key] = kept
            self._tell_change(table, entity, key, state, kept, effects, event, origin)

    def _take_back(
        self, topic: int, record: LogRecord, mail: Mail, event: Event, origin: Origin
    ) -> None:
        """What an identifier left behind comes to it, or to whom it belongs to by now."""
        entity = mail.to
        name, _, rest = mail.key.partition("#")
        alias = self.rows["aliases"].get(entity)
        if alias is not None and alias.root:
            sent = letter_of(mail, self._home(alias.root))
            self.letters.append(sent._replace(to=alias.root, hops=mail.hops + 1))
            self._note(entity, {name})
            return
        table, key = mail.table, f"{entity}#{rest}" if rest else entity
        part = ROW_CODECS[table].decode_row(mail.row or b"").state
        ours = self.rows[table].get(key)
        mark = (self._number, topic, record.offset())
        state, effects = _rejoin(table, ours, part, "" if name == entity else name, mark)
        refused = [one for one in effects if isinstance(one, Reject)]
        if refused:
            subject = event.subject.encode()
            self.rejected.append(Rejection(refused[0].reason, origin, subject, mail.value))
            if mail.holder:
                row = _without_version(table, part)
                about = ("hand_back", table, mail.key, row, 0, "")
                home = self._home(mail.holder)
                self.letters.append(
                    Letter(mail.holder, home, origin, mail.hops + 1, mail.value, *about)
                )
            return
        self.rows[table][key] = state
        self._tell_change(table, entity, key, ours, state, effects, event, origin)
        now = max(record.timestamp()[1], self._latest.get(entity, 0))
        self._ids.setdefault(entity, set()).add(_name("/letters", mail.mail_id))
        self._latest[entity] = now

    def _tell_change(
        self,
        table: str,
        entity: str,
        key: str,
        before: Any,
        after: Any,
        effects: Iterable[Any],
        event: Event,
        origin: Origin,
    ) -> None:
        if table == "carts":
            _, effects = timed.merged(before, after, tuple(effects))
        deltas = [one.delta for one in effects if isinstance(one, Publish)]
        outcome = "split" if after is not None else ""
        delta = deltas[0] if deltas else None
        self._publish(table, entity, key, delta, _cause(event, origin, outcome))
        self._arm(entity, [one for one in effects if not isinstance(one, Publish)])

    def _say(self, entity: str, event: Event, value: bytes, origin: Origin, hops: int) -> bool:
        """What an account or a card says of itself; whether it was taken."""
        facts = linking.facts_of(event, IDENTIFIERS)  # type: ignore[arg-type]
        if isinstance(facts, Reject):
            self._reject(facts.reason, entity, event, value, origin)
            return False
        posts: list[Any] = [
            links.Told(entity, fact) if fact.other is None else linking.Proposed(entity, fact)
            for fact in facts
        ]
        changed, reason = self._read(entity, posts, event, value, origin, hops)
        if reason:
            self._reject(reason, entity, event, value, origin)
            return False
        outcome = "applied" if changed else "no_effect"
        self.endings.append(Ending(origin, outcome, entity, event, self._lives.get(entity, 0)))
        return True

    def _read(
        self,
        entity: str,
        posts: list[Any],
        event: Event,
        value: bytes,
        origin: Origin,
        hops: int,
    ) -> tuple[bool, str]:
        """Letters about links, those to oneself at once; whether anything came of it."""
        erased_at, gone = self.erasures.at(entity), self.erasures.is_gone(entity)
        before = state = self.erasures.links_of(entity)
        others: list[Any] = []
        reason = ""
        while posts:
            post, *posts = posts
            known = state.facts if state is not None else frozenset()
            outcome = linking.take(state, post, IDENTIFIERS, erased_at)
            state = outcome.links
            if state.facts != known:
                gathered = post.facts if isinstance(post, links.Gathered) else ()
                cause = _cause(event, origin, "applied")
                named = ERASURE_KEY.fingerprint(entity) if gone else entity
                self.profiles.learned(named, known, state.facts, gathered, event, cause)
            if outcome.refusal is not None and not reason:
                reason = outcome.refusal.reason
            posts += [one for one in outcome.letters if one.to == entity]
            others += [one for one in outcome.letters if one.to != entity]
        assert state is not None
        if not gone:
            self.rows["links"][entity] = state
        elif state != before:
            self.erasures.keep_links(entity, state)
        for post in others:
            if gone and isinstance(post, links.Forget):
                about_it = {"key": post.name, "since": post.since}
                self.write(post.to, value, origin, hops, "erase_linked", **about_it)
                continue
            row = _without_version("links", post_row(post))
            about = ("link", "links", post_kind(post), row)
            home = self._home(post.to)
            self.letters.append(Letter(post.to, home, origin, hops + 1, value, *about))
        moved = not gone and self._move(entity, state, event, value, origin, hops)
        return moved or bool(others) or state != before, reason

    def _move(
        self, entity: str, known: links.Links, event: Event, value: bytes, origin: Origin, hops: int
    ) -> bool:
        """An identifier's root is this now, since the link that joined both."""
        alias = self.rows["aliases"].get(entity)
        was = "" if alias is None else alias.root
        now = "" if known.root == entity else known.root
        if now and known.event_id:
            self.rows["aliases"][entity] = identity.Alias(now, known.since, known.event_id)
        elif now != was:
            self.rows["aliases"][entity] = identity.Alias(now, event.occurred_at, event.event_id)
        changed = self.rows["aliases"].get(entity) != alias
        cause = _cause(event, origin, "applied" if changed else "no_effect")
        self._publish("aliases", entity, entity, None, cause)
        if now != was:
            self.profiles.moved(entity, was, now, event, cause)
        if now and not was:
            self._hand_over(entity, now, value, origin, hops, 0, entity)
        if was and now != was:
            self._ask_back(entity, was, value, origin, hops)
        if was and not now:
            self._delete(entity, event, origin, but="orders")
        for table, key in self._owned(entity):
            self._publish(table, entity, key, None, _cause(event, origin, "no_effect"))
        return now != was

    def _take(
        self, topic: int, record: LogRecord, mail: Mail, event: Event, origin: Origin
    ) -> None:
        """A row that is handed over; transactions see to it that none comes twice."""
        entity = mail.to
        holder = mail.holder or event.subject
        alias = self.rows["aliases"].get(entity)
        if alias is not None and alias.root:
            sent = letter_of(mail, self._home(alias.root))
            self.letters.append(sent._replace(to=alias.root, hops=mail.hops + 1))
            brought = {holder}
            if mail.table in _PARTED and mail.row:
                row = ROW_CODECS[mail.table].decode_row(mail.row).state
                brought |= _origins(mail.table, row)
            self._note(entity, brought)
            return
        now = max(record.timestamp()[1], self._latest.get(entity, 0))
        ids = self._ids.setdefault(entity, set())
        letter_id = "/".join((event.channel, event.source, event.event_id, mail.table, mail.key))
        if mail.holder:
            letter_id = f"{mail.mail_id}/{mail.holder}"
        # But who was erased has a time in the number of what it hands over. If it is erased again,
        # by a letter that was on its way, and comes back by links that were, it has nothing new.
        again = "." in mail.mail_id.split("/")[-2] and _name("/letters", letter_id) in ids
        if mail.table == "windows":
            if again:
                return
            ids.update(_ids_in(mail.row or b""))
            theirs = ROW_CODECS["windows"].decode_row(mail.row or b"").state
            now = max([now, *(known.last_seen for known in theirs.sources.values())])
            self._unite(entity, theirs)
        else:
            mark = (self._number, topic, record.offset())
            if again:
                key = entity + mail.key.removeprefix(holder)
                self._publish(mail.table, entity, key, None, _cause(event, origin, "duplicate"))
            elif not self._merge(mail, event, origin, mark):
                return
            about = ("acknowledge", mail.table, mail.key)
            home = self._home(holder)
            self.letters.append(Letter(holder, home, origin, mail.hops + 1, mail.value, *about))
        ids.add(_name("/letters", letter_id))
        self._latest[entity] = now

    def _unite(self, entity: str, theirs: Any) -> None:
        """What either side takes for too late both do."""
        floor = self._floors.get(entity, -1)
        ours = self._horizons.get(entity, {})
        sources = {name: s.horizon for name, s in theirs.sources.items() if name[:1] != "/"}
        self._horizons[entity] = {
            name: max(ours.get(name, floor), sources.get(name, theirs.floor))
            for name in {*ours, *sources}
        }
        if max(floor, theirs.floor) >= 0:
            self._floors[entity] = max(floor, theirs.floor)

    def _merge(self, mail: Mail, event: Event, origin: Origin, mark: tuple[int, int, int]) -> bool:
        holder = mail.holder or event.subject
        table, key = mail.table, mail.to + mail.key[len(holder) :]
        theirs = ROW_CODECS[table].decode_row(mail.row).state if mail.row else None
        *_, number, _ = mail.mail_id.split("/")
        marker = Absorbed(
            f"{event.event_id}/{holder}" + (f"/{number}" if mail.holder else ""),
            event.occurred_at,
            holder,
            CART_MERGE,
            since=mail.since,
        )
        ours = self.rows[table].get(key)
        by = handover.Bringing(_origin(holder), mail.to)
        state, effects = _MERGES[table](ours, theirs, marker, mark, by)
        if table == "carts":
            state, effects = timed.merged(ours, state, effects)
        asked: list[SetTimer | CancelTimer] = []
        delta = None
        for effect in effects:
            if isinstance(effect, Reject):
                subject = event.subject.encode()
                self.rejected.append(Rejection(effect.reason, origin, subject, mail.value))
                return False
            if isinstance(effect, Publish):
                delta = effect.delta
            else:
                asked.append(effect)
        if state is not None:
            self.rows[table][key] = state
        self._publish(table, mail.to, key, delta, _cause(event, origin, "merged"))
        self._arm(mail.to, asked)
        return True

    def _taken(self, mail: Mail, event: Event, origin: Origin) -> None:
        alias = self.rows["aliases"].get(mail.to)
        if mail.key not in self.rows[mail.table]:
            return
        if alias is None or not alias.root:
            cause = _cause(event, origin, "no_effect")
            self._publish(mail.table, mail.to, mail.key, None, cause)
            return
        del self.rows[mail.table][mail.key]
        self._drop_timers(mail.table, mail.to)
        self._publish(mail.table, mail.to, mail.key, None, _cause(event, origin, ""))

    def _apply(self, entity: str, event: Event, value: bytes, origin: Origin, at: Moment) -> bool:
        changes = []
        asked: list[SetTimer | CancelTimer] = []
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
                if isinstance(effect, SetTimer | CancelTimer):
                    asked.append(effect)
            changes.append((table, key, before, after, delta))
        changed = any(after is not before for _, _, before, after, _ in changes)
        outcome = "applied" if changed else "no_effect"
        for table, key, _, after, delta in changes:
            if after is not None:
                self.rows[table][key] = after
            self._publish(table, entity, key, delta, _cause(event, origin, outcome))
        self._arm(entity, asked)
        self.endings.append(Ending(origin, outcome, entity, event, self._lives.get(entity, 0)))
        return True

    def _arm(self, entity: str, asked: Iterable[SetTimer | CancelTimer]) -> None:
        for effect in asked:
            self._end_watch(entity, effect.name, must=False)
            if isinstance(effect, SetTimer):
                timers = self.timers.setdefault(entity, {})
                timers[effect.name] = (effect.due_ms, effect.clock, self.rows["carts"][entity])

    def _drop_timers(self, table: str, entity: str) -> None:
        """With the row of a cart its timers go, unless they were told before."""
        if table == "carts":
            self._end_watch(entity, timed.ABANDONED, must=False)
            self.timers.pop(entity, None)

    def _tell(self, entity: str, now: int) -> None:
        """What was due by then is told, in its order, before what happens then."""
        timers = self.timers.get(entity, {})
        while due := sorted((due, name) for name, (due, *_) in timers.items() if due <= now):
            due_ms, name = due[0]
            if name == timed.ABANDONED:
                self._end_watch(entity, name, must=True)
                continue
            del timers[name]
            told = Timer("carts", entity, name, due_ms, "event")
            state, (effect,) = timed.on_timer(self.rows["carts"][entity], told, now)
            self.rows["carts"][entity] = state
            cause = Cause(timer_id(told), "TimerFired", "timer", name, due_ms, now, "applied")
            self._publish("carts", entity, entity, effect.delta, cause)

    def _end_watch(self, entity: str, name: str, *, must: bool) -> None:
        """A timer is no more: it was told, or perhaps it had been, by the wall clock."""
        due = self.timers.get(entity, {}).pop(name, None)
        if due is not None and name == timed.ABANDONED:
            self.watches.append(Watch(entity, due[0], due[2], must))

    def _unchanged(self, entity: str, event: Event, origin: Origin, outcome: str) -> None:
        if isinstance(event, ABOUT_ALL):
            self.publish_all(entity, event, origin, outcome)
        for table, key in _addressed(entity, event):
            self._publish(table, entity, key, None, _cause(event, origin, outcome))
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
        cause: Cause,
    ) -> None:
        state = self.rows.get(table, {}).get(key)
        folded = tuple(self._folded)
        self.synced.append(Synced(table, entity, key, state, delta, cause, folded))

    def _home(self, entity: str) -> int:
        return partition_for(entity.encode(), self._partitions)


def _cause(event: Event, origin: Origin, outcome: str) -> Cause:
    return Cause(
        event.event_id,
        type(event).__name__,
        event.channel,
        event.source,
        event.occurred_at,
        origin.appended_at,
        outcome,
    )


def timer_id(timer: Timer) -> str:
    """The id of what comes of a timer of an entity's own row."""
    named = "\0".join((timer.key, timer.table, timer.key, timer.name, str(timer.due_ms)))
    return blake2b(named.encode(), digest_size=16).hexdigest()
