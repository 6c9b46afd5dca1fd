"""What a chunk did, in numbers, on its way from the fold to the metrics."""

from __future__ import annotations

from typing import Final, final

from ccstream.domain.events import Event
from ccstream.engine.acknowledgements import Awaited

__all__ = ["UNKNOWN", "ChunkStatistics", "Counts", "count"]

UNKNOWN: Final = "unknown"
"""The channel and the type of what could not be read."""

Counts = dict[tuple[str, ...], int]
"""By the values of a metric's labels."""


@final
class ChunkStatistics:
    """What one chunk did, counted as plainly as possible; turned into metrics at its end.

    ``times`` are the event times of what was applied, by channel and type of event;
    ``receipts_after`` how many ms after the request each receipt was made; ``awaited`` what was put
    out of each table and is on its way to the broker.
    """

    def __init__(self, topics: int) -> None:
        self.consumed = [0] * topics
        self.outcomes: Counts = {}
        self.rejected: Counts = {}
        self.misrouted: Counts = {}
        self.mail: Counts = {}
        self.timers: Counts = {}
        self.links: Counts = {}
        self.erasures: Counts = {}
        self.receipts_after: list[int] = []
        self.times: dict[tuple[str, type[Event]], list[int]] = {}
        self.awaited: dict[str, Awaited] = {}

    def applied(self, channel: str, kind: type[Event], occurred_at: int) -> None:
        """An event of ``channel`` had its effect."""
        key = (channel, kind)
        times = self.times.get(key)
        if times is None:
            times = self.times[key] = []
        times.append(occurred_at)

    def ended(self, event: Event, outcome: str) -> None:
        """An event came to its ``outcome``."""
        count(self.outcomes, event.channel, type(event).__name__, outcome)

    def unreadable(self) -> None:
        """What could not be read is of no channel and no type, and rejected."""
        count(self.outcomes, UNKNOWN, UNKNOWN, "rejected")


def count(counts: Counts, *labels: str) -> None:
    """One more for these labels."""
    counts[labels] = counts.get(labels, 0) + 1
