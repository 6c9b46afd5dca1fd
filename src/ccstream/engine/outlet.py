"""Where effects become records: sync events, facts, mail and dead letters, with their headers."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import Event, PersonalKeyProvided
from ccstream.domain.timers import Timer
from ccstream.engine.acknowledgements import Acknowledgements, Awaited, Told
from ccstream.engine.aggregates import Aggregate
from ccstream.engine.delivery import Delivery, Headers
from ccstream.engine.partition import Partition
from ccstream.engine.rejection_log import RejectionLog
from ccstream.engine.source import Source, is_by_hand
from ccstream.engine.timers import TIMERS
from ccstream.wire.catalogue import (
    IDENTITY_TOPIC,
    IDENTITY_TYPES,
    MAIL_TOPIC,
    REJECTED_TOPIC,
    SIGNAL_TYPES,
    SIGNALS_TOPIC,
    SYNC_TYPES,
    changelog_topic,
)
from ccstream.wire.cause import Cause
from ccstream.wire.headers import BY_HAND, TRACEPARENT, SyncHeaders, fact_headers
from ccstream.wire.identity_events import IDENTITY_ENCODER, IdentityEncoder, IdentityEvent
from ccstream.wire.mail import FORWARD, HOPS_MAX, Mail, encode_mail
from ccstream.wire.personal import has_plain_values
from ccstream.wire.rejected import encode_rejected, rejected_record
from ccstream.wire.rows import Entry
from ccstream.wire.signals import SIGNAL_ENCODER, SignalEncoder

__all__ = ["Outlet"]

_ROOM_FOR_HEADERS: Final = 2_048
"""Bytes of a record that are neither key nor value, as the broker counts them."""

_SURELY_FITS: Final = 4
"""A row without shares is at most about this many times its snapshot; below, it is not encoded
to be sure."""

_Output = tuple[str, int, str, bytes | None, Headers | None, Told | None]
"""Topic, partition, key, value, headers, and who is told that it is acknowledged."""


class Outlet:
    """Turns what a fold decides into records of ``delivery``.

    Args:
        delivery: where the records go.
        app_id: the application that they come from.
        message_bytes_max: the largest record that the topics take.
        encode_signal: in which framing signals are written.
        ciphertext_only: keep of what is rejected nothing that may be personal in plain.
        prefix: what the names of the topics for others begin with.
        sends_mail: whether letters leave; an application that is rebuilt reads those there were.
        encode_identity: in which framing what has become of profiles is written.
        told: is told of each event that is rejected; others tell it of what is not sent again.
        acknowledgements: are told of each sync event, until the broker has it.
    """

    def __init__(
        self,
        delivery: Delivery,
        app_id: str,
        message_bytes_max: int,
        encode_signal: SignalEncoder = SIGNAL_ENCODER,
        ciphertext_only: bool = False,
        prefix: str = "",
        sends_mail: bool = True,
        encode_identity: IdentityEncoder = IDENTITY_ENCODER,
        told: RejectionLog | None = None,
        acknowledgements: Acknowledgements | None = None,
    ) -> None:
        self.told = told
        self._acknowledgements = acknowledgements
        self._gathered_of: list[Awaited] = []
        self._delivery = delivery
        self._gathering = False
        self._gathering_patient = False
        self._gathered: list[_Output] = []
        self._message_bytes_max = message_bytes_max
        self._bytes_max = message_bytes_max - _ROOM_FOR_HEADERS
        self._app_id = app_id
        self._encode_signal = encode_signal
        self._encode_identity = encode_identity
        self._identity_topic = prefix + IDENTITY_TOPIC
        self._ciphertext_only = ciphertext_only
        self._signals_topic = prefix + SIGNALS_TOPIC
        self._rejected_topic = prefix + REJECTED_TOPIC
        self._sends_mail = sends_mail

    @property
    def gathered(self) -> int:
        """Records that wait for :meth:`release`."""
        return len(self._gathered)

    def gather(self, *, patient_only: bool) -> None:
        """Keep what is put out until :meth:`release`, all of it or what is patient.

        A record that is sent alone costs the client, the broker and whoever reads several times
        what it costs among others of its partition.
        """
        self._gathering = not patient_only
        self._gathering_patient = True

    def release(self) -> None:
        """Send what was gathered, in its order, and from here on at once again."""
        self._gathering = self._gathering_patient = False
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            for awaited in self._gathered_of:
                for index in awaited.gathered.values():
                    topic, partition, key, value, headers, _ = gathered[index]
                    told = awaited.acknowledged
                    gathered[index] = (topic, partition, key, value, headers, told)
                awaited.asked += len(awaited.gathered)
                awaited.gathered.clear()
            self._gathered_of.clear()
            send = self._delivery.send
            for topic, partition, key, value, headers, asked in gathered:
                if asked is None:
                    send(topic, partition, key, value, headers)
                else:
                    send(topic, partition, key, value, headers, asked)

    def take_awaited(self) -> dict[str, Awaited]:
        """What was put out of each table since the last call, if acknowledgements are told."""
        return {} if self._acknowledgements is None else self._acknowledgements.end_chunk()

    def _send(
        self,
        topic: str,
        partition: int,
        key: str,
        value: bytes | None,
        headers: Headers | None,
    ) -> None:
        if self._gathering:
            self._gathered.append((topic, partition, key, value, headers, None))
        else:
            self._delivery.send(topic, partition, key, value, headers)

    def _sync(
        self,
        aggregate: Aggregate,
        partition: int,
        key: str,
        value: bytes | None,
        headers: Headers,
    ) -> None:
        topic, awaited = aggregate.sync_topic, None
        acknowledgements = self._acknowledgements
        if acknowledgements is not None:
            awaited = acknowledgements.chunk.get(aggregate.table)
            if awaited is None:
                awaited = acknowledgements.begin(aggregate.table)
        if self._gathering or (aggregate.patient and self._gathering_patient):
            if awaited is not None:
                if not awaited.gathered:
                    self._gathered_of.append(awaited)
                awaited.gathered[partition] = len(self._gathered)
            self._gathered.append((topic, partition, key, value, headers, None))
        elif awaited is None:
            self._delivery.send(topic, partition, key, value, headers)
        else:
            awaited.asked += 1
            self._delivery.send(topic, partition, key, value, headers, awaited.acknowledged)

    def fits(self, aggregate: Aggregate, entry: Entry, synced: bytes) -> bool:
        """Whether both the sync event and the row are small enough for a record."""
        size = len(synced)
        may_be_larger = aggregate.has_shares and entry.state.shares
        if size * _SURELY_FITS <= self._bytes_max and not may_be_larger:
            return True
        return size <= self._bytes_max and len(aggregate.encode_row(entry)) <= self._bytes_max

    def fits_row(self, row: bytes) -> bool:
        """Whether a row is small enough for a record."""
        return len(row) <= self._bytes_max

    def forward(self, home: int, source: Source, to: str) -> Reject | None:
        """Send an event on to the partition ``home``; why not, if it stays.

        A letter can carry whatever its input topic took by the rules.
        """
        if source.hops >= HOPS_MAX:
            return Reject(reasons.TOO_MANY_HOPS, f"sent on {source.hops} times already")
        if len(source.value or b"") > self._message_bytes_max:
            return Reject(reasons.TOO_BIG, "it does not fit into a letter to its owner")
        self.mail(home, source, to, FORWARD)
        return None

    def publish_as_is(
        self,
        aggregate: Aggregate,
        partition: Partition,
        entity: str,
        key: str,
        cause: Cause,
        trace: bytes | None,
    ) -> None:
        """Put out the sync event of a row that has not changed, under a version of its own; its
        tombstone if there is none.
        """
        entry = partition.tables[aggregate.table].get(key)
        version = partition.next_version()
        value = None
        if entry is not None:
            base, entry.version = entry.version, version
            value = aggregate.synced(partition, entity, entry, base, cause, None)
        self.publish(aggregate, partition, key, version, value, cause.appended_at, trace)

    def publish(
        self,
        aggregate: Aggregate,
        partition: Partition,
        key: str,
        version: int,
        value: bytes | None,
        appended_at: int,
        trace: bytes | None,
    ) -> None:
        """Put out the sync event of a row, or its tombstone."""
        headers = partition.sync_headers.get(aggregate.table)
        if headers is None:
            headers = partition.sync_headers[aggregate.table] = SyncHeaders(
                partition.epoch,
                SYNC_TYPES[aggregate.table],
                partition.number,
                self._app_id,
            )
        self._sync(aggregate, partition.number, key, value, headers.of(version, appended_at, trace))

    def encode_signal(
        self, entity: str, signal: object, version: int, event_id: str, at: int
    ) -> bytes | None:
        """The record of a signal; None if it does not fit."""
        value = self._encode_signal(signal, entity, version, event_id, at)
        return value if len(value) <= self._bytes_max else None

    def signal(
        self, partition: Partition, entity: str, kind: type, value: bytes, event_id: str, at: int
    ) -> None:
        """Put out a signal of this kind."""
        headers = fact_headers(partition.epoch, SIGNAL_TYPES[kind], event_id, self._app_id, at)
        self._send(self._signals_topic, partition.number, entity, value, headers)

    def fits_identity_event(self, event: IdentityEvent) -> bool:
        """Whether it is small enough for a record."""
        return len(self._encode_identity(event)) <= self._bytes_max

    def tell(self, partition: Partition, event: IdentityEvent, trace: bytes | None) -> None:
        """Put out what has become of a profile."""
        kind = IDENTITY_TYPES[type(event.fact)]
        at = event.cause.appended_at
        headers = fact_headers(partition.epoch, kind, event.event_id, self._app_id, at, trace)
        value = self._encode_identity(event)
        self._send(self._identity_topic, partition.number, event.subject, value, headers)

    def mail(
        self,
        home: int,
        source: Source,
        to: str,
        kind: str,
        suffix: str = "",
        table: str = "",
        key: str = "",
        row: bytes | None = None,
        since: int = 0,
        holder: str = "",
    ) -> None:
        """Send a letter about an event to the partition of its addressee.

        Args:
            home: that partition.
            source: the event, with what it came with.
            to: the addressee.
            kind: what is asked for; see `ccstream.wire.mail`.
            suffix: what makes the letter's id another one than that of a forwarded event.
            table: of the row that the letter is about, if it is about one; so is what follows.
            key: the row's.
            row: its bytes, None if there is none.
            since: when it was begun.
            holder: whose it was, empty for the event's subject.
        """
        if not self._sends_mail:
            return
        mail = Mail(
            mail_id=f"{source.topic}/{source.partition}/{source.offset}/{source.hops}{suffix}",
            hops=source.hops + 1,
            to=to,
            kind=kind,
            origin_topic=source.topic,
            origin_partition=source.partition,
            origin_offset=source.offset,
            origin_appended_at=source.appended_at,
            value=source.value or b"",
            table=table,
            key=key,
            row=row,
            since=since,
            holder=holder,
        )
        self._post(home, source, mail)

    def send_on(self, home: int, source: Source, mail: Mail, to: str) -> None:
        """Send a letter on to somebody else."""
        if not self._sends_mail:
            return
        self._post(home, source, replace(mail, to=to, hops=mail.hops + 1))

    def _post(self, home: int, source: Source, mail: Mail) -> None:
        headers: Headers = []
        if source.trace is not None:
            headers.append((TRACEPARENT, source.trace))
        if is_by_hand(source.record):
            headers.append((BY_HAND, b""))
        self._send(MAIL_TOPIC, home, mail.to, encode_mail(mail), headers or None)

    def reject(
        self,
        partition: int,
        source: Source,
        reason: str,
        detail: str,
        *,
        event: Event | None = None,
        to: str | None = None,
        leads_to_letter: bool = False,
    ) -> None:
        """Put out a dead letter; of an original that is too big for one, the beginning.

        ``to`` is whom it was sent on to, if it was; ``leads_to_letter`` says that it is no event
        that was sent on, and a retry is to look at the letter.
        """
        letter = rejected_record(
            reason=reason,
            detail=detail,
            topic=source.topic,
            partition=source.partition,
            offset=source.offset,
            appended_at=source.appended_at,
            key=source.key,
            value=source.value,
            event=event,
            rejected_at=source.appended_at,
            to=to,
            mail_offset=source.mail_offset if leads_to_letter else None,
        )
        if reason == reasons.ERASED or self._is_secret(event):
            letter = replace(letter, value=None)
        if letter.value is not None and len(letter.value) > self._bytes_max:
            letter = replace(letter, value=letter.value[: self._bytes_max])
        where = f"{source.topic}/{source.partition}/{source.offset}"
        self._send(self._rejected_topic, partition, where, encode_rejected(letter), None)
        if self.told is not None:
            self.told.tell(source, reason, event)

    def _is_secret(self, event: Event | None) -> bool:
        """Whether a dead letter must not have the bytes, since they outlive an erasure there: a
        key, a personal field in plain, or something unknown where plain ones are not let in.
        """
        if event is None:
            return self._ciphertext_only
        if isinstance(event, PersonalKeyProvided):
            return True
        return self._ciphertext_only and has_plain_values(event)

    def reject_timer(
        self, partition: int, entity: str, timer: Timer, reason: str, detail: str
    ) -> None:
        """Put out the dead letter of a timer of which nothing could come; it has no record."""
        topic = changelog_topic(self._app_id, TIMERS)
        letter = rejected_record(
            reason=reason,
            detail=f"timer {timer.name} of {timer.table}: {detail}",
            topic=topic,
            partition=partition,
            offset=0,
            appended_at=timer.due_ms,
            key=entity.encode(),
            value=None,
            event=None,
            rejected_at=timer.due_ms,
        )
        where = f"{topic}/{partition}/{timer.table}/{timer.name}/{timer.due_ms}"
        self._send(self._rejected_topic, partition, where, encode_rejected(letter), None)
