"""A row as it is held decoded, and what turns it into bytes and back."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol, final

from fastavro import schemaless_reader, schemaless_writer
from mypy_extensions import mypyc_attr

from ccstream.errors import StateError, UndecodableError
from ccstream.wire.cause import Cause
from ccstream.wire.framing import SINGLE_OBJECT_PREFIX_BYTES, single_object_prefix, split
from ccstream.wire.reader import Reader
from ccstream.wire.schemas import SchemaInfo, SchemaSet
from ccstream.wire.varint import Malformed

__all__ = ["Entry", "RowCodec", "RowReader", "SyncCodec", "damaged_row"]


@final
@mypyc_attr(acyclic=True)
class Entry:
    """One decoded row. ``state`` is the aggregate's record, None where there is no row."""

    def __init__(self, state: Any, version: int) -> None:
        self.state = state
        self.version = version


class RowCodec(Protocol):
    """One table's rows as its changelog has them: always in single-object encoding."""

    def encode_row(self, entry: Entry) -> bytes:
        """The row of an entry whose state is not None."""

    def decode_row(self, value: bytes) -> Entry:
        """The entry of a row written by this version or a released one.

        Raises:
            StateError: the bytes are no such row.
        """


class SyncCodec(Protocol):
    """One table's sync events."""

    def encode_synced(
        self,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: Any,
        observed: bytes,
    ) -> bytes:
        """The sync event, framed.

        Args:
            subject: whom the row is about.
            entry: the row after the event; its state is not None.
            base_version: the version of the publication before, 0 if there was none.
            cause: the event.
            delta: that of the aggregate's ``Publish``, None if the row did not change.
            observed: the token of this snapshot, for tables that hand one out.
        """


def damaged_row(name: str, error: Exception) -> StateError:
    """What to raise where a row of this schema cannot be read."""
    return StateError(
        f"a row is no {name}: {error}; its changelog is damaged or newer than this worker"
    )


class RowReader:
    """Reads the rows of one schema, whatever version they were written with.

    Args:
        info: today's schema.
        read: its compiled reader, which answers with an `Entry`.
        schemas: where released versions are found; those of this installation by default.
    """

    def __init__(self, info: SchemaInfo, read: Reader, schemas: SchemaSet | None = None) -> None:
        self._info = info
        self._schemas = schemas
        self._read = read
        self._prefix = single_object_prefix(info)

    def __call__(self, value: bytes) -> Entry:
        """See `RowCodec.decode_row`."""
        try:
            if value[:SINGLE_OBJECT_PREFIX_BYTES] != self._prefix:
                value = self._as_of_today(value)
            entry: Entry = self._read(value, SINGLE_OBJECT_PREFIX_BYTES)
        except (UndecodableError, Malformed, IndexError, UnicodeDecodeError) as error:
            raise damaged_row(self._info.name, error) from error
        return entry

    def _as_of_today(self, value: bytes) -> bytes:
        """The row of another version, written anew; rare, so through fastavro's resolution."""
        writer, start = split(value, schemas=self._schemas)
        if writer.fullname != self._info.fullname:
            raise Malformed(f"written as {writer.fullname}")
        try:
            record: Any = schemaless_reader(
                BytesIO(value[start:]), writer.parsed, self._info.parsed
            )
        except Exception as error:  # fastavro raises many kinds for what does not resolve
            raise Malformed(f"version {writer.version} does not fit today's") from error
        out = BytesIO()
        schemaless_writer(out, self._info.parsed, record)
        return self._prefix + out.getvalue()
