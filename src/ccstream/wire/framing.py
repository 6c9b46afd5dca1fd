"""The bytes in front of a record, which say with what schema it was written.

Two framings are told apart by the first byte, and both are read everywhere:

* ``C3 01`` + 8 bytes: Avro's single-object encoding with the CRC-64-AVRO fingerprint, least
  significant byte first. It needs no registry and is the default for writing.
* ``00`` + 4 bytes: the wire format of Confluent's registry, the schema id in big endian.
"""

from __future__ import annotations

from struct import Struct
from typing import Protocol

from ccstream.domain import reasons
from ccstream.errors import UndecodableError
from ccstream.wire.schemas import SchemaInfo, SchemaSet, default_schemas

__all__ = [
    "CONFLUENT_MAGIC",
    "CONFLUENT_PREFIX_BYTES",
    "SINGLE_OBJECT_MAGIC",
    "SINGLE_OBJECT_PREFIX_BYTES",
    "SchemaRegistry",
    "confluent_prefix",
    "single_object_prefix",
    "split",
]

SINGLE_OBJECT_MAGIC = b"\xc3\x01"
SINGLE_OBJECT_PREFIX_BYTES = 10
CONFLUENT_MAGIC = b"\x00"
CONFLUENT_PREFIX_BYTES = 5

_CONFLUENT = Struct(">cI")


class SchemaRegistry(Protocol):
    """What framing needs of a registry: see `registry.Registry`."""

    def writer(self, schema_id: int) -> SchemaInfo:
        """The schema of this id; raises `UndecodableError` if the registry has none."""

    def schema_id(self, info: SchemaInfo) -> int:
        """The id under which the registry knows the schema."""


def single_object_prefix(info: SchemaInfo) -> bytes:
    """The ten bytes in front of every record of this schema."""
    return SINGLE_OBJECT_MAGIC + info.fingerprint


def confluent_prefix(schema_id: int) -> bytes:
    """The five bytes in front of every record with this registry id."""
    return _CONFLUENT.pack(CONFLUENT_MAGIC, schema_id)


def split(
    value: bytes | None,
    *,
    schemas: SchemaSet | None = None,
    registry: SchemaRegistry | None = None,
) -> tuple[SchemaInfo, int]:
    """The schema that a value was written with, and where its record begins.

    Raises:
        UndecodableError: null, empty, neither framing, or a schema that nobody knows.
    """
    if value is None:
        raise UndecodableError(reasons.NULL_VALUE, "the record has no value")
    if value[:2] == SINGLE_OBJECT_MAGIC:
        if len(value) < SINGLE_OBJECT_PREFIX_BYTES:
            raise UndecodableError(reasons.TRUNCATED, "the fingerprint is cut short")
        digest = value[2:SINGLE_OBJECT_PREFIX_BYTES]
        info = (schemas or default_schemas()).by_fingerprint(digest)
        if info is None:
            raise UndecodableError(
                reasons.UNKNOWN_SCHEMA,
                f"no schema has the fingerprint {digest.hex()}; is the producer newer?",
            )
        return info, SINGLE_OBJECT_PREFIX_BYTES
    if value[:1] == CONFLUENT_MAGIC:
        if len(value) < CONFLUENT_PREFIX_BYTES:
            raise UndecodableError(reasons.TRUNCATED, "the schema id is cut short")
        schema_id: int = _CONFLUENT.unpack_from(value)[1]
        if registry is None:
            raise UndecodableError(
                reasons.UNKNOWN_SCHEMA,
                f"schema id {schema_id}, but no schema registry is configured (registry.url)",
            )
        return registry.writer(schema_id), CONFLUENT_PREFIX_BYTES
    raise UndecodableError(
        reasons.NOT_AVRO,
        f"begins with {value[:2].hex() or 'nothing'}, neither c301 nor 00",
    )
