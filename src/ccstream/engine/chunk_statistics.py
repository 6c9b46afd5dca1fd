"""What a chunk did, in numbers, on its way from the fold to the metrics."""

from __future__ import annotations

from collections import Counter, defaultdict

from ccstream.domain.events import Event

__all__ = ["ChunkStatistics"]


class ChunkStatistics:
    """What one chunk did, counted as plainly as possible; turned into metrics at its end.

    ``times`` are the event times of what was applied, by channel and type of event.
    """

    __slots__ = ("consumed", "mail", "misrouted", "outcomes", "rejected", "times")

    def __init__(self, topics: int) -> None:
        self.consumed = [0] * topics
        self.outcomes: Counter[tuple[str, ...]] = Counter()
        self.rejected: Counter[tuple[str, ...]] = Counter()
        self.misrouted: Counter[tuple[str, ...]] = Counter()
        self.mail: Counter[tuple[str, ...]] = Counter()
        self.times: defaultdict[tuple[str, type[Event]], list[int]] = defaultdict(list)
