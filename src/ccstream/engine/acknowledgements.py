"""When the broker has acknowledged what a chunk put out: where sync latency ends.

The sync events of a chunk and a table count together, to the last acknowledgement among them. Of
those that leave together, one a partition is asked after, its last: a broker takes the records of
a partition in their order, and what is asked after costs a call in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

__all__ = ["Acknowledgements", "Awaited", "Latencies", "Told"]

Told = Callable[[object, object], None]
"""librdkafka's report of a record: what is wrong, if anything, and the record."""

Latencies = list[tuple[str, list[int]]]
"""By channel, in milliseconds."""


@final
class Awaited:
    """The sync events of one chunk and one table.

    All are in one producer, which one thread has at a time: the engine's while it folds, the
    committer's from the end of the chunk on.
    """

    def __init__(self, acknowledgements: Acknowledgements, table: str) -> None:
        self._acknowledgements = acknowledgements
        self.table = table
        self.asked = 0
        """Records asked after and not acknowledged."""
        self.gathered: dict[int, int] = {}
        """By partition, where the last of those stands that wait to leave together."""
        self._lost = False
        self._ended = False
        self._at = 0
        self._times: dict[str, list[int]] = {}

    def acknowledged(self, error: object, _record: object) -> None:
        """A record that was asked after is acknowledged, or never will be."""
        self.asked -= 1
        self._lost = self._lost or error is not None
        self._at = self._acknowledgements.now_ms()
        if self._ended:
            self._settle()

    def caused_by(self, channel: str, times: list[int]) -> None:
        """Events of ``channel``, by when they occurred, are among what was put out."""
        self._times.setdefault(channel, []).extend(times)

    def end(self) -> None:
        """The chunk has ended: it puts out nothing more."""
        self._ended = True
        self._settle()

    def _settle(self) -> None:
        if self.asked or self.gathered:
            return
        self._acknowledgements.settled(self)
        if not self._lost:
            self._acknowledgements.told(
                self.table,
                [
                    (channel, [self._at - time for time in times])
                    for channel, times in self._times.items()
                ],
            )


@final
class Acknowledgements:
    """What is not acknowledged yet.

    Args:
        now_ms: the time, by which events' own times are judged.
        told: is told the latencies of a table, in whichever thread serves the producer.
    """

    def __init__(self, now_ms: Callable[[], int], told: Callable[[str, Latencies], None]) -> None:
        self.now_ms = now_ms
        self.told = told
        self.chunk: dict[str, Awaited] = {}
        """What the present chunk has put out, by table."""
        self._open: set[Awaited] = set()

    def begin(self, table: str) -> Awaited:
        """The present chunk puts out its first of a table."""
        awaited = self.chunk[table] = Awaited(self, table)
        return awaited

    def end_chunk(self) -> dict[str, Awaited]:
        """What the chunk has put out, by table; another begins.

        Whoever takes it tells each by which events it was caused, and that the chunk has ended.
        """
        chunk, self.chunk = self.chunk, {}
        self._open.update(chunk.values())
        return chunk

    def settled(self, awaited: Awaited) -> None:
        """Nothing of it is waited for any more."""
        self._open.discard(awaited)

    @property
    def waits(self) -> bool:
        """Whether a chunk that has ended has put out what is not acknowledged."""
        return bool(self._open)
