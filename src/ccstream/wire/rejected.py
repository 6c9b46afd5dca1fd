"""Dead letters: what could not be applied, where it came from and why."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ccstream.domain.events import Event
from ccstream.wire.records import RecordCodec

__all__ = [
    "KEPT_KEY_BYTES_MAX",
    "KEPT_VALUE_BYTES_MAX",
    "Rejected",
    "decode_rejected",
    "encode_rejected",
    "rejected_record",
]

KEPT_VALUE_BYTES_MAX: Final = 512 * 1024
"""So that a dead letter fits where its original did not."""

KEPT_KEY_BYTES_MAX: Final = 4 * 1024
"""A key of ours has at most a few hundred bytes."""

_DETAIL_CHARS_MAX: Final = 4_000


class Rejected(Struct, frozen=True, kw_only=True, gc=False):
    """One dead letter; see ``schemas/system/Rejected.avsc``."""

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    appended_at: int
    key: bytes | None = None
    value: bytes | None = None
    value_bytes: int = 0
    event_id: str | None = None
    channel: str | None = None
    rejected_at: int
    to: str | None = None
    mail_offset: int | None = None


_codec = RecordCodec("Rejected", Rejected)


def rejected_record(
    *,
    reason: str,
    detail: str,
    topic: str,
    partition: int,
    offset: int,
    appended_at: int,
    key: bytes | None,
    value: bytes | None,
    event: Event | None,
    rejected_at: int,
    to: str | None = None,
    mail_offset: int | None = None,
) -> Rejected:
    """The dead letter of a record, key and value cut to what is kept.

    Args:
        event: the event, where the value could be decoded.
        rejected_at: the append time by which it was judged.
        to: whom it had been sent on to, where it came as a letter.
        mail_offset: where that letter is, if it was no event that was sent on.
    """
    return Rejected(
        reason=reason,
        detail=detail[:_DETAIL_CHARS_MAX],
        topic=topic,
        partition=partition,
        offset=offset,
        appended_at=appended_at,
        key=key and key[:KEPT_KEY_BYTES_MAX],
        value=value and value[:KEPT_VALUE_BYTES_MAX],
        value_bytes=len(value or b""),
        event_id=event.event_id if event is not None else None,
        channel=event.channel if event is not None else None,
        rejected_at=rejected_at,
        to=to,
        mail_offset=mail_offset,
    )


def encode_rejected(rejected: Rejected) -> bytes:
    """The dead letter as a framed value."""
    return _codec.encode(rejected)


def decode_rejected(value: bytes | None) -> Rejected:
    """The dead letter in a framed value; raises `UndecodableError` if the bytes are none."""
    return _codec.decode(value)
