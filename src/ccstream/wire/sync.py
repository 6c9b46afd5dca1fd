"""The sync events of all tables that have one: what downstream readers get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ccstream.domain.consent import Consents
from ccstream.domain.interactions import Interactions
from ccstream.domain.order import Order
from ccstream.wire.cart_sync import CartSync
from ccstream.wire.catalogue import SYNC_SCHEMAS
from ccstream.wire.cause import Cause
from ccstream.wire.entry import SyncCodec
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.plain_rows import AliasSync, ProfileSync, StateSync
from ccstream.wire.schemas import SchemaInfo, schema
from ccstream.wire.touch_rows import TouchSync

__all__ = ["SYNC_CODECS", "Cause", "SyncCodec", "sync_codecs"]

_MAKERS: Final[Mapping[str, Callable[[SchemaInfo, bytes], SyncCodec]]] = {
    "carts": lambda _, prefix: CartSync(prefix),
    "touches": lambda _, prefix: TouchSync(prefix),
    "profiles": ProfileSync,
    "orders": lambda info, prefix: StateSync(info, prefix, Order),
    "consents": lambda info, prefix: StateSync(info, prefix, Consents),
    "aliases": AliasSync,
    "interactions": lambda info, prefix: StateSync(info, prefix, Interactions),
}


class _SyncCodecs(dict[str, SyncCodec]):
    """Made when first asked for, since that reads the schemas, or asks the registry."""

    def __init__(self, prefix_of: Callable[[SchemaInfo], bytes]) -> None:
        super().__init__()
        self._prefix_of = prefix_of

    def __missing__(self, table: str) -> SyncCodec:
        info = schema(SYNC_SCHEMAS[table])
        codec = self[table] = _MAKERS[table](info, self._prefix_of(info))
        return codec


def sync_codecs(prefix_of: Callable[[SchemaInfo], bytes]) -> Mapping[str, SyncCodec]:
    """The codec of each table by the table's name, in a framing of one's choice.

    Args:
        prefix_of: the bytes in front of a schema's records, such as `Codec.prefix`.
    """
    return _SyncCodecs(prefix_of)


SYNC_CODECS: Final = sync_codecs(single_object_prefix)
"""The codecs in single-object encoding."""
