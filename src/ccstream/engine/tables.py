"""Faust tables as read-only faces of the engine's stores.

They have Faust's names and changelogs, so that Faust's assignor sees them and assigns their
partitions together with the inputs. Reading shows the rows of the partitions that this worker
serves, as they are being folded; writing would go past the transaction and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import faust

from ccstream.wire.partition import partition_for

if TYPE_CHECKING:
    from ccstream.engine.app import EngineApp

__all__ = ["StoreTable"]


class StoreTable(faust.Table[str, Any]):
    """What ``app.Table(name)`` makes in a worker: ``table["customer:42"]`` is a row's state."""

    app: EngineApp

    def __getitem__(self, key: str) -> Any:
        entry = self._entry(key)
        if entry is None:
            raise KeyError(key)
        return entry

    def get(self, key: str, default: Any = None) -> Any:
        """The state of ``key``'s row, or ``default`` if there is none here."""
        found = self._entry(key)
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._entry(key) is not None

    def __iter__(self) -> Iterator[str]:
        for partition in list(self.app.engine.partitions.values()):
            yield from partition.tables[self.name].keys()

    def __len__(self) -> int:
        return sum(len(p.tables[self.name]) for p in list(self.app.engine.partitions.values()))

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise TypeError(f"table {self.name} is written by events only: publish one")

    def __delitem__(self, key: str) -> NoReturn:
        raise TypeError(f"table {self.name} is written by events only: publish one")

    def _entry(self, key: str) -> Any:
        entity = key.partition("#")[0]
        number = partition_for(entity.encode(), self.app.layout.partitions)
        partition = self.app.engine.partitions.get(number)
        entry = partition.tables[self.name].peek(key) if partition is not None else None
        return entry.state if entry is not None else None
