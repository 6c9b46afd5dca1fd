"""One record type of our own as a pair of functions: typed record to framed bytes and back.

For what workers write to each other and to people: letters, dead letters. These are always
in single-object encoding, so that reading them never depends on a registry.
"""

from __future__ import annotations

from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from ccstream.domain import reasons
from ccstream.errors import UndecodableError
from ccstream.wire.codec import Codec
from ccstream.wire.framing import SINGLE_OBJECT_PREFIX_BYTES, single_object_prefix
from ccstream.wire.reader import Reader, compile_reader
from ccstream.wire.schemas import SchemaInfo, schema
from ccstream.wire.varint import Malformed
from ccstream.wire.writer import Writer, compile_writer

__all__ = ["RecordCodec"]

R = TypeVar("R", bound=msgspec.Struct)


class RecordCodec(Generic[R]):
    """Reads and writes one record without nested records of its own.

    Args:
        name: the schema's name.
        cls: the class with the same fields.
    """

    def __init__(self, name: str, cls: type[R]) -> None:
        self._name = name
        self._cls = cls

    def encode(self, record: R) -> bytes:
        """The record as a framed value."""
        return self._write(record)

    def decode(self, value: bytes | None) -> R:
        """The record in a framed value, written with this version or another.

        Raises:
            UndecodableError: the bytes are no such record.
        """
        if value is None:
            raise UndecodableError(reasons.NULL_VALUE, "the record has no value")
        if value[:SINGLE_OBJECT_PREFIX_BYTES] != self._prefix:
            return self._decode_other(value)
        try:
            record: R = self._read(value, SINGLE_OBJECT_PREFIX_BYTES)
        except IndexError as error:
            raise UndecodableError(reasons.TRUNCATED, f"this {self._name} is cut short") from error
        except (Malformed, UnicodeDecodeError) as error:
            raise UndecodableError(reasons.MALFORMED, f"this is no {self._name}") from error
        return record

    def _decode_other(self, value: bytes) -> R:
        name, fields = self._any.decode(value)
        if name != self._name:
            raise UndecodableError(reasons.UNEXPECTED_RECORD, f"a {name}, not a {self._name}")
        try:
            return msgspec.convert(fields, self._cls)
        except msgspec.ValidationError as error:
            raise UndecodableError(reasons.MALFORMED, f"this is no {self._name}") from error

    @cached_property
    def _any(self) -> Codec:
        return Codec()

    @cached_property
    def _info(self) -> SchemaInfo:
        return schema(self._name)

    @cached_property
    def _prefix(self) -> bytes:
        return single_object_prefix(self._info)

    @cached_property
    def _read(self) -> Reader:
        return compile_reader(self._info.parsed, {self._info.fullname: self._cls})

    @cached_property
    def _write(self) -> Writer:
        return compile_writer(self._info.parsed, self._prefix)
