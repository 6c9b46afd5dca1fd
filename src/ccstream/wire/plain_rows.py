"""The rows of profiles, orders and aliases, and their sync events.

These change seldom, so they are written by writers compiled from the schemas, from records
with the schemas' fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple

from ccstream.domain.events import Campaign, Money, OrderLine
from ccstream.domain.identity import Alias
from ccstream.domain.order import Order
from ccstream.domain.profile import Profile, ProfileDelta, Statement
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.reader import compile_reader
from ccstream.wire.schemas import SchemaInfo
from ccstream.wire.writer import compile_writer

__all__ = ["AliasRows", "OrderRows", "OrderSync", "ProfileRows", "ProfileSync"]


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


class _OrderRow(Struct):
    version: int
    order_id: str
    event_id: str
    placed_at: int
    channel: str
    source: str
    lines: tuple[OrderLine, ...]
    total: Money
    campaign: Campaign | None


class _OrderSynced(Struct):
    subject: str
    version: int
    base_version: int
    cause: Cause
    order_id: str
    event_id: str
    placed_at: int
    channel: str
    source: str
    lines: tuple[OrderLine, ...]
    total: Money
    campaign: Campaign | None


class _AliasRow(Struct):
    version: int
    root: str
    since: int
    event_id: str


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


class OrderRows:
    """See `RowCodec`.

    Args:
        info: the schema OrderRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._write = compile_writer(info.parsed, single_object_prefix(info))
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        return self._write(_OrderRow(entry.version, *astuple(entry.state)))


class OrderSync:
    """See `SyncCodec`.

    Args:
        info: the schema OrderSynced.
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
        """See `SyncCodec.encode_synced`; orders have no delta and hand out no token."""
        order: Order = entry.state
        return self._write(
            _OrderSynced(subject, entry.version, base_version, cause, *astuple(order))
        )


class AliasRows:
    """See `RowCodec`.

    Args:
        info: the schema AliasRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._write = compile_writer(info.parsed, single_object_prefix(info))
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        return self._write(_AliasRow(entry.version, *astuple(entry.state)))


def _profile_entry(version: int, traits: tuple[_Trait, ...]) -> Entry:
    return Entry(Profile({trait.name: trait.statements for trait in traits}), version)


def _order_entry(version: int, **fields: Any) -> Entry:
    return Entry(Order(**fields), version)


def _alias_entry(version: int, **fields: Any) -> Entry:
    return Entry(Alias(**fields), version)


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "ccstream.common.v1.Money": Money,
    "ccstream.common.v1.Campaign": Campaign,
    "ccstream.order.v1.OrderLine": OrderLine,
    "ccstream.state.v1.ProfileStatement": Statement,
    "ccstream.state.v1.ProfileRowTrait": _Trait,
    "ccstream.state.v1.ProfileRow": _profile_entry,
    "ccstream.state.v1.OrderRow": _order_entry,
    "ccstream.state.v1.AliasRow": _alias_entry,
}
