"""Do two workers, each with half of the partitions, fold more than one?

The throughput load lies in the input; one worker takes it all, then two fresh ones share it.
The rate is that of the second half of the outputs, when both have long joined. Every output is
checked, those around the change of hands too. On a machine of two cores, where the broker
needs one, the answer is about the machine as well.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.checks import check_cart_snapshots
from benchmarks.load import CHANNEL, Load
from benchmarks.processes import (
    ccstream_worker,
    fresh_topics,
    kafka,
    wait_until,
    worker_environment,
)
from benchmarks.records import append_rate, committed_offsets, end_offsets, read, write_events
from benchmarks.results import Result, median_of
from benchmarks.subjects import CACHE_ROWS
from ccstream.wire.catalogue import SYNC_TOPICS, input_topic

__all__ = ["run"]

QUESTION = "processes"
INPUT = input_topic(CHANNEL)
RUN_S_MAX = 600.0


def run(
    *, events: int = 240_000, runs: int = 3, say: Callable[[str], None] = print
) -> list[Result]:
    load = list(Load.ending_now(events).stream())
    found: dict[int, list[float]] = {1: [], 2: []}
    with kafka() as broker:
        bootstrap = broker.bootstrap
        fresh_topics(bootstrap, worker_environment(bootstrap, "bench", "auto"))
        write_events(bootstrap, INPUT, load)
        ends = end_offsets(bootstrap, INPUT)
        for number in range(1, runs + 1):
            for processes, rates in found.items():
                app_id = f"bench-{processes}-{number}"
                env = worker_environment(
                    bootstrap, app_id, "transactional", state__cache_rows_max=CACHE_ROWS
                )
                fresh_topics(bootstrap, env, keep=[INPUT])
                with ExitStack() as stack:
                    workers = [stack.enter_context(ccstream_worker(env)) for _ in range(processes)]
                    wait_until(
                        lambda app_id=app_id: (
                            committed_offsets(bootstrap, app_id, INPUT, ends) >= events
                        ),
                        RUN_S_MAX,
                        "all events are committed",
                        *workers,
                        every_s=0.25,
                    )
                outputs = read(bootstrap, SYNC_TOPICS["carts"])
                check_cart_snapshots(outputs, load)
                rates.append(append_rate(outputs))
                say(f"{QUESTION}: {processes} run {number} of {runs}: {rates[-1]:,.0f} events/s")
    return [
        median_of(QUESTION, f"ccstream x {n}", "events_per_second", "events/s", rates, digits=0)
        for n, rates in found.items()
    ]
