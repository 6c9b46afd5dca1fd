"""A town whose workers die: what a partition has not committed is undone, and folded again.

A letter is read by others when its sender has committed, as in a transaction. A crash loses the
rows since the last commit and the letters that were sent meanwhile; the records since then come
again, those of each topic in order, the topics in any.
"""

from __future__ import annotations

import random
from collections import Counter, deque

from tests.engine.test_linking import ALL_LETTERS, MAIL, RULES, Town
from tests.engine.world import INPUTS, World
from tests.simulation.broker import LogRecord

__all__ = ["CrashingTown"]

COMMITS = 0.1
"""How likely one is for every partition before a letter is read."""


class CrashingWorld(World):
    """A partition number, and what of it would outlive its worker."""

    def __init__(self, number: int) -> None:
        super().__init__(identifiers=RULES, number=number)
        self.committed = 0
        """So many outputs are facts."""
        self._rows: dict[tuple[str, str], bytes] = {}
        self._folded = list(self.partition.folded)
        self._since: list[list[LogRecord]] = [[] for _ in INPUTS]

    @property
    def is_committed(self) -> bool:
        return not any(self._since)

    def take(self, topic: int, record: LogRecord) -> None:
        self._since[topic].append(record)
        super().take(topic, record)

    def commit(self) -> None:
        for table, key, value in self.partition.drain():
            if value is None:
                self._rows.pop((table, key), None)
            else:
                self._rows[table, key] = value
        self._folded = list(self.partition.folded)
        self._since = [[] for _ in INPUTS]
        self.committed = len(self.delivery.sent)

    def crash(self, dice: random.Random) -> int:
        """How many records had to be folded again."""
        successor = World(identifiers=RULES, number=self.partition.number)
        successor.partition.begin_epoch(self.partition.epoch + 1)
        for (table, key), value in self._rows.items():
            successor.partition.tables[table].restore(key, value)
        successor.partition.index_rows()
        successor.partition.folded[:] = self._folded
        del self.delivery.sent[self.committed :]
        successor.delivery.sent = self.delivery.sent
        self.delivery, self.folder = successor.delivery, successor.folder
        self.partition = successor.partition
        again = [topic for topic, records in enumerate(self._since) for _ in records]
        dice.shuffle(again)
        records = [deque(some) for some in self._since]
        self._since = [[] for _ in INPUTS]
        for topic in again:
            self.take(topic, records[topic].popleft())
        return len(again)


class CrashingTown(Town):
    """All partitions, of which each crashes with the chance ``crashes`` before a letter is read.

    ``met`` counts crashes, and the records that were folded again.
    """

    worlds: list[CrashingWorld]  # type: ignore[assignment]

    def __init__(self, seed: int, crashes: float) -> None:
        super().__init__(seed)
        self._crashes = crashes
        self.met: Counter[str] = Counter()

    def _world(self, number: int) -> World:
        return CrashingWorld(number)

    def deliver(self, letters: int = ALL_LETTERS) -> None:
        super().deliver(letters)
        while letters == ALL_LETTERS and not all(world.is_committed for world in self.worlds):
            for world in self.worlds:
                world.commit()
            super().deliver(letters)

    def _collect(self) -> None:
        for number, world in enumerate(self.worlds):
            if self._dice.random() < self._crashes:
                self.met["crashes"] += 1
                self.met["folded again"] += world.crash(self._dice)
            if self._dice.random() < COMMITS:
                world.commit()
            for one in world.delivery.sent[self._read[number] : world.committed]:
                if one.topic == INPUTS[MAIL]:
                    self._mail.setdefault((number, one.partition), deque()).append(one)
            self._read[number] = world.committed
