"""Record headers: CloudEvents in Kafka's binary mode, W3C trace context, and the epoch.

They repeat what is in the value for those who route without decoding it; ccstream itself
decides by the value and, on sync topics, by the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from ccstream.domain.events import Event
from ccstream.wire.catalogue import event_type

__all__ = [
    "BY_HAND",
    "CE_ID",
    "CE_SOURCE",
    "CE_SPECVERSION",
    "CE_TIME",
    "CE_TYPE",
    "CONTENT_TYPE",
    "CONTENT_TYPE_AVRO",
    "EPOCH",
    "RETRY_OF",
    "TRACEPARENT",
    "Headers",
    "SyncHeaders",
    "epoch_of",
    "event_headers",
    "fact_headers",
    "header",
    "last_trace",
    "sync_source",
    "time_text",
]

CE_SPECVERSION: Final = "ce_specversion"
CE_ID: Final = "ce_id"
CE_TYPE: Final = "ce_type"
CE_SOURCE: Final = "ce_source"
CE_TIME: Final = "ce_time"
CONTENT_TYPE: Final = "content-type"
TRACEPARENT: Final = "traceparent"
EPOCH: Final = "ccstream-epoch"

RETRY_OF: Final = "ccstream-retry-of"
"""On an event that was rejected and is sent again: where its dead letter is, as ``3@17``."""

BY_HAND: Final = "ccstream-by-hand"
"""On such an event: apply it although it is too late. Its value says nothing."""

CONTENT_TYPE_AVRO: Final = "application/avro"

Headers = list[tuple[str, bytes]]

_EPOCH_BYTES_MAX: Final = 7
"""An epoch has 21 bits: at most 2,097,151."""

_SPECVERSION: Final[tuple[str, bytes]] = (CE_SPECVERSION, b"1.0")
_CONTENT_TYPE: Final[tuple[str, bytes]] = (CONTENT_TYPE, CONTENT_TYPE_AVRO.encode())
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS: Final[list[bytes]] = [b".%03dZ" % millisecond for millisecond in range(1000)]
"""Looked up: formatting them would take a tenth of all that is done for an event."""


def event_headers(event: Event, traceparent: bytes | None = None) -> Headers:
    """The headers of an event on an input topic."""
    headers = _headers(
        event.event_id,
        event_type(type(event)),
        _source(event.channel, event.source),
        event.occurred_at,
    )
    if traceparent is not None:
        headers.append((TRACEPARENT, traceparent))
    return headers


def fact_headers(
    epoch: int,
    ce_type: str,
    ce_id: str,
    app_id: str,
    time_ms: int,
    traceparent: bytes | None = None,
) -> Headers:
    """The headers of a fact, the epoch first; ``ce_id`` is the same whoever publishes it."""
    source = sync_source(app_id)
    headers = [(EPOCH, b"%d" % epoch), *_headers(ce_id, ce_type, source, time_ms)]
    if traceparent is not None:
        headers.append((TRACEPARENT, traceparent))
    return headers


class SyncHeaders:
    """The headers of one epoch's records on one partition of a sync topic.

    Args:
        epoch: the ownership epoch, by which readers drop the records of a predecessor.
        ce_type: full name of the records' schema.
        partition: makes the records' ids unique together with their versions.
        app_id: the application that publishes them.
    """

    def __init__(self, epoch: int, ce_type: str, partition: int, app_id: str) -> None:
        self._fixed: Headers = [
            (EPOCH, b"%d" % epoch),
            _SPECVERSION,
            (CE_TYPE, ce_type.encode()),
            (CE_SOURCE, sync_source(app_id)),
            _CONTENT_TYPE,
        ]
        self._id = b"%d-" % partition
        self._time_ms = -1
        self._time = (CE_TIME, b"")

    def of(self, version: int, time_ms: int, traceparent: bytes | None = None) -> Headers:
        """The headers of the record with this version, the epoch first."""
        if time_ms != self._time_ms:  # records of one fetch share few append times
            self._time_ms = time_ms
            self._time = (CE_TIME, _time(time_ms))
        headers = self._fixed.copy()
        headers.append((CE_ID, self._id + str(version).encode()))
        headers.append(self._time)
        if traceparent is not None:
            headers.append((TRACEPARENT, traceparent))
        return headers


def sync_source(app_id: str) -> bytes:
    """What an application's sync records name as their source."""
    return f"/ccstream/{quote(app_id, safe='')}".encode()


def header(headers: Iterable[tuple[str, bytes | None]] | None, name: str) -> bytes | None:
    """The first header of this name, or None."""
    for key, value in headers or ():
        if key == name:
            return value
    return None


def epoch_of(headers: Iterable[tuple[str, bytes | None]] | None) -> int | None:
    """The ownership epoch that a record carries, or None if it carries none that is valid."""
    value = header(headers, EPOCH)
    if value is None or len(value) > _EPOCH_BYTES_MAX or not value.isdigit():
        return None
    return int(value)


def last_trace(headers: list[tuple[str, bytes | None]] | None) -> bytes | None:
    """The trace context of a sync record, where it is the last header, if it has one."""
    if not headers:
        return None
    name, value = headers[-1]
    return value if name == TRACEPARENT else None


def time_text(time_ms: int) -> str:
    """A time as RFC 3339 in UTC, to the millisecond."""
    return _time(time_ms).decode()


def _time(time_ms: int) -> bytes:
    return _second(time_ms // 1000) + _MILLISECONDS[time_ms % 1000]


@lru_cache(maxsize=1024)
def _second(seconds: int) -> bytes:
    try:
        return (_ZERO + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").encode()
    except OverflowError:  # a time beyond the year 9999 is rejected by whoever validates it
        return b"9999-12-31T23:59:59"


def _headers(ce_id: str, ce_type: str, ce_source: bytes, time_ms: int) -> Headers:
    return [
        _SPECVERSION,
        (CE_ID, ce_id.encode()),
        (CE_TYPE, ce_type.encode()),
        (CE_SOURCE, ce_source),
        (CE_TIME, _time(time_ms)),
        _CONTENT_TYPE,
    ]


@lru_cache(maxsize=4096)
def _source(channel: str, source: str) -> bytes:
    """A URI reference, as CloudEvents wants it, that names the part of the channel."""
    return f"/{quote(channel, safe='')}/{quote(source, safe='')}".encode()
