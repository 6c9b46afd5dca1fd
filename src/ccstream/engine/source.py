"""A record as it is read, and where the event in it came from."""

from __future__ import annotations

from operator import methodcaller
from typing import Final, Protocol, final

from mypy_extensions import mypyc_attr

from ccstream.domain.events import Event
from ccstream.errors import StateError
from ccstream.wire.cause import Cause
from ccstream.wire.headers import BY_HAND, TRACEPARENT, header
from ccstream.wire.mail import Mail

__all__ = ["Record", "Source", "is_by_hand", "trace_of", "unstamped"]

_TRACE_BYTES_MAX: Final = 256
"""A trace context of today has 55 bytes; one that is longer than this would only make the
records that it is carried to too big."""

_headers_of: Final = methodcaller("headers")
"""Where a header's name is not UTF-8, librdkafka's client returns a list with a hole and raises
at once. Called this way Python notices; called directly, once its interpreter has specialised
the call, it does not, and the hole ends the process."""


class Record(Protocol):
    """A record as librdkafka hands it over."""

    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> list[tuple[str, bytes]] | None: ...


@final
@mypyc_attr(acyclic=True)
class Source:
    """Where the event being folded came from; for a forwarded one, where it first arrived."""

    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        appended_at: int,
        key: bytes | None,
        value: bytes | None,
        record: Record,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.appended_at = appended_at
        self.key = key
        self.value = value
        self.record = record
        self.trace = trace_of(record)
        self.hops = 0
        self.mail_offset: int | None = None

    def came_by(self, mail: Mail, event: Event) -> None:
        """The record is a letter: its event came from where that says."""
        self.mail_offset = self.offset
        self.topic = mail.origin_topic
        self.partition = mail.origin_partition
        self.offset = mail.origin_offset
        self.appended_at = mail.origin_appended_at
        self.key = event.subject.encode()
        self.value = mail.value
        self.hops = mail.hops

    def cause(self, event: Event, outcome: str) -> Cause:
        """The event in it as the cause of sync events, and what came of it."""
        return Cause(
            event.event_id,
            type(event).__name__,
            event.channel,
            event.source,
            event.occurred_at,
            self.appended_at,
            outcome,
        )

    def anonymous_cause(self, outcome: str) -> Cause:
        """A cause that says when, and nothing of who or where."""
        return Cause("", "Erased", "", "", self.appended_at, self.appended_at, outcome)


def trace_of(record: Record) -> bytes | None:
    """The trace context of a record; one that is overlong is passed over."""
    trace = _header(record, TRACEPARENT)
    return trace if trace is not None and len(trace) <= _TRACE_BYTES_MAX else None


def is_by_hand(record: Record) -> bool:
    """Whether somebody asks for this record to be applied though it is too late."""
    return _header(record, BY_HAND) is not None


def _header(record: Record, name: str) -> bytes | None:
    try:
        headers = _headers_of(record)
    except Exception:  # noqa: BLE001 - a SystemError, where a name is not UTF-8
        return None
    return header(headers, name) if headers else None


def unstamped(topic: str) -> StateError:
    """The error for a topic whose records carry their producers' time."""
    return StateError(
        f"{topic} does not stamp records with their append time; mend it with "
        "`ccstream topics apply --alter-config` and restart"
    )
