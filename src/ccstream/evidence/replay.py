"""Folds the records about one entity again, with the worker's own fold, and notes what each did.

Nothing leaves: what the fold would publish is looked at and dropped. Records are folded by append
time. A worker may have taken those of two topics in another order; except where
``docs/semantics.md`` says otherwise, that makes no difference.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct
from pydantic import SecretStr

from ccstream.domain.events import Event
from ccstream.domain.linking import is_linkable
from ccstream.domain.moment import Scope
from ccstream.engine.aggregates import ORDERS
from ccstream.engine.delivery import Appended, Headers, Snapshot
from ccstream.engine.folding import make_folder
from ccstream.engine.owners import OWNERS_PARTITION, latest_owners
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.errors import UndecodableError
from ccstream.evidence.trail import Logged, Trail
from ccstream.evidence.views import KINDS, Origin, origins, view
from ccstream.ops.codecs import codec_of
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import (
    MAIL_TOPIC,
    OWNERS_TOPIC,
    REJECTED_TOPIC,
    SYNC_TOPICS,
    TABLES,
    topic_numbers,
)
from ccstream.wire.codec import Codec
from ccstream.wire.mail import (
    ACKNOWLEDGE,
    ERASE,
    ERASE_LINKED,
    FORWARD,
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    HAND_OVER_AGAIN,
    LINK,
    Mail,
    decode_mail,
)
from ccstream.wire.rejected import decode_rejected
from ccstream.wire.rows import ROW_CODECS

__all__ = ["Change", "Replay", "Replayer", "Step", "state_ids"]

_NO_STATE_ID: Final = bytes(8)
_ROWS_MAX: Final = 1_000_000
"""Decoded rows that are kept: all, there is one entity."""


class Change(Struct, frozen=True):
    """One thing that an event changed, as it was and as it is; None where there is nothing."""

    name: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        return self.name.partition(" ")[0]


class Step(Struct, frozen=True, kw_only=True):
    """One record, where its event came from, and what came of it.

    ``entity`` is whom it was folded for, ``via`` how it got there: ``direct``, ``forwarded`` from
    an alias or another partition, ``handed_over`` as a row of an alias, or ``linked``: told by
    another identifier what a link comes to; ``parted``: an identifier left, or came back, with
    what came by its key; ``erased``: told to go along with an account that was erased.
    ``by_facts`` says that links decide whom the entity belongs to, not log-ins. ``outcome`` is the
    fold's word, ``reason`` why it was rejected.
    """

    entity: str
    via: str
    by_facts: bool
    event: Event
    topic: str
    partition: int
    offset: int
    appended_at: int
    outcome: str
    reason: str | None
    changes: tuple[Change, ...]


class Replay(Struct, frozen=True):
    """What the records came to: each step by append time, and what is shown in the end.

    ``origins`` are the events that the rows name themselves. ``sent_on`` is of which subjects an
    event was sent on, and to whom.
    """

    steps: tuple[Step, ...]
    shown: dict[str, Any]
    origins: dict[str, list[Origin]]
    unreadable: int
    sent_on: frozenset[tuple[str, str]]


_NOTHING: Final = Replay((), {}, {}, 0, frozenset())


class _Recorder:
    """A delivery that keeps what a fold puts out."""

    transactional_ids = ()
    busy = False
    waiting = 0
    queued = 0

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []

    def start(self) -> None: ...

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str,
        value: bytes | None,
        headers: Headers | None,
    ) -> None:
        self.sent.append((topic, value))

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None: ...

    def hasten(self) -> None: ...

    def poll(self) -> float | None:
        return None

    def settle(self, timeout: float) -> float | None:
        return None


def state_ids(settings: Settings, progress: Callable[[str], None]) -> Mapping[int, bytes]:
    """The id of each partition's state, by which tokens of observation are known as ours."""
    with TopicReader(settings, OWNERS_TOPIC, "read_uncommitted", progress) as reader:
        bounds = reader.bounds(OWNERS_PARTITION)
        if bounds.first == bounds.end:
            return {}
        found = [one for batch in reader.read({OWNERS_PARTITION: bounds.first}) for one in batch]
    return {number: one.state_id for number, one in latest_owners(found, settings.app_id).items()}


