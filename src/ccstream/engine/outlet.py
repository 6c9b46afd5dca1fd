"""Where effects become records: sync events, mail and dead letters, with their headers."""

from __future__ import annotations

from typing import Any

from ccstream.domain.events import Event
from ccstream.domain.observed import Observed
from ccstream.engine.aggregates import Aggregate
from ccstream.engine.delivery import Delivery, Headers
from ccstream.engine.partition import Partition
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC, SYNC_SCHEMAS
from ccstream.wire.headers import TRACEPARENT, header, sync_headers, time_text
from ccstream.wire.mail import Mail, encode_mail
from ccstream.wire.rejected import encode_rejected, rejected_record
from ccstream.wire.rows import ROW_CODECS, Entry
from ccstream.wire.sync import SYNC_CODECS, Cause

__all__ = ["Outlet"]

_ROOM_FOR_HEADERS = 2_048
"""Bytes of a record that are neither key nor value, as the broker counts them."""

_SURELY_FITS = 4
"""A row is at most about this many times its snapshot; below, it is not encoded to be sure."""

_Fixed = list[tuple[str, bytes]]


class Outlet:
    """Turns what a fold decides into records of ``delivery``.

    Args:
        delivery: where the records go.
        message_bytes_max: the largest record that the topics take.
    """

    def __init__(self, delivery: Delivery, message_bytes_max: int) -> None:
        self._delivery = delivery
        self._bytes_max = message_bytes_max - _ROOM_FOR_HEADERS
        self._fixed_headers: dict[tuple[int, str], _Fixed] = {}
        self._time = (-1, b"")

    def encode(
        self,
        aggregate: Aggregate,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: Any,
        partition: Partition,
    ) -> bytes | None:
        """The sync event of a row; None, a tombstone, where there is no row to publish."""
        if aggregate.sync_topic is None or entry.state is None:
            return None
        observed = (
            Observed.encode(partition.scope, partition.folded)
            if aggregate.table == "carts"
            else b""
        )
        return SYNC_CODECS[aggregate.table].encode_synced(
            subject, entry, base_version, cause, delta, observed
        )

    def fits(self, aggregate: Aggregate, entry: Entry, synced: bytes) -> bool:
        """Whether both the sync event and the row are small enough for a record."""
        size = len(synced)
        if size * _SURELY_FITS <= self._bytes_max:
            return True
        return (
            size <= self._bytes_max
            and len(ROW_CODECS[aggregate.table].encode_row(entry)) <= self._bytes_max
        )

    def publish(
        self,
        aggregate: Aggregate,
        partition: Partition,
        key: str,
        version: int,
        value: bytes | None,
        source_headers: Headers | None,
        cause: Cause,
    ) -> None:
        """Put out the sync event of a row, or its tombstone."""
        topic = aggregate.sync_topic
        if topic is None:
            return
        fixed = self._fixed_headers.get((partition.epoch, aggregate.table))
        if fixed is None:
            fixed = self._fixed(partition.epoch, aggregate.table)
        headers = [
            *fixed,
            ("ce_id", b"%d-%d" % (partition.number, version)),
            ("ce_time", self._time_text(cause.appended_at)),
        ]
        if source_headers:
            trace = header(source_headers, TRACEPARENT)
            if trace is not None:
                headers.append((TRACEPARENT, trace))
        self._delivery.send(topic, partition.number, key, value, headers)

    def mail(self, home: int, mail: Mail, source_headers: Headers | None) -> None:
        """Send a letter to the partition of its addressee."""
        trace = header(source_headers, TRACEPARENT) if source_headers else None
        headers = [(TRACEPARENT, trace)] if trace is not None else []
        self._delivery.send(MAIL_TOPIC, home, mail.to, encode_mail(mail), headers)

    def reject(
        self,
        partition: int,
        *,
        reason: str,
        detail: str,
        topic: str,
        source_partition: int,
        offset: int,
        appended_at: int,
        key: bytes | None,
        value: bytes | None,
        event: Event | None,
    ) -> None:
        """Put out a dead letter."""
        letter = rejected_record(
            reason=reason,
            detail=detail,
            topic=topic,
            partition=source_partition,
            offset=offset,
            appended_at=appended_at,
            key=key,
            value=value,
            event=event,
            rejected_at=appended_at,
        )
        where = f"{topic}/{source_partition}/{offset}"
        self._delivery.send(REJECTED_TOPIC, partition, where, encode_rejected(letter), ())

    def _fixed(self, epoch: int, table: str) -> _Fixed:
        ce_type = f"ccstream.sync.v1.{SYNC_SCHEMAS[table]}"
        made = [
            pair
            for pair in sync_headers(epoch, "", ce_type, 0)
            if pair[0] not in ("ce_id", "ce_time")
        ]
        if len(self._fixed_headers) > 4_096:
            self._fixed_headers.clear()  # epochs long gone
        self._fixed_headers[epoch, table] = made
        return made

    def _time_text(self, time_ms: int) -> bytes:
        if self._time[0] != time_ms:
            self._time = (time_ms, time_text(time_ms).encode())
        return self._time[1]
