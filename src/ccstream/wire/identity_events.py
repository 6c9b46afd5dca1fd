"""What is told of profiles, as it is published: with its id, whom it is about, and its cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ccstream.domain.forest import Link
from ccstream.domain.identity_events import IdentityConflictFound, ProfileMerged, ProfileSplit
from ccstream.wire.catalogue import IDENTITY_TYPES
from ccstream.wire.cause import Cause
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.schemas import SchemaInfo, schema
from ccstream.wire.writer import Writer, compile_writer

__all__ = ["IDENTITY_ENCODER", "IdentityEncoder", "IdentityEvent", "identity_encoder"]

IdentityEncoder = Callable[["IdentityEvent"], bytes]
"""The framed record."""


class IdentityEvent(Struct, frozen=True):
    """``fact`` became of ``subject``; ``rule`` is what decided a merge or split."""

    fact: ProfileMerged | ProfileSplit | IdentityConflictFound
    subject: str
    version: int
    event_id: str
    cause: Cause
    reason: str
    rule: str = ""


class _Changed(Struct):
    subject: str
    version: int
    event_id: str
    root: str
    former_root: str | None
    cause: Cause
    reason: str
    rule: str


class _Link(Struct):
    event_id: str
    occurred_at: int
    one: str
    other: str
    strength: str


class _Conflict(Struct):
    subject: str
    version: int
    event_id: str
    link: _Link
    one_root: str
    other_root: str
    in_the_way: tuple[_Link, ...]
    kept_apart_by: str | None
    cause: Cause
    reason: str


def identity_encoder(prefix_of: Callable[[SchemaInfo], bytes]) -> IdentityEncoder:
    """What encodes such events, in a framing of one's choice.

    Args:
        prefix_of: the bytes in front of a schema's records, such as `Codec.prefix`.
    """
    writers: dict[type, Writer] = {}

    def encode(event: IdentityEvent) -> bytes:
        kind = type(event.fact)
        write = writers.get(kind)
        if write is None:  # asked for late, since that reads the schema, or asks the registry
            info = schema(IDENTITY_TYPES[kind])
            write = writers[kind] = compile_writer(info.parsed, prefix_of(info))
        return write(_record(event))

    return encode


def _record(event: IdentityEvent) -> _Changed | _Conflict:
    about = (event.subject, event.version, event.event_id)
    match event.fact:
        case IdentityConflictFound(link, one_root, other_root, in_the_way, kept_apart_by):
            links = tuple(map(_link, in_the_way))
            return _Conflict(
                *about,
                _link(link),
                one_root,
                other_root,
                links,
                kept_apart_by,
                event.cause,
                event.reason,
            )
        case ProfileMerged(root, former_root) | ProfileSplit(root, former_root):
            return _Changed(*about, root, former_root, event.cause, event.reason, event.rule)


def _link(link: Link) -> _Link:
    return _Link(link.event_id, link.at, link.one, link.other, link.strength)


IDENTITY_ENCODER: Final = identity_encoder(single_object_prefix)
"""In single-object encoding."""
