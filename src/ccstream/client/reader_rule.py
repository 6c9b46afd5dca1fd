"""The reader rule: whose word counts when two workers wrote to one partition.

Whoever owns a partition raises its epoch before the first output and writes the epoch
into the ``ccstream-epoch`` header of each. Per topic and partition a reader drops records
of a lower epoch than the highest it has seen; within one epoch the order of the log is
right. So whatever a worker that had already lost the partition still wrote is not shown
after its successor has spoken, and the successor's next word supersedes what was shown
before.
"""

from __future__ import annotations

__all__ = ["ReaderRule"]


class ReaderRule:
    """The highest epoch seen in each partition, and whether the next record counts."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, int], int] = {}

    def accepts(self, topic: str, partition: int, epoch: int) -> bool:
        """Whether a record of this epoch counts; remembers the epoch if it is the highest."""
        at = (topic, partition)
        highest = self._highest.get(at, 0)
        if epoch < highest:
            return False
        if epoch > highest:
            self._highest[at] = epoch
        return True

    def highest(self, topic: str, partition: int) -> int:
        """The highest epoch seen there, 0 if none was."""
        return self._highest.get((topic, partition), 0)

    def forget(self, topic: str, partition: int) -> None:
        """Begin anew, for a topic that was deleted and made again: its epochs may too."""
        self._highest.pop((topic, partition), None)
