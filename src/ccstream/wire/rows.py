"""The rows of all tables: what the changelogs hold, and how rows are held decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

from ccstream.domain.consent import Consents
from ccstream.domain.erasure import Erasure
from ccstream.domain.identity import Alias, Tenure
from ccstream.domain.interactions import Interaction, Interactions
from ccstream.domain.order import Order
from ccstream.domain.personal_keys import PersonalKey, PersonalKeys
from ccstream.domain.timers import Timer, Timers
from ccstream.wire.cart_rows import CartRows
from ccstream.wire.catalogue import CONSENT_RECORDS
from ccstream.wire.entry import Entry, RowCodec
from ccstream.wire.link_rows import LinkRows
from ccstream.wire.plain_rows import ProfileRows, StateRows
from ccstream.wire.row_readers import ROW_READERS
from ccstream.wire.schemas import SchemaInfo, schema
from ccstream.wire.touch_rows import TouchRows
from ccstream.wire.window_rows import WindowRows

__all__ = ["ROW_CODECS", "ROW_SCHEMAS", "Entry", "RowCodec", "row_fingerprint"]

_TIMER: Final = {"ccstream.state.v1.Timer": Timer}
_KEY: Final = {"ccstream.state.v1.PersonalKey": PersonalKey}
_INTERACTION: Final = {"ccstream.state.v1.InteractionRowEntry": Interaction}

_MAKERS: Final[Mapping[str, tuple[str, Callable[[SchemaInfo], RowCodec]]]] = {
    "carts": ("CartRow", lambda info: CartRows(info, ROW_READERS[info.fullname])),
    "touches": ("TouchRow", lambda info: TouchRows(info, ROW_READERS[info.fullname])),
    "profiles": ("ProfileRow", ProfileRows),
    "orders": ("OrderRow", lambda info: StateRows(info, Order)),
    "aliases": (
        "AliasRow",
        lambda info: StateRows(info, Alias, {"ccstream.state.v1.AliasTenure": Tenure}),
    ),
    "windows": ("WindowRow", lambda info: WindowRows(info, ROW_READERS[info.fullname])),
    "consents": ("ConsentRow", lambda info: StateRows(info, Consents, CONSENT_RECORDS)),
    "timers": ("TimerRow", lambda info: StateRows(info, Timers, _TIMER)),
    "links": ("LinkRow", LinkRows),
    "keys": ("KeyRow", lambda info: StateRows(info, PersonalKeys, _KEY)),
    "erasures": ("ErasureRow", lambda info: StateRows(info, Erasure)),
    "interactions": (
        "InteractionRow",
        lambda info: StateRows(info, Interactions, _INTERACTION),
    ),
}

ROW_SCHEMAS: Final[Mapping[str, str]] = {table: name for table, (name, _) in _MAKERS.items()}
"""The name of each table's schema."""


class _RowCodecs(dict[str, RowCodec]):
    """Made when first asked for, since that reads the schemas."""

    def __missing__(self, table: str) -> RowCodec:
        name, make = _MAKERS[table]
        codec = self[table] = make(schema(name))
        return codec


ROW_CODECS: Final[Mapping[str, RowCodec]] = _RowCodecs()
"""The codec of each table, by the table's name."""

_FINGERPRINT_BYTES: Final = 16


def row_fingerprint(table: str, row: bytes) -> bytes:
    """What tells a row from any other that its key has had, published again or not.

    It does not depend on the version of the schema that the row was written by, but on that which
    it is written by here: processes that compare fingerprints know the same version.
    """
    codec = ROW_CODECS[table]
    state = codec.decode_row(row).state
    return blake2b(codec.encode_row(Entry(state, 0)), digest_size=_FINGERPRINT_BYTES).digest()
