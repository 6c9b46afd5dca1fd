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

    ``times`` are the event times of what was folded into rows, by channel, type of event and
    outcome; of others it is counted that they came to one. ``receipts_after`` is how many ms after
    the request each receipt was made; ``awaited`` what was put out of each table and is on its way
    to the broker.
    """

    def __init__(self, topics: int) -> None:
        self.consumed = [0] * topics
        self.rejected: Counts = {}
        self.misrouted: Counts = {}
        self.mail: Counts = {}
        self.timers: Counts = {}
        self.links: Counts = {}
        self.erasures: Counts = {}
        self.receipts_after: list[int] = []
        self.times: dict[tuple[str, type[Event], str], list[int]] = {}
        self.awaited: dict[str, Awaited] = {}
        self._others: Counts = {}

    def taken_in(self, event: Event, outcome: str) -> None:
        """An event was folded into its rows, as nearly all are, with this ``outcome``."""
        key = (event.channel, type(event), outcome)
        times = self.times.get(key)
        if times is None:
            times = self.times[key] = []
        times.append(event.occurred_at)

    def counted(self, event: Event, outcome: str) -> None:
        """An event came to this ``outcome``, and its time is not kept: it was rejected, sent on or
        a duplicate, or asked for an erasure or a legal hold.
        """
        count(self._others, event.channel, type(event).__name__, outcome)

    def unreadable(self) -> None:
        """What could not be read is of no channel and no type, and rejected."""
        count(self._others, UNKNOWN, UNKNOWN, "rejected")

    def outcomes(self) -> Counts:
        """How many events came to which outcome, by channel, type and outcome."""
        outcomes = self._others.copy()
        for (channel, kind, outcome), times in self.times.items():
            labels = (channel, kind.__name__, outcome)
            outcomes[labels] = outcomes.get(labels, 0) + len(times)
        return outcomes


def count(counts: Counts, *labels: str) -> None:
    """One more for these labels."""
    counts[labels] = counts.get(labels, 0) + 1