class Replayer:
    """Folds trails by rules that are read once."""

    def __init__(self, settings: Settings, ids: Mapping[int, bytes]) -> None:
        self._ids = ids
        self._workbench = _Workbench(_able_to_erase(settings))

    def replay(self, trail: Trail) -> Replay:
        """Fold the trail: each entity by itself, the letters between them as they are in the log.

        Of what a former root of an identifier did, only that is told which was sent on to it from
        an entity of the trail.
        """
        return self._fold(trail, (*trail.former, *trail.handed_over, trail.key), _NOTHING)

    def go_on(self, told: Replay, trail: Trail, roots: Iterable[str]) -> Replay:
        """What was told of a trail, and these former roots, which were added to it since."""
        return self._fold(trail, roots, told)

    def _fold(self, trail: Trail, entities: Iterable[str], told: Replay) -> Replay:
        steps: list[Step] = []
        shown, named, unreadable = told.shown, told.origins, told.unreadable
        sent_on = set(told.sent_on)
        keys = {*trail.handed_over, trail.key}
        for entity in entities:
            home = trail.home(entity)
            scope = Scope(self._ids.get(home, _NO_STATE_ID), home, trail.partitions)
            one = _Entity(self._workbench, entity, scope)
            for record in trail.records.get(entity, ()):
                step = one.fold(record)
                if step is None:
                    unreadable += entity in keys
                elif entity not in keys and (
                    step.via != "forwarded" or step.event.subject not in keys
                ):
                    continue  # somebody else's
                elif step.outcome != "forwarded" and step.via != "acknowledged":
                    steps.append(step)  # what was sent on is told where it arrives
                if step is not None:
                    sent_on.update((step.event.subject, to) for to in one.sent_to())
            if entity == trail.key:
                shown, named = view(one.states()), origins(one.states())
        steps += told.steps
        steps.sort(key=lambda step: step.appended_at)
        return Replay(tuple(steps), shown, named, unreadable, frozenset(sent_on))


class _Workbench:
    """What entities are folded with, one after the other."""

    def __init__(self, settings: Settings) -> None:
        numbers = topic_numbers(settings.channels_extra)
        self.topics = tuple(numbers)
        self.mail = numbers[MAIL_TOPIC]
        self.codec = codec_of(settings)
        self.identifiers = load_identifier_rules(settings.identity.rules)
        self.recorder = _Recorder()
        self.folder = make_folder(
            settings,
            self.topics,
            self.recorder,  # type: ignore[arg-type]
            append_time=False,
        )


