"""Positions of events as clients carry them: signed, and meant for no eyes.

A query that sends one along is answered from a state that includes the event.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ccstream.client.position import Position
from ccstream.domain.events import Event, IdentifiersLinked, IdentifierUnlinked
from ccstream.gateway.signing import Signer
from ccstream.wire.query import Written

__all__ = ["position_of", "position_text"]

PURPOSE: Final = "position"

_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Written)


def position_text(signer: Signer, position: Position, event: Event) -> str:
    """The position of an event as text that can stand in a header or URL."""
    written = Written(
        position.topic,
        position.partition,
        position.offset,
        event.subject,
        f"{event.channel}/{event.source}",
        event.event_id,
        event.occurred_at,
        isinstance(event, IdentifiersLinked | IdentifierUnlinked),
    )
    return signer.sign(PURPOSE, _encode(written))


def position_of(signer: Signer, text: str) -> Written | None:
    """The event that a text is the position of; None if no gateway with this key made it."""
    payload = signer.verify(PURPOSE, text)
    if payload is None:
        return None
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None  # of another release
