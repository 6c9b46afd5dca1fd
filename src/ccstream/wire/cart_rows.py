"""The rows of the table ``carts``.

A row holds, of each line, its key and live dots; what is computed from them is computed when
the row is read, so it costs nothing in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ccstream.domain.cart_state import (
    Absorbed,
    Cart,
    Dot,
    Line,
    LineKey,
    PendingRemoval,
    Position,
)
from ccstream.domain.events import Money
from ccstream.domain.lines import assemble, only_dot
from ccstream.wire.cart_sync import CartMemo, encode_line_key, encode_price
from ccstream.wire.entry import Entry, RowReader
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.primitives import (
    EMPTY_ARRAY,
    NULL,
    encode_array,
    encode_bytes,
    encode_long,
    encode_optional_word,
    encode_text,
    encode_word,
)
from ccstream.wire.reader import compile_reader
from ccstream.wire.schemas import SchemaInfo
from ccstream.wire.spliced import Spliced

__all__ = ["CartRows"]

_MANY_DOTS = 3
"""A line of fewer is encoded anew when it changes, which costs less than remembering them."""

_NOTHING_WAITS = EMPTY_ARRAY * 3
"""The end of the array of lines; no pending removal, no merge."""


class CartRows:
    """See `RowCodec`.

    Args:
        info: the schema CartRow.
    """

    def __init__(self, info: SchemaInfo) -> None:
        self._prefix = single_object_prefix(info)
        self.decode_row = RowReader(info, compile_reader(info.parsed, _CLASSES))

    def encode_row(self, entry: Entry) -> bytes:
        """See `RowCodec.encode_row`."""
        cart: Cart = entry.state
        parts = [
            self._prefix,
            encode_long(entry.version),
            encode_long(cart.number),
            encode_optional_word(cart.currency),
        ]
        lines = cart.lines
        if lines:
            memo = CartMemo.of(entry)
            parts.append(encode_long(len(lines)))
            parts += memo.kept.splice(lines.values(), partial(_encode_line, memo.dots))
            if len(memo.dots) > len(lines):
                memo.dots = {key: memo.dots[key] for key in lines if key in memo.dots}
        if cart.pending or cart.absorbed:
            parts.append(EMPTY_ARRAY)
            parts.append(encode_array([_encode_pending(removal) for removal in cart.pending]))
            parts.append(encode_array([_encode_absorbed(marker) for marker in cart.absorbed]))
        else:
            parts.append(_NOTHING_WAITS)
        parts.append(encode_long(cart.last_now))
        return b"".join(parts)


def _encode_line(known: dict[LineKey, Spliced[Dot]], line: Line) -> bytes:
    dots = line.dots
    if len(dots) < _MANY_DOTS:
        encoded = [_encode_dot(dot) for dot in dots]
    else:
        encoded = known.setdefault(line.key, Spliced()).splice(dots, _encode_dot)
    return (
        encode_line_key(line.key)
        + encode_array(encoded)
        + (encode_array([_encode_dot(dot) for dot in line.sets]) if line.sets else EMPTY_ARRAY)
    )


def _encode_dot(dot: Dot) -> bytes:
    return b"".join(
        (
            encode_text(dot.event_id),
            encode_word(dot.channel),
            encode_word(dot.source),
            encode_long(dot.quantity),
            encode_long(dot.occurred_at),
            encode_long(dot.appended_at),
            _encode_positions(dot.positions),
            encode_price(dot.unit_price),
            encode_optional_word(dot.name),
            encode_word(dot.origin),
        )
    )


def _encode_positions(positions: tuple[Position, ...]) -> bytes:
    if len(positions) == 1:
        partition, topic, offset = positions[0]
        return (
            b"\x02"
            + encode_long(partition)
            + encode_long(topic)
            + encode_long(offset)
            + EMPTY_ARRAY
        )
    numbers = (encode_long(number) for position in positions for number in position)
    count = encode_long(len(positions)) if positions else b""
    return count + b"".join(numbers) + EMPTY_ARRAY


def _encode_pending(removal: PendingRemoval) -> bytes:
    keys, token, order_id = removal.keys, removal.token, removal.order_id
    return b"".join(
        (
            encode_text(removal.event_id),
            encode_long(removal.appended_at),
            NULL if keys is None else b"\x02" + encode_array([encode_line_key(k) for k in keys]),
            encode_array([encode_text(dot) for dot in removal.dots]),
            NULL if token is None else b"\x02" + encode_bytes(token),
            NULL if order_id is None else b"\x02" + encode_text(order_id),
        )
    )


def _encode_absorbed(marker: Absorbed) -> bytes:
    return (
        encode_text(marker.id)
        + encode_long(marker.occurred_at)
        + encode_text(marker.subject)
        + encode_word(marker.mode)
        + encode_text(marker.into)
    )


def _position(partition: int, topic: int, offset: int) -> Position:
    return partition, topic, offset


def _line(
    sku: str,
    options_hash: str,
    fulfilment: str,
    store: str,
    dots: tuple[Dot, ...],
    sets: tuple[Dot, ...],
) -> Line:
    key = LineKey(sku, options_hash, fulfilment, store)
    return only_dot(key, dots[0]) if len(dots) == 1 and not sets else assemble(key, dots, sets)


def _entry(
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


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "ccstream.common.v1.Money": Money,
    "ccstream.cart.v1.CartLineKey": LineKey,
    "ccstream.state.v1.CartPosition": _position,
    "ccstream.state.v1.CartDot": Dot,
    "ccstream.state.v1.CartRowLine": _line,
    "ccstream.state.v1.CartPendingRemoval": PendingRemoval,
    "ccstream.state.v1.CartAbsorbed": Absorbed,
    "ccstream.state.v1.CartRow": _entry,
}
