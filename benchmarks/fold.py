"""What does folding an event cost by itself, without Kafka?

The throughput load goes through the engine's own folder, from bytes to encoded sync events,
with a drain of the changed rows every 4,000 events as a commit has it; what is handed over,
letters aside, is thrown away. Processor time of one thread in one process, so it says the same
on a busy machine as on an idle one, and shows at once what a change costs or saves.

``ccstream``          every event is of its own account
``ccstream-aliased``  the same events by visitors who are logged in: each is forwarded where the
                      visitor lives, and folded a second time, as a letter, where the account does
``ccstream-undecoded`` those of accounts again, with a worker's default ``state.cache_rows_max``
                      instead of one that keeps all rows of the load decoded
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from benchmarks.load import CHANNEL, SOURCE, Load
from benchmarks.processes import ROOT
from benchmarks.results import Result, median_of
from benchmarks.subjects import CACHE_ROWS
from ccstream.domain.events import Event, IdentifiersLinked
from ccstream.domain.moment import Scope
from ccstream.engine.acknowledgements import Acknowledgements, Told
from ccstream.engine.chunk_statistics import ChunkStatistics
from ccstream.engine.folding import make_folder
from ccstream.engine.partition import NOTHING_FOLDED, Partition
from ccstream.engine.store import Table
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import MAIL_TOPIC, TABLES, topic_numbers
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

__all__ = ["ACCOUNT", "EVENTS", "House", "Record", "record", "run"]

QUESTION = "fold"
ACCOUNT, VISITOR = "customer:", "visitor:v"
"""What keys begin with; a visitor's value is none of zeros, which are nobody's identifier."""
DIRECT, ALIASED, UNDECODED = SUBJECTS = ("ccstream", "ccstream-aliased", "ccstream-undecoded")
EVENTS = 100_000
PARTITIONS = 8
COMMIT_EVERY = 4_000
ROWS_MAX = 2 * int(CACHE_ROWS) // PARTITIONS
"""All rows stay decoded, and a visitor has some beside the account's."""


def run(*, events: int = EVENTS, runs: int = 3, say: Callable[[str], None] = print) -> list[Result]:
    costs: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    for number in range(1, runs + 1):
        for subject in SUBJECTS:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.fold", str(events), subject],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            cost = json.loads(done.stdout)["cpu_us_per_event"]
            costs[subject].append(cost)
            say(
                f"{QUESTION}: {subject}: run {number} of {runs}: {cost:.1f} µs of processor "
                "an event"
            )
    found = [
        median_of(QUESTION, subject, "cpu_us_per_event", "µs", some)
        for subject, some in costs.items()
    ]
    of = {result.subject: result.value for result in found}
    ratio = round(of[ALIASED] / of[DIRECT], 2)
    return [*found, Result(QUESTION, ALIASED, "times_an_event_of_an_account", ratio, "x")]


class Record:
    """A record as librdkafka hands it over, and its partition."""

    __slots__ = ("_at", "_key", "_offset", "_value", "home")

    def __init__(self, key: bytes, value: bytes, offset: int, at: int) -> None:
        self.home = partition_for(key, PARTITIONS)
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


class _Post:
    """A delivery that counts, and keeps letters until they are fetched."""

    queued = 0

    def __init__(self) -> None:
        self.outputs = 0
        self.letters: list[tuple[int, str, bytes]] = []
        self.told: list[Told] = []

    def send(
        self,
        topic: str,
        partition: int,
        key: str,
        value: bytes,
        _headers: Any,
        told: Told | None = None,
    ) -> None:
        if told is not None:
            self.told.append(told)
        if topic == MAIL_TOPIC:
            self.letters.append((partition, key, value))
        else:
            self.outputs += 1


