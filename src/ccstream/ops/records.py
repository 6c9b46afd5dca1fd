"""A record of any topic as plain data: for people, and for tools that read JSON."""

from __future__ import annotations

from typing import Any, Final

from confluent_kafka import Message
from msgspec import Struct

from ccstream.errors import CcstreamError, UndecodableError
from ccstream.wire.codec import Codec
from ccstream.wire.headers import time_text
from ccstream.wire.rejected import Rejected

__all__ = ["RAW_BYTES_SHOWN_MAX", "Shown", "show", "show_dead_letter", "text_of", "type_of"]

RAW_BYTES_SHOWN_MAX: Final = 2_048
"""Of a value that is no record of ours: enough to see what it is."""

WITHIN: Final = {"Mail": "event", "Rejected": "event"}
"""Records that hold another record as bytes, and under which name it is shown decoded."""


class Shown(Struct, omit_defaults=True):
    """One record. Exactly one of ``value``, ``tombstone`` and ``error`` is there."""

    topic: str
    partition: int
    offset: int
    time: str
    key: str | None
    headers: dict[str, str]
    type: str | None = None
    value: dict[str, Any] | None = None
    tombstone: bool = False
    error: str | None = None
    raw: str | None = None
    raw_bytes: int = 0


def show(message: Message, codec: Codec) -> Shown:
    """The record, decoded as far as it goes; never an error for what it holds."""
    kind, milliseconds = message.timestamp()
    headers: Any = message.headers() or ()
    shown = Shown(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        time=_time(milliseconds) if kind else "",
        key=text_of(message.key()),
        headers={name: text_of(value) or "" for name, value in headers},
    )
    value: Any = message.value()
    if value is None:
        shown.tombstone = True
        return shown
    try:
        shown.type, shown.value = codec.decode(value)
    except CcstreamError as problem:
        shown.error = _reason(problem)
        shown.raw = value[:RAW_BYTES_SHOWN_MAX].hex()
        shown.raw_bytes = len(value)
        return shown
    within = WITHIN.get(shown.type)
    if within is not None:
        _show_within(shown.value, within, codec)
    return shown


def show_dead_letter(rejected: Rejected, codec: Codec) -> dict[str, Any]:
    """What a dead letter says of its event, and the event itself as far as it can be decoded."""
    fields: dict[str, Any] = {
        "event_id": rejected.event_id,
        "appended_at": _time(rejected.appended_at),
        "key": rejected.key,
        "to": rejected.to,
        "mail_offset": rejected.mail_offset,
        "value_bytes": rejected.value_bytes,
        "detail": rejected.detail,
        "value": rejected.value,
    }
    _show_within(fields, "event", codec)
    held = fields.get("value")
    if isinstance(held, bytes):
        fields["value"] = held.hex()
    fields["key"] = text_of(fields["key"])
    return fields


def type_of(value: bytes | None, codec: Codec) -> str | None:
    """The name of the record in these bytes; None if they are none."""
    try:
        return None if value is None else codec.decode(value)[0]
    except CcstreamError:
        return None


def _show_within(fields: dict[str, Any], name: str, codec: Codec) -> None:
    """Replace the bytes of the record within by the record, if they are one."""
    held = fields.get("value")
    if not isinstance(held, bytes):
        return
    try:
        kind, record = codec.decode(held)
    except CcstreamError:
        fields["value"] = held[:RAW_BYTES_SHOWN_MAX]
        return
    del fields["value"]
    fields[name] = {"type": kind, **record}
    if isinstance(fields.get("key"), bytes):
        fields["key"] = text_of(fields["key"])


def _reason(problem: CcstreamError) -> str:
    return str(problem) if isinstance(problem, UndecodableError) else f"unreadable: {problem}"


def _time(milliseconds: int) -> str:
    try:
        return time_text(milliseconds)
    except OverflowError:
        return str(milliseconds)


def text_of(raw: str | bytes | None) -> str | None:
    """UTF-8 text as it is, other bytes as ``0x…``."""
    if raw is None or isinstance(raw, str):
        return raw
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "0x" + raw.hex()
    return text if text.isprintable() else "0x" + raw.hex()
