"""How fast does a worker read its tables back from their changelogs?

The throughput load is folded once, with a commit every 100 ms, which leaves some hundred
thousand changelog records of carts, touches and windows. Then a new worker of the same name
starts; records and seconds are what it says itself in its metrics, from opening the reader
to the last record in the tables. That the rows are all there is checked after each run.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.load import CHANNEL, Load
from benchmarks.processes import (
    ccstream_worker,
    fresh_topics,
    kafka,
    wait_until,
    worker_environment,
)
from benchmarks.records import (
    BenchmarkError,
    committed_offsets,
    end_offsets,
    write_events,
)
from benchmarks.results import Result, median_of
from ccstream.wire.catalogue import input_topic

__all__ = ["run"]

QUESTION = "restore"
INPUT = input_topic(CHANNEL)
APP_ID = "bench-restore"
FOLD_S_MAX = 300.0
TOLD_S_MAX = 30.0
ROWS = 'ccstream_store_rows{table="touches"}'


def run(
    *, events: int = 200_000, runs: int = 3, say: Callable[[str], None] = print
) -> list[Result]:
    load = Load.ending_now(events)
    rates: list[float] = []
    with kafka() as bootstrap:
        env = worker_environment(bootstrap, APP_ID, "transactional")
        fresh_topics(bootstrap, env)
        write_events(bootstrap, INPUT, load.stream())
        ends = end_offsets(bootstrap, INPUT)
        with ccstream_worker(env) as worker:
            wait_until(
                lambda: committed_offsets(bootstrap, APP_ID, INPUT, ends) >= events,
                FOLD_S_MAX,
                "all events are committed",
                worker,
                every_s=0.25,
            )
        customers = len({event.subject for event in load.stream()})
        for number in range(1, runs + 1):
            with ccstream_worker(env) as worker:
                wait_until(
                    lambda: ROWS in worker.metrics(),
                    TOLD_S_MAX,
                    "the worker says how many rows it holds",
                    worker,
                    every_s=0.25,
                )
                metrics = worker.metrics()
                rows = metrics[ROWS]
            if rows != customers:
                raise BenchmarkError(f"{rows:,.0f} of {customers:,} rows were restored")
            records = metrics["ccstream_restore_records_total"]
            rates.append(records / metrics["ccstream_restore_duration_seconds_sum"])
            say(
                f"{QUESTION}: run {number} of {runs}: {records:,.0f} records, "
                f"{rates[-1]:,.0f} records/s"
            )
    return [
        median_of(QUESTION, "ccstream", "records_per_second", "records/s", rates, digits=0),
    ]
