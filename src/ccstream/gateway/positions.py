"""Positions of events as clients carry them: signed, and meant for no eyes.

A query that sends one along is answered from a state that includes the event.
"""

from __future__ import annotations

from ccstream.client.position import Position
from ccstream.gateway.signing import Signer

__all__ = ["position_of", "position_text"]

PURPOSE = "position"


def position_text(signer: Signer, position: Position) -> str:
    """A position as text that can stand in a header or URL."""
    payload = f"{position.topic} {position.partition} {position.offset}"
    return signer.sign(PURPOSE, payload.encode())


def position_of(signer: Signer, text: str) -> Position | None:
    """The position in a text; None if no gateway with this key made it."""
    payload = signer.verify(PURPOSE, text)
    if payload is None:
        return None
    topic, partition, offset = payload.decode().split(" ")
    return Position(topic, int(partition), int(offset))
