"""Writes a golden state directory of the present format, if there is none yet:
``python -m tests.golden.make_state``.

Never changes what is there: a directory of any format opens in every later version. What is in it
is what a fold of events of most types leaves in the files of a RocksDB.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections import deque
from pathlib import Path
from typing import Any, Final

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from ccstream.domain.events import (
    CartCleared,
    CartItemQuantitySet,
    ErasureRequested,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    LegalHoldChanged,
)
from ccstream.domain.moment import Scope
from ccstream.engine.folding import make_folder
from ccstream.engine.local_state import make_stores
from ccstream.engine.partition import NOTHING_FOLDED, Partition
from ccstream.engine.stores import FORMAT, PartitionStore, Stores
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, TABLES, changelog_topic, input_topic, topic_numbers
from ccstream.wire.codec import Codec
from tests.golden.make import plain
from tests.wire.samples import NOW, SAMPLES, with_fields

__all__ = ["APP", "CHANGELOGS", "FOLDER", "SCOPE", "Golden", "opened", "rows_of"]

FOLDER: Final = Path(__file__).parent / "state"
APP: Final = "golden"
SCOPE: Final = Scope(b"golden-8", 0, 1)
SUBJECTS: Final[dict[type[Event], dict[str, Any]]] = {
    ErasureRequested: {"subject": "customer:43"},
    LegalHoldChanged: {"subject": "customer:44"},
    IdentifiersLinked: {"subject": "visitor:9f3c", "identifiers": ("customer:42",)},
}
"""Whom an event is about, where it cannot be about the one whose rows are to stay."""

TOPICS: Final = tuple(topic_numbers())
_CARD: Final = {"event_id": "golden-card", "subject": "loyalty:7", "identifiers": ("customer:42",)}
EVENTS: Final = (
    *(
        with_fields(event, event_id=f"golden-{number}", **SUBJECTS.get(type(event), {}))
        for number, event in enumerate(SAMPLES)
        if not isinstance(event, CartCleared | CartItemQuantitySet | IdentifierUnlinked)
    ),
    *(with_fields(event, **_CARD) for event in SAMPLES if isinstance(event, IdentifiersLinked)),
)
CHANGELOGS: Final = {changelog_topic(APP, table): 100 for table in TABLES}


def opened(folder: Path) -> Stores:
    """The stores of a worker whose state is in ``folder``."""
    made = make_stores(
        Settings.load(
            app_id=APP,
            kafka__partitions=1,
            state__store="rocksdb",
            state__directory=folder,
        )
    )
    assert made is not None
    return made


def rows_of(store: PartitionStore) -> dict[str, dict[str, Any]]:
    """All rows of a store, as JSON has them."""
    codec = Codec()
    found: dict[str, dict[str, Any]] = {}
    for name, backing in store.backings.items():
        values = {key: backing.get(key) for key in sorted(backing.keys())}
        found[name] = {key: plain(codec.decode(value or b"")[1]) for key, value in values.items()}
    return found


class _Record:
    """A record as librdkafka hands it over."""

    def __init__(self, key: str, value: bytes, offset: int) -> None:
        self._key, self._value, self._offset = key.encode(), value, offset

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_LOG_APPEND_TIME, NOW

    def headers(self) -> list[tuple[str, bytes]]:
        return []


class Golden:
    """A worker's fold on the rows of a store, with letters that arrive at once."""

    def __init__(self, stores: Stores, epoch: int) -> None:
        settings = Settings.load(
            app_id=APP, kafka__partitions=1, privacy__erasure_key="golden erasure key " * 3
        )
        delivery: Any = self
        self.store = stores.open(SCOPE, epoch)
        self._codec = Codec()
        self._folder = make_folder(settings, TOPICS, delivery, append_time=True)
        self.partition = Partition(
            SCOPE, stores.tables(self.store), [NOTHING_FOLDED] * len(TOPICS), self.store
        )
        self.partition.begin_epoch(epoch + 1)
        self._letters: deque[tuple[str, bytes]] = deque()
        self._offset = 0

    def send(self, topic: str, _partition: int, key: str, value: bytes, _headers: Any) -> None:
        if topic == MAIL_TOPIC:
            self._letters.append((key, value))

    def fold(self, event: Event) -> None:
        """The event, and all that comes of it."""
        self._folded(input_topic(event.channel), event.subject, self._codec.encode_event(event))
        while self._letters:
            self._folded(MAIL_TOPIC, *self._letters.popleft())

    def commit(self, at_ms: int) -> None:
        """As after a commit that has succeeded."""
        for _ in self.partition.drain():
            pass
        self.store.write_committed(self.partition.tables, CHANGELOGS, {}, at_ms)
        self.store.write_current(at_ms, self.partition.epoch)

    def _folded(self, topic: str, key: str, value: bytes) -> None:
        self._offset += 1
        self._folder.fold(self.partition, TOPICS.index(topic), _Record(key, value, self._offset))


def main() -> None:
    archive = FOLDER / f"format-{FORMAT}.tar.gz"
    if archive.exists():
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for epoch, events in enumerate((EVENTS[::2], EVENTS[1::2])):
            stores = opened(folder)
            golden = Golden(stores, epoch)
            for event in events:
                golden.fold(event)
            golden.commit(NOW)
            rows = rows_of(golden.store)
            stores.close()
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(folder / APP, APP, filter=lambda entry: None if "LOG" in entry.name else entry)
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    (FOLDER / f"format-{FORMAT}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
