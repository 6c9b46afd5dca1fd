"""The rows of the table ``carts``.

A row holds, of each line, its key and live dots; what is computed from them is computed when
the row is read, so it costs nothing in the log.
"""

from __future__ import annotations

from typing import cast, final

from ccstream.domain.cart_state import (
    Absorbed,
    Cart,
    Dot,
    Line,
    MergeMode,
    PendingRemoval,
    Position,
    line_key,
)
from ccstream.domain.events import Money
from ccstream.domain.lines import assemble, only_dot
from ccstream.wire.cart_sync import put_line_key, put_line_keys, put_price
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.event_ids import packed, unpacked
from ccstream.wire.framing import single_object_prefix
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
from ccstream.wire.reader import Reader
from ccstream.wire.schemas import SchemaInfo

__all__ = ["CartRows", "cart_absorbed", "cart_dot", "cart_entry", "cart_line", "cart_position"]


@final
class CartRows:
    """See `RowCodec`.

    Args:
        info: the schema CartRow.
        read: its reader.
    """

    def __init__(self, info: SchemaInfo, read: Reader) -> None:
        self._prefix = single_object_prefix(info)
        self._read = RowReader(info, read)

    def decode_row(self, value: bytes) -> Entry:
        """See `RowCodec.decode_row`."""
        return self._read(value)

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        cart: Cart = entry.state
        out = BytesWriter()
        out.write(self._prefix)
        put_long(out, entry.version)
        put_long(out, cart.number)
        put_optional_text(out, cart.currency)
        lines = cart.lines
        if lines:
            put_long(out, len(lines))
            for line in lines.values():
                out.write(line.kept or _kept(line))
        out.append(ZERO)
        if cart.pending:
            put_long(out, len(cart.pending))
            for removal in cart.pending:
                _put_pending(out, removal)
        out.append(ZERO)
        if cart.absorbed:
            put_long(out, len(cart.absorbed))
            for marker in cart.absorbed:
                _put_absorbed(out, marker)
        out.append(ZERO)
        put_long(out, cart.last_now)
        return out.getvalue()


def _kept(line: Line) -> bytes:
    """The record ``CartRowLine``."""
    out = BytesWriter()
    put_line_key(out, line.key)
    _put_dots(out, line.dots)
    _put_dots(out, line.sets)
    line.kept = out.getvalue()
    return line.kept


def _put_dots(out: BytesWriter, dots: tuple[Dot, ...]) -> None:
    if dots:
        put_long(out, len(dots))
        for dot in dots:
            _put_dot(out, dot)
    out.append(ZERO)


def _put_dot(out: BytesWriter, dot: Dot) -> None:
    event_uuid = packed(dot.event_id)
    put_text(out, dot.event_id if event_uuid is None else "")
    put_text(out, dot.channel)
    put_text(out, dot.source)
    put_long(out, dot.quantity)
    put_long(out, dot.occurred_at)
    put_long(out, dot.appended_at)
    if dot.positions:
        put_long(out, len(dot.positions))
        for partition, topic, offset in dot.positions:
            put_long(out, partition)
            put_long(out, topic)
            put_long(out, offset)
    out.append(ZERO)
    put_price(out, dot.unit_price)
    put_optional_text(out, dot.name)
    put_text(out, dot.origin)
    if event_uuid is None:
        out.append(NULL)
    else:
        out.append(SOME)
        put_bytes(out, event_uuid)


def _put_pending(out: BytesWriter, removal: PendingRemoval) -> None:
    put_text(out, removal.event_id)
    put_long(out, removal.appended_at)
    if removal.keys is None:
        out.append(NULL)
    else:
        out.append(SOME)
        put_line_keys(out, removal.keys)
    if removal.dots:
        put_long(out, len(removal.dots))
        for name in removal.dots:
            put_text(out, name)
    out.append(ZERO)
    if removal.token is None:
        out.append(NULL)
    else:
        out.append(SOME)
        put_bytes(out, removal.token)
    put_optional_text(out, removal.order_id)


def _put_absorbed(out: BytesWriter, marker: Absorbed) -> None:
    put_text(out, marker.id)
    put_long(out, marker.occurred_at)
    put_text(out, marker.subject)
    put_text(out, marker.mode)
    put_text(out, marker.into)
    put_long(out, marker.since)


def cart_position(partition: int, topic: int, offset: int) -> Position:
    return partition, topic, offset


def cart_absorbed(
    id: str,  # noqa: A002 - as the schema has it
    occurred_at: int,
    subject: str,
    mode: str,
    into: str,
    since: int,
) -> Absorbed:
    return Absorbed(id, occurred_at, subject, cast("MergeMode", mode), into, since)


def cart_dot(
    event_id: str,
    channel: str,
    source: str,
    quantity: int,
    occurred_at: int,
    appended_at: int,
    positions: tuple[Position, ...],
    unit_price: Money | None,
    name: str | None,
    origin: str,
    event_uuid: bytes | None,
) -> Dot:
    return Dot(
        event_id if event_uuid is None else unpacked(event_uuid),
        channel,
        source,
        quantity,
        occurred_at,
        appended_at,
        positions,
        unit_price,
        name,
        origin,
    )


def cart_line(
    sku: str,
    options_hash: str,
    fulfilment: str,
    store: str,
    dots: tuple[Dot, ...],
    sets: tuple[Dot, ...],
) -> Line:
    key = line_key(sku, options_hash, fulfilment, store)
    return only_dot(key, dots[0]) if len(dots) == 1 and not sets else assemble(key, dots, sets)


def cart_entry(
    version: int,
    number: int,
    currency: str | None,
    lines: tuple[Line, ...],
    pending: tuple[PendingRemoval, ...],
    absorbed: tuple[Absorbed, ...],
    last_now: int,
) -> Entry:
    by_key = {line.key: line for line in lines}
    return Entry(Cart(number, currency, by_key, pending, absorbed, last_now), version)
