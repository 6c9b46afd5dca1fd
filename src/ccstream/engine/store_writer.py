"""Writes to the local stores what commits have made facts, and nothing before.

Rows that were drained for a commit wait in their tables until it has ended. There is one commit at
a time, so that what waits is exactly what it held. With rows in memory there is nothing to do here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ccstream.engine.clock import Clock
from ccstream.engine.cluster import TopicPartitionKey
from ccstream.engine.partition import Partition

__all__ = ["StoreWriter"]

_CURRENT_INTERVAL: Final = 60.0
"""Seconds between notes that an owner's store is current though nothing is written: it is
compared with half of what deletions stay for, days."""


class StoreWriter:
    """What the chunk loop tells when it commits.

    Args:
        inputs: input topics at the index of their topic number.
    """

    def __init__(self, inputs: tuple[str, ...], clock: Clock) -> None:
        self._inputs = inputs
        self._clock = clock
        self._partitions: Mapping[int, Partition] = {}
        self._begun: dict[int, list[int]] | None = None
        self._appended: dict[TopicPartitionKey, int] = {}
        self._noted_at = 0.0

    def begin(self, partitions: Mapping[int, Partition]) -> None:
        """Write for these from now on."""
        stored = {n: p for n, p in partitions.items() if p.store is not None}
        self._partitions = stored
        self._begun = None
        self._noted_at = self._clock.monotonic()

    def commit(self, folded: Mapping[int, list[int]]) -> dict[TopicPartitionKey, int] | None:
        """A commit begins, of partitions that have ``folded`` so far.

        Returns a place for where the rows come to lie in the changelogs, None if nobody asks.
        """
        if not self._partitions:
            return None
        self._begun = {n: list(at) for n, at in folded.items() if n in self._partitions}
        self._appended = {}
        return self._appended

    def committed(self) -> None:
        """The commit that was begun last is a fact.

        Raises:
            StoreError: the store cannot be written to.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            return
        now_ms = self._clock.now_ms()
        for number, folded in begun.items():
            partition = self._partitions[number]
            assert partition.store is not None
            positions = {t: at for (t, n), at in self._appended.items() if n == number}
            reached = {topic: at + 1 for topic, at in zip(self._inputs, folded, strict=True)}
            partition.store.write_committed(partition.tables, positions, reached, now_ms)

    def turn(self) -> None:
        """Now and then: what is held is current."""
        if self._partitions and self._clock.monotonic() - self._noted_at > _CURRENT_INTERVAL:
            self.note_current()

    def note_current(self) -> None:
        """What is held is current, as of now."""
        self._noted_at = self._clock.monotonic()
        for partition in self._partitions.values():
            if partition.store is not None:
                partition.store.write_current(self._clock.now_ms())
