"""Who was erased, and what is still known where they were.

Rows under fingerprints say when. Beside them is what somebody who was erased still knows of *links
of others* (`ccstream.domain.links`): pointers of others may lead to them for ever, and facts of
others may be gathered there. So what they know goes on under the fingerprint, in the table
``links``, and back under their key if they come back. It names them nowhere: that it is they who
coordinate, or their own root, is an empty text, and whom they point to otherwise is sealed.
"""

from __future__ import annotations

from msgspec.structs import replace

from ccstream.domain.links import Links
from ccstream.domain.window import Window
from ccstream.engine.aggregates import ERASURES, LINKS, WINDOWS
from ccstream.engine.partition import Partition
from ccstream.errors import StateError
from ccstream.ops.erasure_key import ErasureKey
from ccstream.wire.entry import Entry

__all__ = ["ErasedPeople"]


class ErasedPeople:
    """Those of whom it is known.

    Args:
        key: what fingerprints are made with; None where nobody can be erased.
    """

    def __init__(self, key: ErasureKey | None) -> None:
        self._key = key
        self._checked: dict[int, int] = {}

    def erased_at(self, partition: Partition, entity: str) -> int:
        """When the entity was erased, 0 if it was not."""
        table = partition.tables[ERASURES]
        if not len(table):
            return 0
        self.check(partition)
        entry = table.get(self.fingerprint(entity))
        erased_at: int = 0 if entry is None else entry.state.erased_at
        return erased_at

    def is_gone(self, partition: Partition, entity: str) -> bool:
        """Whether it was erased and has not come back."""
        return (
            self.erased_at(partition, entity) > 0 and partition.tables[WINDOWS].get(entity) is None
        )

    def fingerprint(self, entity: str) -> str:
        """What stands for an entity that was erased."""
        assert self._key is not None
        return self._key.fingerprint(entity)

    def links_of(self, partition: Partition, entity: str) -> Links | None:
        """What an entity knows of links, also if it was erased."""
        table = partition.tables[LINKS]
        entry = table.get(entity)
        if entry is not None:
            known: Links = entry.state
            return known
        if not len(partition.tables[ERASURES]):
            return None
        self.check(partition)
        assert self._key is not None
        kept = table.get(self._key.fingerprint(entity))
        if kept is None:
            return None
        state: Links = kept.state
        return replace(
            state,
            coordinator=self._opened(state.coordinator, entity),
            root=self._opened(state.root, entity),
        )

    def keep(self, partition: Partition, entity: str, links: Links) -> int:
        """This is what who was erased knows of links from now on; the version of that.

        Not kept is for whom there is to be room, and who was carried: it names others, in vain.
        """
        kept = replace(
            links,
            coordinator=self._closed(links.coordinator, entity),
            root=self._closed(links.root, entity),
            waiting=(),
            carried=(),
        )
        version = partition.next_version()
        partition.tables[LINKS].put(self.fingerprint(entity), Entry(kept, version))
        return version

    def begin_anew(self, partition: Partition, entity: str, erased_at: int) -> Window:
        """They come back, with a window in which nothing is fresh that occurred before the erasure;
        and what was kept of links is theirs again, under their key.
        """
        links = self.links_of(partition, entity)
        if links is not None:
            table = partition.tables[LINKS]
            table.put(self.fingerprint(entity), Entry(None, partition.next_version()))
            table.put(entity, Entry(links, partition.next_version()))
        window = Window({}, erased_at)
        partition.tables[WINDOWS].put(entity, Entry(window, partition.next_version()))
        return window

    def check(self, partition: Partition) -> None:
        """Once in each epoch: with another key nobody who was erased would be known."""
        if self._checked.get(partition.number) == partition.epoch:
            return
        table = partition.tables[ERASURES]
        fingerprint = next(iter(table.keys()), None)
        entry = None if fingerprint is None else table.peek(fingerprint)
        used = None if entry is None else entry.state.key_id
        if fingerprint is not None and (self._key is None or used != self._key.id):
            found = "not set" if self._key is None else self._key.id
            raise StateError(
                f"partition {partition.number}: people were erased under the erasure key {used}, "
                f"and privacy.erasure_key is {found}: set the one that was used, or what is late "
                "would bring them back"
            )
        self._checked[partition.number] = partition.epoch

    def _closed(self, key: str, entity: str) -> str:
        assert self._key is not None
        return "" if key == entity else self._key.seal(key)

    def _opened(self, sealed: str, entity: str) -> str:
        assert self._key is not None
        return self._key.unseal(sealed) if sealed else entity
