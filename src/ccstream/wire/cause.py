"""The event that a sync event is published for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

from mypy_extensions import mypyc_attr

from ccstream.wire.primitives import BytesWriter, put_long, put_text

__all__ = ["Cause"]


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Cause:
    """The record ``Cause`` of the sync events; one is made for each event folded."""

    event_id: Final[str]
    event_type: Final[str]
    channel: Final[str]
    source: Final[str]
    occurred_at: Final[int]
    appended_at: Final[int]
    outcome: Final[str]
    _encoded: bytes = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        event_id: str,
        event_type: str,
        channel: str,
        source: str,
        occurred_at: int,
        appended_at: int,
        outcome: str,
    ) -> None:
        self.event_id = event_id
        self.event_type = event_type
        self.channel = channel
        self.source = source
        self.occurred_at = occurred_at
        self.appended_at = appended_at
        self.outcome = outcome
        self._encoded = b""

    def encoded(self) -> bytes:
        """The encoded record, made once, though several rows are published for the event."""
        if not self._encoded:
            out = BytesWriter()
            put_text(out, self.event_id)
            put_text(out, self.event_type)
            put_text(out, self.channel)
            put_text(out, self.source)
            put_long(out, self.occurred_at)
            put_long(out, self.appended_at)
            put_text(out, self.outcome)
            self._encoded = out.getvalue()
        return self._encoded
