"""The event that a CloudEvent states, where all of it is as it should be: read in one pass.

For what is not this says nothing, and `cloudevents` reads it again, slowly, to say what is wrong
with it; it alone decides what is wrong. A test holds both against each other.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, MsgspecError

from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError
from ccstream.gateway.envelopes import DATA, Envelope
from ccstream.wire.event_json import milliseconds

__all__ = ["SPECVERSION", "event_at_once"]

SPECVERSION: Final = "1.0"
"""Of CloudEvents."""

_UNSET: Final = UNSET
"""A name of this module: compiled, another's is looked up each time."""


def event_at_once(
    envelope: Envelope, channel: str, source: str, event_id: str | None, now_ms: int
) -> Event | None:
    """The event that a CloudEvent states, or None if it has to be looked at closely.

    Args:
        envelope: the CloudEvent.
        channel: of its source.
        source: of its source.
        event_id: its id, where it states none.
        now_ms: its time, where it states none.
    """
    found = DATA.get(envelope.type)
    if found is None or envelope.data_base64 is not _UNSET:
        return None
    if envelope.datacontenttype is not _UNSET and envelope.datacontenttype != "application/json":
        return None
    stated_id = event_id if envelope.id is _UNSET else envelope.id
    if stated_id is None:
        return None
    read, made = found
    try:
        data = read(envelope.data)
        occurred_at = now_ms if envelope.time is _UNSET else milliseconds(envelope.time)
        seen = data.observed
        observed = None if seen is None else bytes.fromhex(seen)
    except (MsgspecError, ValueError, InvalidEventError, RecursionError):
        return None
    if envelope.sessionid is not _UNSET and data.session_id is None:
        return None  # both may state it, and one of them wins: rare, and not worth a rule twice
    return made(data, stated_id, occurred_at, channel, source, envelope.subject, observed)
