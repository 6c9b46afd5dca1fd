"""Rejected events in the log: which, why and of which trace.

So a line leads to the dead letter and to the spans. Nothing of the event itself is told, nor an id
that its channel may have made of a customer's key: only a UUID. Topic, partition and offset name
the record anyway. Whoever floods a topic with what nobody can read does not flood the log. Rows
that a retry asks for and does not get are told likewise, and leave the others their room.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final, final

import structlog

from ccstream.domain.events import Event
from ccstream.engine.source import Source
from ccstream.wire.trace import trace_id_of

__all__ = ["RejectionLog"]

_LINES_MAX: Final = 20
"""Lines of one kind within `_SECONDS`: enough to see what is wrong, and at 50 µs each nothing of a
core."""

_SECONDS: Final = 10.0

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

log = structlog.get_logger(__name__)


class RejectionLog:
    """Tells of the first of each kind in each stretch of time, and how many more there were."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rejected = _Room(monotonic)
        self._not_sent = _Room(monotonic)

    def tell(self, source: Source, reason: str, event: Event | None) -> None:
        """One event was rejected; None if it could not be read."""
        if not self._rejected.has_one_more():
            return
        about: dict[str, object] = {}
        if event is not None:
            about["type"] = type(event).__name__
            if _UUID.fullmatch(event.event_id):
                about["event_id"] = event.event_id
        about |= self._rejected.take_untold()
        log.warning("event rejected", reason=reason, **_origin(source), **about)

    def tell_not_sent(self, source: Source, table: str, why: str) -> None:
        """A retry asked for a row of this event, and nothing came of it; ``table`` is empty where
        it asked for rows of any.
        """
        if not self._not_sent.has_one_more():
            return
        about = _origin(source) | self._not_sent.take_untold()
        if table:
            about["table"] = table
        log.info("row asked for again is not sent", why=why, **about)


@final
class _Room:
    """For lines of one kind. What is below the log's level takes none of another kind's."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun = float("-inf")
        self._lines = 0
        self._untold = 0

    def has_one_more(self) -> bool:
        """Whether there is room for a line, which then is taken; what finds none is counted."""
        now = self._monotonic()
        if now - self._begun >= _SECONDS:
            self._begun, self._lines = now, 0
        if self._lines >= _LINES_MAX:
            self._untold += 1
            return False
        self._lines += 1
        return True

    def take_untold(self) -> dict[str, object]:
        """How many found no room since this was asked for the last time, as a line has it."""
        untold, self._untold = self._untold, 0
        return {"not_told_before": untold} if untold else {}


def _origin(source: Source) -> dict[str, object]:
    about: dict[str, object] = {
        "topic": source.topic,
        "partition": source.partition,
        "offset": source.offset,
    }
    trace_id = trace_id_of(source.trace)
    if trace_id is not None:
        about["trace_id"] = trace_id
    return about
