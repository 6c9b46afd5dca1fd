"""One partition number as this worker holds it: rows, positions, epoch and versions.

All tables of a partition number live and move together. ``folded`` is the last offset folded
of each input topic, by topic number; together with the rows it is what a commit makes durable.
``sync_headers`` are those of the present epoch, by table, made by the outlet.
``store`` is where the tables' rows are kept in files, None where they are in memory only.
``timers`` is an index of the table ``timers``, made from its rows by :meth:`index_rows`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ccstream.domain.moment import Scope
from ccstream.engine.store import Table
from ccstream.engine.stores import PartitionStore
from ccstream.engine.timers import TIMERS, TimerIndex
from ccstream.engine.unfinished import Unfinished
from ccstream.errors import StateError
from ccstream.wire.headers import SyncHeaders

__all__ = ["EPOCH_MAX", "NOTHING_FOLDED", "Partition"]

NOTHING_FOLDED: Final = -1

EPOCH_MAX: Final = (1 << 21) - 1
"""An epoch is the high 21 bits of a version, so that versions stay exact in JavaScript."""

_ERASURES: Final = "erasures"

_COUNTER_MAX: Final = (1 << 32) - 1


class Partition:
    """State of one partition number, owned by the thread that folds."""

    __slots__ = (
        "_counter",
        "_version_base",
        "changed",
        "epoch",
        "folded",
        "number",
        "scope",
        "store",
        "sync_headers",
        "tables",
        "timers",
        "unfinished",
    )

    def __init__(
        self,
        scope: Scope,
        tables: dict[str, Table],
        folded: list[int],
        store: PartitionStore | None = None,
    ) -> None:
        self.scope = scope
        self.number = scope.partition
        self.tables = tables
        self.folded = folded
        self.store = store
        self.timers = TimerIndex()
        self.unfinished = Unfinished()
        self.sync_headers: dict[str, SyncHeaders] = {}
        self.changed = False
        self.epoch = 0
        self._version_base = 0
        self._counter = 0

    def index_rows(self) -> None:
        """Find the timers, and erasures without a receipt, in the rows as they are now."""
        if TIMERS in self.tables:  # an application of others may have none
            self.timers.rebuild(self.tables[TIMERS])
        if _ERASURES in self.tables:
            self.unfinished.rebuild(self.tables[_ERASURES])

    def begin_epoch(self, epoch: int) -> None:
        """Versions given out from here on are above all of earlier epochs.

        Raises:
            StateError: epochs do not rise, or have run out.
        """
        if not self.epoch < epoch <= EPOCH_MAX:
            raise StateError(
                f"partition {self.number}: epoch {epoch} does not follow {self.epoch} "
                f"(1 to {EPOCH_MAX}); the owners topic is damaged"
            )
        self.epoch = epoch
        self._version_base = epoch << 32
        self._counter = 0
        self.sync_headers.clear()

    def next_version(self) -> int:
        """The next version: epoch in the high bits, a running number in the low 32."""
        self._counter += 1
        if self._counter > _COUNTER_MAX:
            raise StateError(
                f"partition {self.number}: epoch {self.epoch} has run out of versions; "
                "restart the worker to begin the next epoch"
            )
        return self._version_base | self._counter

    def encode_ahead(self, rows_max: int) -> int:
        """Encode some rows already that :meth:`drain` will ask for, so many of each table at most;
        how many it were.
        """
        if not self.changed:
            return 0
        return sum([table.encode_ahead(rows_max) for table in self.tables.values()])

    def drain(self) -> Iterator[tuple[str, str, bytes | None]]:
        """All dirty rows as (table, key, value or None), which then count as clean."""
        for name, table in self.tables.items():
            for key, value in table.drain():
                yield name, key, value
        self.changed = False