class _Entity:
    """One entity's rows while its records are folded."""

    def __init__(self, workbench: _Workbench, entity: str, scope: Scope) -> None:
        self._topics = workbench.topics
        self._mail = workbench.mail
        self._entity = entity
        self._codec = workbench.codec
        self._recorder = workbench.recorder
        self._by_facts = is_linkable(entity, workbench.identifiers)
        self._folder = workbench.folder
        tables = {name: Table(name, ROW_CODECS[name], _ROWS_MAX) for name in TABLES}
        self._partition = Partition(scope, tables, [-1] * len(self._topics))
        self._partition.begin_epoch(1)
        self._shown: dict[str, Any] = {}

    def states(self) -> dict[str, Any]:
        """The state of each row."""
        tables = self._partition.tables
        found: dict[str, Any] = {}
        for name, table in tables.items():
            if name == ORDERS:
                keys = table.keys_of(self._entity)
                entries = {key: entry.state for key in keys if (entry := table.get(key))}
                found[name] = entries
            else:
                entry = table.get(self._entity)
                found[name] = None if entry is None else entry.state
        return found

    def fold(self, record: Logged) -> Step | None:
        """Fold a record; None if it holds no event."""
        message = record.message
        value: Any = message.value()
        mail: Mail | None = None
        try:
            mail = decode_mail(value) if record.topic == self._mail else None
            event = self._codec.decode_event(value if mail is None else mail.value)
        except UndecodableError:
            return None
        self._recorder.sent.clear()
        erasures = self._folder.statistics.erasures
        erasures.clear()
        self._folder.fold(self._partition, record.topic, message)  # type: ignore[arg-type]
        shown = view(self.states())
        changes = tuple(
            Change(name, self._shown.get(name), shown.get(name))
            for name in sorted(self._shown.keys() | shown.keys(), key=_by_kind)
            if self._shown.get(name) != shown.get(name)
        )
        self._shown = shown
        outcome, reason = self._outcome(mail)
        for word in _ERASURES:
            if (word,) in erasures:
                outcome, said = word, _ERASURES[word]
                changes = (*changes, Change("erasure", None, said))
        via = "direct"
        if mail is not None:
            via = _VIA.get(mail.kind, "forwarded")
        return Step(
            entity=self._entity,
            via=via,
            by_facts=self._by_facts,
            event=event,
            topic=self._topics[record.topic] if mail is None else mail.origin_topic,
            partition=(message.partition() or 0) if mail is None else mail.origin_partition,
            offset=(message.offset() or 0) if mail is None else mail.origin_offset,
            appended_at=message.timestamp()[1],
            outcome=outcome,
            reason=reason,
            changes=changes,
        )

    def sent_to(self) -> list[str]:
        """Whom the event of the last record was sent on to."""
        letters = (
            decode_mail(value) for topic, value in self._recorder.sent if topic == MAIL_TOPIC
        )
        return [letter.to for letter in letters if letter.kind == FORWARD]

    def _outcome(self, mail: Mail | None) -> tuple[str, str | None]:
        """The fold's word for what came of the record, which was this letter, or none."""
        sent = self._recorder.sent
        for topic, value in sent:
            if topic == REJECTED_TOPIC:
                return "rejected", decode_rejected(value).reason
        for topic, value in sent:
            if value is not None and topic in _SYNC:
                outcome: str = _SYNC_CODEC.decode(value)[1]["cause"]["outcome"]
                return outcome, None
        letters = [decode_mail(value) for topic, value in sent if topic == MAIL_TOPIC]
        forwarded = any(
            letter.kind == FORWARD or (mail is not None and letter.mail_id == mail.mail_id)
            for letter in letters
        )
        return "forwarded" if forwarded else "no_effect", None


_VIA: Final[Mapping[str, str]] = {
    FORWARD: "forwarded",
    HAND_OVER: "handed_over",
    HAND_OVER_AGAIN: "handed_over",
    ACKNOWLEDGE: "acknowledged",
    LINK: "linked",
    GIVE_BACK: "parted",
    HAND_BACK: "parted",
    ERASE: "erased",
    ERASE_LINKED: "erased",
}
_ERASURES: Final[Mapping[str, str]] = {
    "erased": "all rows and keys are gone",
    "identifier": "all rows and keys are gone",
    "held": "waits for the end of a legal hold",
}
"""What workers count as erasures, and what is told of it."""
_SYNC: Final = frozenset(SYNC_TOPICS.values())
_SYNC_CODEC: Final = Codec()


def _able_to_erase(settings: Settings) -> Settings:
    """These settings, and where they have no erasure key, with one that is made up.

    What remains of somebody is under a fingerprint by that key, which nobody sees here: what goes
    is the same by any.
    """
    if settings.privacy.erasure_key is not None:
        return settings
    made_up = SecretStr(secrets.token_urlsafe(32))
    privacy = settings.privacy.model_copy(update={"erasure_key": made_up})
    return settings.model_copy(update={"privacy": privacy})


def _by_kind(name: str) -> tuple[int, str]:
    kind = name.partition(" ")[0]
    return (KINDS.index(kind) if kind in KINDS else len(KINDS)), name
