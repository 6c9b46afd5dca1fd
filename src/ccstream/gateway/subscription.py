"""What waits to be sent to one client, bounded: who reads too slowly is let go.

The client comes back with its cursor, and gets what it missed, or a snapshot: that is less
than what would wait for it here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Literal

__all__ = ["Ending", "Subscription"]

Ending = Literal["hung_up", "slow", "stopping", "lost", "aged"]
"""Why a stream ended: the client left, did not keep up, the gateway stops, Kafka could not be
followed any more, or it was time to identify anew."""

MESSAGES_MAX: Final = 256
"""A customer has a few changes a second at most; so many are a client that stands still."""

BYTES_MAX: Final = 256 << 10
"""Waiting for one client. The largest single message, a snapshot, may be more."""

EVENTS_MAX: Final = 64
"""Of so many events it is known that a client was told of them. An event changes a few rows, which
come within some 20 ms, touches last, and what others do meanwhile comes in between."""


class Subscription:
    """One client's messages, put by the hub and taken by the client's own task.

    Args:
        key: what the client asked for.
        profile: where that leads to now.
        fingerprint: what stands for that in its cursors.
        tables: the numbers of the tables that it follows, in order.
        channel: that of the client, as far as it is known.
    """

    __slots__ = (
        "_bytes",
        "_events",
        "_messages",
        "_waiter",
        "channel",
        "ending",
        "fingerprint",
        "key",
        "profile",
        "tables",
    )

    def __init__(
        self, key: str, profile: str, fingerprint: str, tables: tuple[int, ...], channel: str
    ) -> None:
        self.key = key
        self.profile = profile
        self.fingerprint = fingerprint
        self.tables = tables
        self.channel = channel
        self.ending: Ending | None = None
        self._messages: deque[bytes] = deque()
        self._events: deque[str] = deque(maxlen=EVENTS_MAX)
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None

    def put(self, message: bytes) -> None:
        """Say something to the client, unless its stream has ended."""
        if self.ending is not None:
            return
        if self._messages and (
            len(self._messages) >= MESSAGES_MAX or self._bytes + len(message) > BYTES_MAX
        ):
            self._messages.clear()
            self._bytes = 0
            self.end("slow")
            return
        self._messages.append(message)
        self._bytes += len(message)
        self._wake()

    def meets(self, event: str) -> bool:
        """Whether it is the first that the client is told of this event."""
        if event in self._events:
            return False
        self._events.append(event)
        return True

    def end(self, why: Ending) -> None:
        """Nothing more will be said; the first reason counts."""
        if self.ending is None:
            self.ending = why
        self._wake()

    async def take(self, timeout_s: float) -> bytes | None:
        """All that waits, empty if nothing came in time; None when it is over."""
        if not self._messages and self.ending is None:
            # A time limit of asyncio's own costs as much as all the rest of a delivery, and what is
            # not there in time an exception; here running out of time is being woken for nothing.
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            alarm = loop.call_later(timeout_s, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                alarm.cancel()
        if not self._messages:
            return None if self.ending is not None else b""
        taken = b"".join(self._messages)
        self._messages.clear()
        self._bytes = 0
        return taken

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
