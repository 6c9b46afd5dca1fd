"""CartSynced, written by hand from lines that are encoded once.

This is the record that costs most: an Avro array is the concatenation of its items, and the
lines that an event did not touch are the objects that they were, with their bytes. The tests
hold it to the schema, byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from ccstream.domain.cart_state import Cart, CartDelta, Conflict, Dot, Line, LineKey
from ccstream.domain.events import Money
from ccstream.domain.merge import lines_view
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.primitives import (
    NULL,
    SOME,
    ZERO,
    BytesWriter,
    put_bytes,
    put_long,
    put_optional_text,
    put_text,
)

__all__ = ["CartSync", "put_line_key", "put_line_keys", "put_price"]

_NO_CHANGES: Final = bytes((ZERO, ZERO, ZERO, ZERO, NULL))
"""The end of the array of lines; nothing upserted, removed or in conflict, and no order."""


@final
class CartSync:
    """See `SyncCodec`.

    Args:
        prefix: the framing of CartSynced.
    """

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix

    def encode_synced(
        self,
        subject: str,
        entry: Entry,
        base_version: int,
        cause: Cause,
        delta: CartDelta | None,
        observed: bytes,
    ) -> bytes:
        """See `SyncCodec.encode_synced`."""
        cart: Cart = entry.state
        out = BytesWriter()
        out.write(self._prefix)
        put_text(out, subject)
        put_long(out, entry.version)
        put_long(out, base_version)
        put_long(out, cart.number)
        out.write(cause.encoded())
        put_optional_text(out, cart.currency)
        lines = lines_view(cart)
        if lines:
            put_long(out, len(lines))
            for line in lines:
                out.write(line.shown or _shown(line))
        if delta is None:
            out.write(_NO_CHANGES)
        else:
            out.append(ZERO)
            _put_changes(out, delta)
        put_bytes(out, observed)
        return out.getvalue()


def _put_changes(out: BytesWriter, delta: CartDelta) -> None:
    """All fields of the delta."""
    if delta.upserted:
        put_long(out, len(delta.upserted))
        for line in delta.upserted:
            out.write(line.shown or _shown(line))
    out.append(ZERO)
    put_line_keys(out, delta.removed)
    if delta.conflicts:
        put_long(out, len(delta.conflicts))
        for conflict in delta.conflicts:
            _put_conflict(out, conflict)
    out.append(ZERO)
    put_optional_text(out, delta.closed_order)


def put_line_keys(out: BytesWriter, keys: Sequence[LineKey]) -> None:
    """An array of line keys."""
    if keys:
        put_long(out, len(keys))
        for key in keys:
            put_line_key(out, key)
    out.append(ZERO)


def put_line_key(out: BytesWriter, key: LineKey) -> None:
    """The record ``CartLineKey``, which lines begin with, too."""
    sku, options_hash, fulfilment, store = key
    put_text(out, sku)
    put_text(out, options_hash)
    put_text(out, fulfilment)
    put_text(out, store)


def put_price(out: BytesWriter, price: Money | None) -> None:
    """A union of null and Money."""
    if price is None:
        out.append(NULL)
    else:
        out.append(SOME)
        put_long(out, price.amount_minor)
        put_text(out, price.currency)


def _shown(line: Line) -> bytes:
    """The record ``CartLine``."""
    out = BytesWriter()
    put_line_key(out, line.key)
    put_long(out, line.quantity)
    put_price(out, line.unit_price)
    put_optional_text(out, line.name)
    put_long(out, line.added_at)
    put_long(out, line.changed_at)
    put_text(out, line.channel)
    line.shown = out.getvalue()
    return line.shown


def _put_conflict(out: BytesWriter, conflict: Conflict) -> None:
    put_line_key(out, conflict.key)
    _put_setting(out, conflict.winner)
    _put_setting(out, conflict.loser)


def _put_setting(out: BytesWriter, dot: Dot) -> None:
    """One side of a conflict."""
    put_text(out, dot.event_id)
    put_text(out, dot.channel)
    put_text(out, dot.source)
    put_long(out, dot.quantity)
    put_long(out, dot.occurred_at)
