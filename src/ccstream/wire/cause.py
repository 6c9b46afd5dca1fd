"""The event that a sync event is published for."""

from __future__ import annotations

from msgspec import Struct

from ccstream.wire.primitives import encode_long, encode_text, encode_word

__all__ = ["Cause"]


class Cause(Struct, eq=False, gc=False):
    """The record ``Cause`` of the sync events; one is made for each event folded.

    Its encoding is made once, though several rows are published for it. The first five
    fields are also those of the touch that the event is: see `head`.
    """

    event_id: str
    event_type: str
    channel: str
    source: str
    occurred_at: int
    appended_at: int
    outcome: str
    _head: bytes = b""
    _whole: bytes = b""

    def head(self) -> bytes:
        """The encoded fields from ``event_id`` to ``occurred_at``."""
        if not self._head:
            self._head = (
                encode_text(self.event_id)
                + encode_word(self.event_type)
                + encode_word(self.channel)
                + encode_word(self.source)
                + encode_long(self.occurred_at)
            )
        return self._head

    def encoded(self) -> bytes:
        """The encoded record."""
        if not self._whole:
            self._whole = self.head() + encode_long(self.appended_at) + encode_word(self.outcome)
        return self._whole
