"""Which records were folded for good, in which order: told by the broker and its consumers.

Each consumer's records of a partition are known in the order in which it got them, and which
offsets of the group became facts, in which order, and by whom. From the two follows, for each
partition, the one sequence of records whose consequences must be what is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.simulation.broker import FakeBroker, LogRecord
from tests.simulation.fakes import FakeConsumer

__all__ = ["Lineage", "LineageError"]

At = tuple[str, int]


class LineageError(Exception):
    """Offsets that no worker can have come to by folding what it got."""


class _Reading:
    """What a worker's consumers got of one partition number since it was assigned."""

    def __init__(self, start: dict[str, int]) -> None:
        self.start = start
        self.records: list[LogRecord] = []
        self.done = 0


class Lineage:
    """Watches consumers; see the module."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._readings: dict[str, dict[int, list[_Reading]]] = {}

    def follow(self, owner: str, *consumers: FakeConsumer) -> None:
        """Watch these consumers, of which the first is given all that is assigned; ``owner`` is
        the name that its transactions go by.
        """
        readings: dict[int, list[_Reading]] = defaultdict(list)
        self._readings[owner] = readings

        def assigned(positions: dict[At, int]) -> None:
            starts: dict[int, dict[str, int]] = defaultdict(dict)
            for (topic, number), offset in positions.items():
                starts[number][topic] = offset
            for number, start in starts.items():
                readings[number].append(_Reading(start))

        def handed(record: LogRecord) -> None:
            readings[record.partition()][-1].records.append(record)

        consumers[0].assigned = assigned
        for consumer in consumers:
            consumer.handed = handed

    def of(self, numbers: Iterable[int]) -> dict[int, list[LogRecord]]:
        """The records folded for good, in order, by partition number.

        Raises:
            LineageError: the committed offsets cannot be explained.
        """
        folded: dict[int, list[LogRecord]] = {number: [] for number in numbers}
        reached: dict[int, dict[str, int]] = {number: {} for number in folded}
        for owner, offsets in self._broker.group.journal:
            by_number: dict[int, dict[str, int]] = defaultdict(dict)
            for (topic, number), offset in offsets.items():
                by_number[number][topic] = offset
            for number, marks in by_number.items():
                target = {**reached[number], **marks}
                if target != reached[number]:
                    known = self._readings[owner][number]
                    folded[number] += _advance(owner, number, known, reached[number], target)
                    reached[number] = target
        return folded


def _advance(
    owner: str,
    number: int,
    readings: list[_Reading],
    reached: dict[str, int],
    target: dict[str, int],
) -> list[LogRecord]:
    """The records between two positions, as this owner got them."""
    if all(offset == 0 for offset in target.values()) and not reached:
        return []
    for reading in readings:
        position = dict(reading.start)
        for record in reading.records[: reading.done]:
            position[record.topic()] = record.offset() + 1
        if any(position[topic] != offset for topic, offset in reached.items()):
            continue
        for index in range(reading.done, len(reading.records)):
            record = reading.records[index]
            position[record.topic()] = record.offset() + 1
            if position == {**reading.start, **target}:
                begun, reading.done = reading.done, index + 1
                return reading.records[begun : index + 1]
    raise LineageError(
        f"{owner} committed {target} of partition {number} after {reached}, "
        "which is not what it had folded"
    )
