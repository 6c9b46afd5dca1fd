"""What does it cost to measure? The load of `fold`, with all that a worker counts and without.

``measured``    the fold's own counts, and after each chunk what the chunk loop makes of them, and
                what its acknowledgements cost here, not in librdkafka; lag, rows and the like once
                a second of a worker's time, and a scrape every 15 s
``unmeasured``  the same records through the same fold, and nothing is counted

Both fold the same chunk one after the other, in one process, a chunk after the other: what slows a
machine down for a moment slows both. Of the pairs the median counts, by processor time. The
counts of a compiled fold cannot be taken out in passing, so it is measured interpreted; see
:mod:`.instrumentation_compiled`.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.fold import ACCOUNT, PARTITIONS, House, Record, record
from benchmarks.load import Load
from benchmarks.processes import ROOT
from benchmarks.records import BenchmarkError
from benchmarks.results import Result, median_of
from ccstream.engine import fold
from ccstream.engine.chunk_statistics import ChunkStatistics
from ccstream.engine.clock import Clock
from ccstream.engine.folding import make_layout
from ccstream.engine.gauges import Gauges
from ccstream.ops.exposition import exposition
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS, topic_numbers
from ccstream.wire.codec import Codec

__all__ = ["CHUNK", "EVENTS", "SUBJECTS", "Measuring", "run", "seconds_of", "with_the_rest"]

QUESTION = "instrumentation"
SUBJECTS = ("unmeasured", "measured")
EVENTS = 30_000
CHUNK = 200
"""Records from which on a chunk is full: with smaller ones a worker has time to spare."""

A_SECOND = 15_000
"""Events that a worker folds in a second: so often what is looked at once a second is."""

SCRAPED_EVERY_S = 15
REPEATED = 7
COLD = 10
"""One part in so many comes before what counts."""


def run(*, events: int = EVENTS, runs: int = 3, say: Callable[[str], None] = print) -> list[Result]:
    interpreted = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found: dict[str, list[float]] = {}
    for number in range(1, runs + 1):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.instrumentation", str(events)],
            cwd=ROOT,
            env=interpreted,
            capture_output=True,
            text=True,
            check=True,
        )
        figures: dict[str, float] = json.loads(done.stdout)
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
        written = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        say(f"{QUESTION}: run {number} of {runs}: {written}")
    return [
        *(
            median_of(QUESTION, subject, "cpu_us_per_event", "µs", found[subject], digits=2)
            for subject in SUBJECTS
        ),
        median_of(QUESTION, "measured", "percent_more", "%", found["percent_more"]),
    ]


def _nothing() -> type[ChunkStatistics]:
    """A class that counts nothing; of a compiled one there is no subclass."""

    class Nothing(ChunkStatistics):  # type: ignore[misc]
        def applied(self, *_: object) -> None:
            pass

        ended = applied

    return Nothing


class _Plane:
    """Where the logs of all inputs end: nothing waits."""

    def __init__(self, ends: dict[tuple[str, int], int]) -> None:
        self._ends = ends

    def ends(self) -> dict[tuple[str, int], int]:
        return self._ends


class _Message:
    """What is asked of the last record of a chunk, beside what the fold asks."""

    def __init__(self, last: Record, topic: str) -> None:
        self.timestamp = last.timestamp
        self._topic, self._home = topic, last.home

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._home


class Measuring:
    """What a chunk loop tells the metrics."""

    def __init__(self) -> None:
        self._topics = tuple(topic_numbers())
        self._clock = Clock()
        self._metrics = Metrics(channels=(*CHANNELS, "mail", "unknown"))
        settings = Settings.load(kafka__partitions=PARTITIONS)
        self._gauges = Gauges(
            self._metrics,
            make_layout(settings, self._topics),
            self._clock,
            last_heartbeat=self._clock.monotonic,
            session_timeout=10.0,
            report=lambda _: None,
        )
        self.house = House(self._gauges.acknowledgements)
        self._served = dict(enumerate(self.house.partitions))
        self._gauges.serving(self._served, frozenset())
        self._plane = _Plane(
            {(topic, number): 0 for topic in self._topics for number in self._served}
        )

    def chunk(self, work: list[Record], seconds: float) -> None:
        self._gauges.check_alive()
        self._gauges.reached(_Message(work[-1], self._topics[0]))
        self._gauges.chunk(self.house.take_statistics(), len(work), seconds)
        self.house.acknowledge()

    def second(self) -> None:
        self._gauges._looked_at = 0.0
        delivery: Any = self.house.post
        self._gauges.turn(self._plane, self._served, delivery)

    def scrape(self) -> None:
        exposition(self._metrics.registry)


def measure(events: int, customers: int = 20_000) -> dict[str, float]:
    """Fold the load twice in this process; µs an event of both, and how much more it is."""
    if not str(fold.__file__).endswith(".py"):
        raise BenchmarkError("the fold is compiled here, where its counts cannot be taken out")
    nothing = _nothing()
    codec, measuring, without = Codec(), Measuring(), House()
    with_all = measuring.house
    load = Load.ending_now(events, customers)
    work = [record(codec, event, offset) for offset, event in enumerate(load.stream(ACCOUNT))]
    pairs: list[tuple[float, float]] = []
    gc.collect()
    gc.disable()  # as the worker has it
    try:
        for begin in range(0, events, CHUNK):
            chunk = work[begin : begin + CHUNK]

            def unmeasured(chunk: list[Record] = chunk, begin: int = begin) -> None:
                without.fold_chunk(chunk, begin)
                without.take_statistics()

            def measured(chunk: list[Record] = chunk, begin: int = begin) -> None:
                started = time.monotonic()
                with_all.fold_chunk(chunk, begin)
                measuring.chunk(chunk, time.monotonic() - started)

            turns: list[tuple[type[ChunkStatistics], Callable[[], None]]] = [
                (nothing, unmeasured),
                (ChunkStatistics, measured),
            ]
            first = len(pairs) % 2  # whoever comes first finds the chunk's bytes in no cache
            took = [0.0, 0.0]
            for index in (first, 1 - first):
                fold.ChunkStatistics, do = turns[index]  # type: ignore[misc]
                house = (without, with_all)[index]
                house.take_statistics()
                took[index] = seconds_of(do)
            pairs.append((took[0], took[1]))
        often = min(seconds_of(measuring.second) for _ in range(REPEATED))
        seldom = min(seconds_of(measuring.scrape) for _ in range(REPEATED))
    finally:
        gc.enable()
    assert with_all.post.outputs == without.post.outputs == 2 * events
    cold = len(pairs) // COLD  # rows and caches are new
    plain = statistics.median(one for one, _ in pairs[cold:]) / CHUNK
    ratio = statistics.median(more / one for one, more in pairs[cold:])
    counted = with_the_rest(plain * ratio, often, seldom)
    return {
        "unmeasured": plain * 1e6,
        "measured": counted * 1e6,
        "percent_more": 100 * (counted / plain - 1),
    }


def with_the_rest(counted: float, often: float, seldom: float) -> float:
    """Seconds an event, with what is done once a second and at each scrape."""
    return counted + often / A_SECOND + seldom / (SCRAPED_EVERY_S * A_SECOND)


def seconds_of(do: Callable[[], None]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
