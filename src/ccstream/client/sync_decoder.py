"""Values of the sync topics, as typed records.

A record is read by a function compiled for its schema. Every record begins with its
subject and version; ``version_of`` reads no more than these, so that a replica of a million
carts keeps them as bytes and decodes those that are looked at.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from ccstream.client.record_classes import RECORD_CLASSES
from ccstream.client.records import Removed, SyncRecord, Unreadable
from ccstream.domain import reasons
from ccstream.errors import UndecodableError
from ccstream.wire.catalogue import READ_SCHEMAS
from ccstream.wire.codec import Codec
from ccstream.wire.framing import SINGLE_OBJECT_PREFIX_BYTES, single_object_prefix
from ccstream.wire.reader import Reader, compile_reader
from ccstream.wire.schemas import schema
from ccstream.wire.varint import Malformed

__all__ = ["SyncDecoder"]

REMOVED: Final = Removed()

BITS_MAX: Final = 70
"""A 64-bit number takes no more than ten groups of seven."""


class SyncDecoder:
    """Reads the records of one table's sync topic, or of a topic of facts."""

    def __init__(self, table: str, codec: Codec) -> None:
        known = [schema(fullname) for fullname in READ_SCHEMAS[table]]
        self._codec = codec
        self._names = " or ".join(info.fullname for info in known)
        self._classes: dict[str, Any] = {info.name: RECORD_CLASSES[info.fullname] for info in known}
        self._readers: dict[bytes, Reader] = {
            single_object_prefix(info): compile_reader(info.parsed, RECORD_CLASSES)
            for info in known
        }

    def record(self, value: bytes | None) -> SyncRecord:
        """The record, also where there is none: `Removed` for a tombstone, or `Unreadable`."""
        if value is None:
            return REMOVED
        try:
            return self.decode(value)
        except UndecodableError as error:
            return Unreadable(error.reason, error.detail)

    def decode(self, value: bytes) -> SyncRecord:
        """The record.

        Raises ``UndecodableError`` if the bytes are none that this version can read.
        """
        read = self._readers.get(value[:SINGLE_OBJECT_PREFIX_BYTES])
        if read is not None:
            try:
                return cast(SyncRecord, read(value, SINGLE_OBJECT_PREFIX_BYTES))
            except (Malformed, IndexError, UnicodeDecodeError) as error:
                raise UndecodableError(reasons.MALFORMED, f"not a whole {self._names}") from error
        name, fields = self._codec.decode(value)
        known = self._classes.get(name)
        if known is None:
            raise UndecodableError(reasons.UNEXPECTED_RECORD, f"{name} where {self._names} belongs")
        try:
            return cast(SyncRecord, msgspec.convert(fields, known))
        except msgspec.ValidationError as error:
            raise UndecodableError(
                reasons.UNEXPECTED_RECORD, f"{name} is not as it is known here: {error}"
            ) from error

    def version_of(self, value: bytes) -> int:
        """The version, without decoding the rest where that can be avoided.

        Raises ``UndecodableError`` as ``decode``; of today's own schema only if the first
        two fields are garbled.
        """
        if value[:SINGLE_OBJECT_PREFIX_BYTES] not in self._readers:
            version: int = cast(Any, self.decode(value)).version
            return version
        try:
            return _version(value)
        except (Malformed, IndexError) as error:
            raise UndecodableError(reasons.MALFORMED, f"not a whole {self._names}") from error


def _version(value: bytes) -> int:
    at = SINGLE_OBJECT_PREFIX_BYTES
    length, at = _number(value, at)
    if length < 0:
        raise Malformed("a negative length")
    return _number(value, at + length)[0]


def _number(value: bytes, at: int) -> tuple[int, int]:
    """Avro's long: seven bits a byte, the lowest first, its sign in the lowest bit."""
    number = shift = 0
    while True:
        byte = value[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
        if shift == BITS_MAX:
            raise Malformed("a number that does not end")
