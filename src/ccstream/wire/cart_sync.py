"""CartSynced, spliced from encoded lines.

This is the record that costs most, so it is written by hand: the lines that an event did not
touch are the objects that they were, and so are their bytes. The tests hold it to the
schema, byte by byte.
"""

from __future__ import annotations

from functools import lru_cache

from ccstream.domain.cart_state import Cart, CartDelta, Conflict, Dot, Line, LineKey
from ccstream.domain.events import Money
from ccstream.domain.merge import lines_view
from ccstream.wire.cause import Cause
from ccstream.wire.entry import Entry
from ccstream.wire.primitives import (
    EMPTY_ARRAY,
    NULL,
    WORDS_MAX,
    encode_array,
    encode_bytes,
    encode_long,
    encode_optional_word,
    encode_text,
    encode_word,
)
from ccstream.wire.spliced import Spliced

__all__ = ["CartMemo", "CartSync", "encode_line_key", "encode_price"]

_NO_CHANGES = EMPTY_ARRAY * 4 + NULL
"""The end of the array of lines; nothing upserted, removed or in conflict, and no order."""


class CartMemo:
    """Encoded lines, as CartSynced shows them and as the row keeps them, and many dots.

    ``shown`` are the lines published with ``version``, in their order; a publication that
    builds on that version puts its delta onto them and looks at no other line.
    """

    __slots__ = ("dots", "kept", "shown", "version")

    def __init__(self) -> None:
        self.shown: dict[LineKey, bytes] = {}
        self.version = 0
        self.kept: Spliced[Line] = Spliced()
        self.dots: dict[LineKey, Spliced[Dot]] = {}

    @classmethod
    def of(cls, entry: Entry) -> CartMemo:
        """The entry's memo, made if it has none."""
        memo = entry.memo
        if memo is None:
            memo = entry.memo = cls()
        assert isinstance(memo, cls)
        return memo

    def show(
        self, cart: Cart, delta: CartDelta | None, base_version: int, version: int
    ) -> dict[LineKey, bytes]:
        """The encoded lines that ``cart``, published as ``version``, shows, by key."""
        if self.version != base_version or not base_version or not self._follow(cart, delta):
            self.shown = {line.key: _encode_line(line) for line in lines_view(cart)}
        # What a merge shows is a view over all lines, so the next publication looks anew.
        self.version = 0 if cart.absorbed else version
        return self.shown

    def _follow(self, cart: Cart, delta: CartDelta | None) -> bool:
        """Put the delta onto what was shown; False where that would not give their order."""
        if cart.absorbed:
            return False
        if delta is None:
            return True
        shown = self.shown
        for key in delta.removed:
            shown.pop(key, None)
        for line in delta.upserted:
            key = line.key
            if key not in shown and key != next(reversed(cart.lines), None):
                return False  # a hidden line that shows again stands in its old place
            shown[key] = _encode_line(line)
        return True


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
        shown = CartMemo.of(entry).show(cart, delta, base_version, entry.version)
        parts = [
            self._prefix,
            encode_text(subject),
            encode_long(entry.version),
            encode_long(base_version),
            encode_long(cart.number),
            cause.encoded(),
            encode_optional_word(cart.currency),
        ]
        if shown:
            parts.append(encode_long(len(shown)))
            parts += shown.values()
        if delta is None:
            parts.append(_NO_CHANGES)
        else:
            # Of a merge, a line may be shown with another quantity than it has.
            parts += _changes(delta, {} if cart.absorbed else shown)
        parts.append(encode_bytes(observed))
        return b"".join(parts)


def _changes(delta: CartDelta, shown: dict[LineKey, bytes]) -> tuple[bytes, ...]:
    """The end of the array of lines, and all fields of the delta."""
    upserted = [shown.get(line.key) or _encode_line(line) for line in delta.upserted]
    return (
        EMPTY_ARRAY,
        encode_array(upserted),
        encode_array([encode_line_key(key) for key in delta.removed])
        if delta.removed
        else EMPTY_ARRAY,
        encode_array([_encode_conflict(one) for one in delta.conflicts])
        if delta.conflicts
        else EMPTY_ARRAY,
        NULL if delta.closed_order is None else b"\x02" + encode_text(delta.closed_order),
    )


@lru_cache(maxsize=WORDS_MAX)
def encode_line_key(key: LineKey) -> bytes:
    """The record ``CartLineKey``, which lines begin with, too."""
    sku, options_hash, fulfilment, store = key
    return (
        encode_word(sku) + encode_word(options_hash) + encode_word(fulfilment) + encode_word(store)
    )


@lru_cache(maxsize=WORDS_MAX)
def encode_price(price: Money | None) -> bytes:
    """A union of null and Money."""
    if price is None:
        return NULL
    return b"\x02" + encode_long(price.amount_minor) + encode_word(price.currency)


def _encode_line(line: Line) -> bytes:
    return b"".join(
        (
            encode_line_key(line.key),
            encode_long(line.quantity),
            encode_price(line.unit_price),
            encode_optional_word(line.name),
            encode_long(line.added_at),
            encode_long(line.changed_at),
            encode_word(line.channel),
        )
    )


def _encode_conflict(conflict: Conflict) -> bytes:
    return (
        encode_line_key(conflict.key)
        + _encode_setting(conflict.winner)
        + _encode_setting(conflict.loser)
    )


def _encode_setting(dot: Dot) -> bytes:
    return (
        encode_text(dot.event_id)
        + encode_word(dot.channel)
        + encode_word(dot.source)
        + encode_long(dot.quantity)
        + encode_long(dot.occurred_at)
    )
