"""What does folding an event cost by itself, without Kafka?

The throughput load goes through the engine's own folder, from bytes to encoded sync events,
with a drain of the changed rows every 4,000 events as a commit has it; what is handed over is
thrown away. Processor time of one thread in one process, so it says the same on a busy machine
as on an idle one, and shows at once what a change costs or saves.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from benchmarks.load import Load
from benchmarks.processes import ROOT
from benchmarks.results import Result, median_of
from benchmarks.subjects import CACHE_ROWS

__all__ = ["run"]

QUESTION = "fold"
EVENTS = 100_000
PARTITIONS = 8
COMMIT_EVERY = 4_000


def run(*, events: int = EVENTS, runs: int = 3, say: Callable[[str], None] = print) -> list[Result]:
    costs: list[float] = []
    for number in range(1, runs + 1):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.fold", str(events)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        costs.append(json.loads(done.stdout)["cpu_us_per_event"])
        say(f"{QUESTION}: run {number} of {runs}: {costs[-1]:.1f} µs of processor an event")
    return [median_of(QUESTION, "ccstream", "cpu_us_per_event", "µs", costs)]


class _Record:
    """An input record as librdkafka hands it over."""

    __slots__ = ("_at", "_key", "_offset", "_value")

    def __init__(self, key: bytes, value: bytes, offset: int, at: int) -> None:
        self._key, self._value, self._offset, self._at = key, value, offset, at

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_LOG_APPEND_TIME, self._at

    def headers(self) -> list[tuple[str, bytes]]:
        return []


class _Nowhere:
    """A delivery that counts."""

    def __init__(self) -> None:
        self.outputs = 0

    def send(self, *_: Any) -> None:
        self.outputs += 1


def measure(events: int) -> dict[str, float]:
    """Fold the load in this process."""
    from ccstream.domain.moment import Scope
    from ccstream.engine.folding import make_folder
    from ccstream.engine.partition import NOTHING_FOLDED, Partition
    from ccstream.engine.store import Table
    from ccstream.ops.settings import Settings
    from ccstream.wire.catalogue import TABLES, topic_numbers
    from ccstream.wire.codec import Codec
    from ccstream.wire.partition import partition_for
    from ccstream.wire.rows import ROW_CODECS

    settings = Settings()
    topics = tuple(topic_numbers())
    delivery: Any = _Nowhere()
    codec = Codec()
    folder = make_folder(settings, topics, delivery, append_time=True)
    rows_max = int(CACHE_ROWS) // PARTITIONS
    partitions = []
    for number in range(PARTITIONS):
        tables = {name: Table(name, ROW_CODECS[name], rows_max) for name in TABLES}
        partition = Partition(
            Scope(b"12345678", number, PARTITIONS), tables, [NOTHING_FOLDED] * len(topics)
        )
        partition.begin_epoch(1)
        partitions.append(partition)
    work = []
    for offset, event in enumerate(Load.ending_now(events).stream()):
        key = event.subject.encode()
        record = _Record(key, codec.encode_event(event), offset, event.occurred_at)
        work.append((partitions[partition_for(key, PARTITIONS)], record))
    gc.collect()
    gc.disable()  # as the worker has it
    began = time.process_time()
    for number, (partition, record) in enumerate(work, 1):
        folder.fold(partition, 0, record)
        if number % COMMIT_EVERY == 0:
            for changed in partitions:
                for _ in changed.drain():
                    pass
            folder.take_statistics()
    elapsed = time.process_time() - began
    assert delivery.outputs == 2 * events, delivery.outputs
    return {"cpu_us_per_event": elapsed / events * 1e6}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
