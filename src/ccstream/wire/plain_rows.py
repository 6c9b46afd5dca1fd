"""Rows and sync events that change seldom: those of orders, aliases, profiles, and new tables.

They are written by writers compiled from the schemas, from records with the schemas' fields.
Where a schema has the fields of the state itself, `StateRows` and `StateSync` are all it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct, defstruct
from msgspec.structs import astuple, fields

from ccstream.domain.identity import Alias
from ccstream.domain.profile import Profile, ProfileDelta, Statement
from ccstream.wire.catalogue import RECORDS
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.reader import compile_reader
from ccstream.wire.schemas import SchemaInfo
from ccstream.wire.writer import compile_writer

__all__ = ["AliasSync", "ProfileRows", "ProfileSync", "StateRows", "StateSync"]

NOTHING_MORE: Final[Mapping[str, type]] = MappingProxyType({})


class _Trait(Struct):
    name: str
    statements: tuple[Statement, ...]


class _ProfileRow(Struct):
    version: int
    traits: tuple[_Trait, ...]


class _SyncedTrait(Struct):
    name: str
    values: tuple[Statement, ...]


class _ProfileSynced(Struct):
    subject: str
    version: int
    base_version: int
    cause: Cause
    traits: tuple[_SyncedTrait, ...]
    changed: tuple[str, ...]


class _AliasSynced(Struct):
    subject: str
    version: int
    base_version: int
    cause: Cause
    root: str
    since: int


class ProfileRows:
    """See `RowCodec`.

    Args:
        info: the schema ProfileRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._write = compile_writer(info.parsed, single_object_prefix(info))
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        profile: Profile = entry.state
        traits = tuple(_Trait(name, kept) for name, kept in profile.traits.items())
        return self._write(_ProfileRow(entry.version, traits))


class ProfileSync:
    """See `SyncCodec`.

    Args:
        info: the schema ProfileSynced.
        prefix: its framing.
    """

    def __init__(self, info: SchemaInfo, prefix: bytes) -> None:
        self._write = compile_writer(info.parsed, prefix)

    def encode_synced(
        self,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: ProfileDelta | None,
        observed: bytes,
    ) -> bytes:
        """See `SyncCodec.encode_synced`; profiles hand out no token."""
        profile: Profile = entry.state
        traits = tuple(_SyncedTrait(name, values) for name, values in profile.values().items())
        changed = () if delta is None else delta.changed
        return self._write(
            _ProfileSynced(subject, entry.version, base_version, cause, traits, changed)
        )


class AliasSync:
    """Whom a subject belongs to now. See `SyncCodec`.

    Args:
        info: the schema AliasSynced.
        prefix: its framing.
    """

    def __init__(self, info: SchemaInfo, prefix: bytes) -> None:
        self._write = compile_writer(info.parsed, prefix)

    def encode_synced(
        self,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: object,
        observed: bytes,
    ) -> bytes:
        """See `SyncCodec.encode_synced`; whom it belonged to before is not shown."""
        alias: Alias = entry.state
        return self._write(
            _AliasSynced(subject, entry.version, base_version, cause, alias.root, alias.since)
        )


class StateRows:
    """Rows whose schema is a version and then the fields of the state. See `RowCodec`.

    Args:
        info: the row's schema.
        state: the class of the state, its fields in the schema's order.
        within: the classes of the records in it, by their full names, beside `RECORDS`.
    """

    def __init__(
        self, info: SchemaInfo, state: type[Struct], within: Mapping[str, type] = NOTHING_MORE
    ) -> None:
        self._state = state
        self._row: Callable[..., Any] = _with_fields_of(state, info.name, "version")
        self._write = compile_writer(info.parsed, single_object_prefix(info))
        classes: dict[str, Callable[..., Any]] = {**RECORDS, **within, info.fullname: self._entry}
        self.decode_row = RowReader(info, compile_reader(info.parsed, classes))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        return self._write(self._row(entry.version, *astuple(entry.state)))

    def _entry(self, version: int, **fields: Any) -> Entry:
        return Entry(self._state(**fields), version)


class StateSync:
    """Sync events that show the state as it is, after subject, versions and cause.

    They have no delta and hand out no token. See `SyncCodec`.

    Args:
        info: the sync event's schema.
        prefix: its framing.
        state: the class of the state, its fields in the schema's order.
    """

    def __init__(self, info: SchemaInfo, prefix: bytes, state: type[Struct]) -> None:
        self._synced: Callable[..., Any] = _with_fields_of(
            state, info.name, "subject", "version", "base_version", "cause"
        )
        self._write = compile_writer(info.parsed, prefix)

    def encode_synced(
        self,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: object,
        observed: bytes,
    ) -> bytes:
        """See `SyncCodec.encode_synced`."""
        shown = astuple(entry.state)
        return self._write(self._synced(subject, entry.version, base_version, cause, *shown))


def _with_fields_of(state: type[Struct], name: str, *before: str) -> type[Struct]:
    return defstruct(name, [*before, *(field.name for field in fields(state))])


def _profile_entry(version: int, traits: tuple[_Trait, ...]) -> Entry:
    return Entry(Profile({trait.name: trait.statements for trait in traits}), version)


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "ccstream.state.v1.ProfileStatement": Statement,
    "ccstream.state.v1.ProfileRowTrait": _Trait,
    "ccstream.state.v1.ProfileRow": _profile_entry,
}
