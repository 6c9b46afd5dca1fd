"""Signals as they are published: what a timer brought to light, with its id and its subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ccstream.domain.cart_state import Line
from ccstream.domain.events import Money
from ccstream.domain.signals import CartAbandoned
from ccstream.wire.catalogue import SIGNAL_TYPES
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.schemas import SchemaInfo, schema
from ccstream.wire.writer import Writer, compile_writer

__all__ = ["SIGNAL_ENCODER", "SignalEncoder", "signal_encoder"]

SignalEncoder = Callable[[Any, str, int, str, int], bytes]
"""``encode(signal, subject, version, event_id, occurred_at)``: the framed record."""


class _Line(Struct):
    sku: str
    options_hash: str
    fulfilment: str
    store: str
    quantity: int
    unit_price: Money | None
    name: str | None
    added_at: int
    changed_at: int
    channel: str


class _CartAbandoned(Struct):
    subject: str
    version: int
    event_id: str
    occurred_at: int
    cart_number: int
    idle_since: int
    currency: str | None
    lines: tuple[_Line, ...]


def signal_encoder(prefix_of: Callable[[SchemaInfo], bytes]) -> SignalEncoder:
    """What encodes signals, in a framing of one's choice.

    Args:
        prefix_of: the bytes in front of a schema's records, such as `Codec.prefix`.
    """
    writers: dict[type, Writer] = {}

    def encode(signal: Any, subject: str, version: int, event_id: str, occurred_at: int) -> bytes:
        kind = type(signal)
        write = writers.get(kind)
        if write is None:  # asked for late, since that reads the schema, or asks the registry
            info = schema(SIGNAL_TYPES[kind])
            write = writers[kind] = compile_writer(info.parsed, prefix_of(info))
        return write(_RECORDS[kind](signal, subject, version, event_id, occurred_at))

    return encode


def _cart_abandoned(
    signal: CartAbandoned, subject: str, version: int, event_id: str, occurred_at: int
) -> _CartAbandoned:
    return _CartAbandoned(
        subject,
        version,
        event_id,
        occurred_at,
        signal.cart_number,
        signal.idle_since,
        signal.currency,
        tuple(map(_line, signal.lines)),
    )


def _line(line: Line) -> _Line:
    return _Line(
        *line.key,
        line.quantity,
        line.unit_price,
        line.name,
        line.added_at,
        line.changed_at,
        line.channel,
    )


_RECORDS: Final[Mapping[type, Callable[..., Struct]]] = {CartAbandoned: _cart_abandoned}

SIGNAL_ENCODER: Final = signal_encoder(single_object_prefix)
"""In single-object encoding."""
