"""How many cart events a second? ccstream beside stock Faust, in turn, on one broker.

All subjects read the same topic of the same events, written before; each run is a new
process with no state, and new output topics. The rate is that of the outputs as the broker
appended them, from the first tenth to the last, so that starting up is not counted; with
ccstream the run has ended only when the input is committed to its last record. Afterwards
each output is decoded and checked: for ccstream a CartSynced and a LastTouchSynced for each
event, for Faust its plain cart.

Beside the rate stands the processor time of an event, all threads, where the system tells it:
it depends far less on what else the machine does.

Subjects: ``ccstream-full`` (delivery in transactions), ``ccstream-plain`` (flush, then
offsets), ``faust`` (see peers/faust_cart.py).
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.checks import check_cart_snapshots, check_json_carts, check_last_touches
from benchmarks.load import CHANNEL, Load
from benchmarks.processes import (
    FAUST,
    Program,
    apply_topics,
    ccstream_worker,
    fresh_topics,
    kafka,
    scratch,
    wait_until,
    worker_environment,
)
from benchmarks.records import (
    append_rate,
    committed_offsets,
    create_topic,
    end_offsets,
    read,
    write_events,
)
from benchmarks.results import Result, median_of
from ccstream.devkit.ports import free_port
from ccstream.wire.catalogue import SYNC_TOPICS, input_topic

__all__ = ["run"]

QUESTION = "throughput"
INPUT = input_topic(CHANNEL)
PARTITIONS = 8
RUN_S_MAX = 600.0

CACHE_ROWS = "32768"
"""Decoded rows: room for the load's 20,000 customers, as one would configure it."""

Measured = tuple[float, float | None]
"""Events a second, and µs of processor time an event."""


def run(*, events: int = 80_000, runs: int = 3, say: Callable[[str], None] = print) -> list[Result]:
    """Measure all subjects, ``runs`` times each, in turn."""
    load = Load.ending_now(events)
    rates: dict[str, list[float]] = {"ccstream-full": [], "ccstream-plain": [], "faust": []}
    costs: dict[str, list[float]] = {subject: [] for subject in rates}
    with kafka() as bootstrap:
        apply_topics(worker_environment(bootstrap, "bench", "auto"))
        write_events(bootstrap, INPUT, load.stream())
        for number in range(1, runs + 1):
            for subject, found in rates.items():
                if subject == "faust":
                    rate, cost = _faust(bootstrap, f"bench-faust-{number}", load)
                else:
                    delivery = "plain" if subject == "ccstream-plain" else "transactional"
                    app_id = f"bench-{delivery}-{number}"
                    rate, cost = _ccstream(bootstrap, app_id, delivery, load)
                found.append(rate)
                if cost is not None:
                    costs[subject].append(cost)
                say(
                    f"{QUESTION}: {subject} run {number} of {runs}: {rate:,.0f} events/s, "
                    f"{cost or 0:,.0f} µs of processor an event"
                )
    results = [
        median_of(QUESTION, subject, "events_per_second", "events/s", found, digits=0)
        for subject, found in rates.items()
    ]
    results += [
        median_of(QUESTION, subject, "cpu_us_per_event", "µs", found)
        for subject, found in costs.items()
        if found
    ]
    by_subject = {one.subject: one.value for one in results if one.metric == "events_per_second"}
    for subject in ("ccstream-full", "ccstream-plain"):
        ratio = round(by_subject[subject] / by_subject["faust"], 1)
        results.append(Result(QUESTION, subject, "times_faust", ratio, "x"))
    return results


def _ccstream(bootstrap: str, app_id: str, delivery: str, load: Load) -> Measured:
    env = worker_environment(bootstrap, app_id, delivery, state__cache_rows_max=CACHE_ROWS)
    outputs = (SYNC_TOPICS["carts"], SYNC_TOPICS["touches"])
    # State, outputs and owners of an earlier run would be found by this one.
    fresh_topics(bootstrap, env, keep=[INPUT])
    with ccstream_worker(env) as worker:
        used = worker.cpu_seconds()
        ends = end_offsets(bootstrap, INPUT)
        wait_until(
            lambda: committed_offsets(bootstrap, app_id, INPUT, ends) >= load.events,
            RUN_S_MAX,
            "all events are committed",
            worker,
            every_s=0.25,
        )
        cost = _cost(used, worker.cpu_seconds(), load)
    carts, touches = (read(bootstrap, topic) for topic in outputs)
    check_cart_snapshots(carts, load.stream())
    check_last_touches(touches, load.stream())
    return append_rate(carts), cost


def _faust(bootstrap: str, app_id: str, load: Load) -> Measured:
    output = f"{app_id}-snapshots"
    create_topic(bootstrap, output, PARTITIONS, message_timestamp_type="LogAppendTime")
    env = {
        "BENCH_APP_ID": app_id,
        "BENCH_BOOTSTRAP": bootstrap,
        "BENCH_INPUT": INPUT,
        "BENCH_OUTPUT": output,
    }
    command = [str(FAUST), "-A", "benchmarks.peers.faust_cart"]
    command += ["--datadir", str(scratch() / app_id)]
    command += ["worker", "-l", "warn", "--web-port", str(free_port())]
    with Program("faust", command, env) as faust:
        wait_until(
            lambda: sum(end_offsets(bootstrap, output).values()) > 0,
            RUN_S_MAX,
            "the first snapshot is there",
            faust,
        )
        used = faust.cpu_seconds()
        wait_until(
            lambda: sum(end_offsets(bootstrap, output).values()) >= load.events,
            RUN_S_MAX,
            "all events have a snapshot",
            faust,
            every_s=1.0,
        )
        cost = _cost(used, faust.cpu_seconds(), load)
    snapshots = read(bootstrap, output)
    check_json_carts(snapshots, load.stream())
    return append_rate(snapshots), cost


def _cost(before: float | None, after: float | None, load: Load) -> float | None:
    if before is None or after is None:
        return None
    return (after - before) / load.events * 1e6
