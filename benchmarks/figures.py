"""What `ccstream capacity` reckons with: the newest results, and how large records are.

``python -m benchmarks.figures > src/ccstream/ops/capacity.json`` writes it anew; ``make check``
fails while it is stale. Sizes are not measured but weighed: carts of so many lines go through the
engine's own folder, and what the last event puts out and changes is added up, with keys, headers
and what Kafka adds to a record.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from benchmarks.load import Load
from benchmarks.results import newest
from ccstream.domain.moment import Scope
from ccstream.engine.folding import make_folder
from ccstream.engine.partition import NOTHING_FOLDED, Partition
from ccstream.engine.store import Table
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES, topic_numbers
from ccstream.wire.codec import Codec
from ccstream.wire.headers import event_headers
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["figures", "weigh"]

WANTED = {
    "events_per_second": ("throughput", "ccstream-full", "events_per_second"),
    "cpu_s_per_million": ("throughput", "ccstream-full", "cpu_s_per_million"),
    "cold_cpu_s_per_million": ("memory", "ccstream", "cpu_s_per_million"),
    "broker_cpu_s_per_million": ("throughput", "ccstream-full", "broker_cpu_s_per_million"),
    "bytes_per_cart": ("memory", "ccstream", "bytes_per_cart"),
    "restore_records_per_second": ("restore", "ccstream-full", "records_per_second"),
}
LINES = (1, 2, 5, 10, 20, 50, 100)
BEGINS_MS = 1_790_000_000_000
"""Of the events that are weighed: sizes must not differ from day to day."""

RECORD_BYTES = 9
"""What Kafka's format adds to a record: lengths and differences, one to two bytes each."""
HEADER_BYTES = 2


class _Record:
    def __init__(self, key: bytes, value: bytes, offset: int) -> None:
        self._key, self._value, self._offset = key, value, offset

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_LOG_APPEND_TIME, BEGINS_MS + self._offset

    def headers(self) -> list[tuple[str, bytes]]:
        return []


class _Scales:
    """A delivery that adds up what it is handed."""

    def __init__(self) -> None:
        self.total = 0

    def send(self, _topic: str, _partition: int, key: str, value: Any, headers: Any) -> None:
        self.total += _weight(key.encode(), value, headers)


def figures() -> dict[str, Any]:
    """The file's content."""
    path = newest()
    if path is None:
        raise SystemExit("there are no results yet; run: make bench")
    document = json.loads(path.read_text(encoding="utf-8"))
    found = {
        (one["question"], one["subject"], one["metric"]): one["value"]
        for one in document["results"]
    }
    machine = document["machine"]
    return {
        "measured": document["date"],
        "on": f"{machine['processor']}, {machine['cores']} cores shared with {machine['kafka']}",
        "figures": {name: found[where] for name, where in WANTED.items()},
        "sources": {name: " ".join(where) for name, where in WANTED.items()},
        "sizes": [weigh(lines) for lines in LINES],
    }


def weigh(lines: int) -> dict[str, int]:
    """Bytes that an event makes which puts the last line into a cart of so many."""
    settings = Settings()
    topics = tuple(topic_numbers())
    scales: Any = _Scales()
    codec = Codec()
    folder = make_folder(settings, topics, scales, append_time=True)
    events = list(Load(begins_ms=BEGINS_MS, skus=10_000).carts_of(1, lines, "customer"))
    key = events[0].subject.encode()
    tables = {name: Table(name, ROW_CODECS[name], 64) for name in TABLES}
    number = partition_for(key, 8)
    partition = Partition(Scope(b"12345678", number, 8), tables, [NOTHING_FOLDED] * len(topics))
    partition.begin_epoch(1)
    event = changed = 0
    for offset, fact in enumerate(events):
        scales.total = 0
        value = codec.encode_event(fact)
        event = _weight(key, value, event_headers(fact))
        folder.fold(partition, 0, _Record(key, value, offset))
        changed = sum(_weight(row.encode(), found, None) for _, row, found in partition.drain())
    return {"lines": lines, "event": event, "sync": scales.total, "changelog": changed}


def _weight(key: bytes, value: bytes | None, headers: Any) -> int:
    stated = sum(HEADER_BYTES + len(name) + len(text) for name, text in headers or ())
    return RECORD_BYTES + len(key) + len(value or b"") + stated


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(), indent=2) + "\n")
