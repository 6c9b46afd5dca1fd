"""Who of the service staff looked at whom, and when: records of ``ccstream.audit.v1``."""

from __future__ import annotations

from msgspec import Struct

from ccstream.wire.records import RecordCodec

__all__ = ["ProfileRead", "decode_read", "encode_read"]


class ProfileRead(Struct, frozen=True, kw_only=True, gc=False):
    """One look; see ``schemas/system/ProfileRead.avsc``."""

    reader: str
    profile: str
    masked: bool
    read_at: int


_codec = RecordCodec("ProfileRead", ProfileRead)


def encode_read(read: ProfileRead) -> bytes:
    """The look as a framed value."""
    return _codec.encode(read)


def decode_read(value: bytes | None) -> ProfileRead:
    """The look in a framed value; raises `UndecodableError` if the bytes are none."""
    return _codec.decode(value)
