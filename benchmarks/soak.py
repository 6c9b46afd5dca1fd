"""Does a worker keep its size, and its pace, over a long time?

A steady rate of additions by few customers of one thing, with the shortest of windows for
duplicates, so that lines, touches and windows reach their bounds within some five minutes and only
what leaks still grows. With more of either, rows grow for hours. The resident set is noted through
all of it; at the end all that was published has to be committed. ``growth`` compares the mean of
the last quarter with that of the quarter before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.instruments import pacer
from benchmarks.load import CHANNEL
from benchmarks.processes import (
    Instrument,
    ccstream_worker,
    fresh_topics,
    kafka,
    wait_until,
    worker_environment,
)
from benchmarks.records import BenchmarkError, committed_offsets, end_offsets
from benchmarks.results import Result
from ccstream.wire.catalogue import input_topic

__all__ = ["run"]

QUESTION = "soak"
INPUT = input_topic(CHANNEL)
APP_ID = "bench-soak"
SAMPLES = 60
"""Over the whole time: at 30 minutes, one each half minute."""
CATCH_UP_S = 60.0
CUSTOMERS, SKUS = 1_000, 1
WINDOW_IDS = 64
"""As many as additions that a line keeps apart: a row of either is full after as many events."""


def run(
    *, minutes: float = 30.0, rate: int = 1_000, say: Callable[[str], None] = print
) -> list[Result]:
    seconds = minutes * 60
    samples: list[float] = []
    with kafka() as broker:
        bootstrap = broker.bootstrap
        ids = {"window__ids_max": str(WINDOW_IDS)}
        env = worker_environment(bootstrap, APP_ID, "transactional", **ids)
        fresh_topics(bootstrap, env)
        with ccstream_worker(env) as worker:
            used, began = worker.cpu_seconds(), time.monotonic()
            crowd = (CUSTOMERS, SKUS)
            pacing = Instrument(pacer.__name__, bootstrap, INPUT, "soak", rate, seconds, *crowd)
            try:
                for number in range(1, SAMPLES + 1):
                    time.sleep(max(0.0, began + seconds * number / SAMPLES - time.monotonic()))
                    worker.check()
                    samples.append(round(worker.resident_bytes() / 2**20, 1))
                    say(f"{QUESTION}: {number} of {SAMPLES}: {samples[-1]:,.1f} MiB")
                published = pacing.result(CATCH_UP_S)
            finally:
                pacing.stop()
            if published["published"] != published["acknowledged"]:
                raise BenchmarkError(f"not all was acknowledged: {published}")
            count = published["published"]
            ends = end_offsets(bootstrap, INPUT)
            wait_until(
                lambda: committed_offsets(bootstrap, APP_ID, INPUT, ends) >= count,
                CATCH_UP_S,
                "all events are committed",
                worker,
                every_s=0.5,
            )
            used_after = worker.cpu_seconds()
    quarter = SAMPLES // 4
    growth = statistics.fmean(samples[-quarter:]) - statistics.fmean(
        samples[-2 * quarter : -quarter]
    )
    found = [
        Result(QUESTION, "ccstream", "resident_mib", samples[-1], "MiB", samples),
        Result(QUESTION, "ccstream", "growth_mib", round(growth, 1), "MiB"),
        Result(QUESTION, "ccstream", "events", float(count), "events"),
    ]
    if used is not None and used_after is not None:
        million = round((used_after - used) / count * 1e6, 1)
        found.append(Result(QUESTION, "ccstream", "cpu_s_per_million", million, "s", [million]))
    return found
