"""What the SDK fills in: event ids and times.

Ids are UUIDs of version 7 (RFC 9562, section 5.7): the first 48 bits are the millisecond
of ``occurred_at``, the next 12 count within it, the rest is random. Facts are ordered by
``(occurred_at, event_id)`` wherever two authors disagree, so two facts that one publisher
states within a millisecond keep the order in which it stated them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Stamps"]

COUNTER_MAX: Final = 0xFFF
"""Ids that one millisecond can order; the next one borrows the following millisecond."""

STEP_BACK_MS_MAX: Final = 1_000
"""A clock set back by less (NTP) is held still, so that order survives it. One that is
set back by more was wrong before, and holding on to the wrong time would be worse."""


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Stamps:
    """Hands out ``(event_id, occurred_at)``, in order; safe to share between threads."""

    def __init__(self, now_ms: Callable[[], int] = _wall_clock_ms) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._last_ms = 0
        self._counter = 0

    def next(self) -> tuple[str, int]:
        """The id and time of a fact that happened just now."""
        with self._lock:
            now_ms = self._now_ms()
            if self._last_ms - STEP_BACK_MS_MAX < now_ms <= self._last_ms:
                now_ms = self._last_ms
                self._counter += 1
                if self._counter > COUNTER_MAX:
                    now_ms += 1
                    self._counter = 0
            else:
                self._counter = 0
            self._last_ms = now_ms
            return _uuid7(now_ms, self._counter), now_ms

    def event_id(self, occurred_at: int) -> str:
        """An id for a fact whose time is already known, in no order within its millisecond."""
        return _uuid7(occurred_at, secrets.randbelow(COUNTER_MAX + 1))


def _uuid7(unix_ms: int, counter: int) -> str:
    number = (
        (unix_ms & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | counter << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