class House:
    """All partitions, and the mail between them."""

    def __init__(
        self, acknowledgements: Acknowledgements | None = None, rows_max: int = ROWS_MAX
    ) -> None:
        self.post = _Post()
        topics = tuple(topic_numbers())
        self._mail = topics.index(MAIL_TOPIC)
        delivery: Any = self.post
        self._folder = make_folder(
            Settings(), topics, delivery, append_time=True, acknowledgements=acknowledgements
        )
        self.partitions = []
        for number in range(PARTITIONS):
            tables = {name: Table(name, ROW_CODECS[name], rows_max) for name in TABLES}
            partition = Partition(
                Scope(b"12345678", number, PARTITIONS), tables, [NOTHING_FOLDED] * len(topics)
            )
            partition.begin_epoch(1)
            self.partitions.append(partition)
        self._letters = 0

    def fold(self, records: list[Record]) -> None:
        """Fold records of a channel with a commit's drain from time to time; letters arrive then,
        as those of a transaction do.
        """
        fold = self._folder.fold
        partitions = self.partitions
        for number, record in enumerate(records, 1):
            fold(partitions[record.home], 0, record)
            if number % COMMIT_EVERY == 0:
                self._commit()
                self._deliver(record.timestamp()[1])
        while self.post.letters:
            self._deliver(records[-1].timestamp()[1])
        self._commit()

    def fold_chunk(self, records: list[Record], begin: int) -> None:
        """Fold what comes at ``begin`` of a load of full chunks, none of which has letters."""
        fold, partitions = self._folder.fold, self.partitions
        self._folder.gather(patient_only=False)
        for record in records:
            fold(partitions[record.home], 0, record)
        self._folder.release()
        if (begin + len(records)) % COMMIT_EVERY == 0:
            self._drain()

    def take_statistics(self) -> ChunkStatistics:
        """What was counted since the last time."""
        return self._folder.take_statistics()

    def acknowledge(self) -> None:
        """Tell whoever is told that all is acknowledged."""
        told, self.post.told = self.post.told, []
        for tell in told:
            tell(None, None)

    def _commit(self) -> None:
        self._drain()
        self._folder.take_statistics()

    def _drain(self) -> None:
        for partition in self.partitions:
            for _ in partition.drain():
                pass

    def _deliver(self, at: int) -> None:
        letters, self.post.letters = self.post.letters, []
        for home, key, value in letters:
            self._letters += 1
            record = Record(key.encode(), value, self._letters, at)
            self._folder.fold(self.partitions[home], self._mail, record)


def measure(events: int, subject: str, customers: int = 20_000) -> dict[str, float]:
    """Fold the load in this process."""
    aliased = subject == ALIASED
    codec = Codec()
    by_default = Settings().state.cache_rows_max // PARTITIONS
    house = House(rows_max=by_default if subject == UNDECODED else ROWS_MAX)
    load = Load.ending_now(events, customers)
    if aliased:
        log_ins = map(_log_in, range(load.customers), repeat(load.begins_ms - 1))
        house.fold([record(codec, event, number) for number, event in enumerate(log_ins)])
    begun = house.post.outputs
    work = []
    for offset, event in enumerate(load.stream(VISITOR if aliased else ACCOUNT)):
        work.append(record(codec, event, load.customers + offset))
    gc.collect()
    gc.disable()  # as the worker has it
    try:
        began = time.process_time()
        house.fold(work)
        elapsed = time.process_time() - began
    finally:
        gc.enable()
    # A visitor's own basket and touch, of which there are none, are said to be none.
    assert house.post.outputs - begun == (4 if aliased else 2) * events, house.post.outputs
    return {"cpu_us_per_event": elapsed / events * 1e6}


def _log_in(number: int, at: int) -> Event:
    return IdentifiersLinked(
        event_id=f"{number:036}",
        occurred_at=at,
        channel=CHANNEL,
        source=SOURCE,
        subject=f"{VISITOR}{number}",
        identifiers=(f"{ACCOUNT}{number + 1}",),
    )


def record(codec: Codec, event: Event, offset: int) -> Record:
    key = event.subject.encode()
    return Record(key, codec.encode_event(event), offset, event.occurred_at)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
