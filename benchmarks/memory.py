"""How much memory does a cart take in a store, and what does it cost to fill it?

The growth of a worker's resident set over many carts of five lines each, every line its own
event with a UUID. It holds all that a worker keeps of such a customer: the cart with its dots,
the last touches, the ids for duplicates, the indexes. Before, the worker has folded events of
other customers, so that its buffers, its decoded rows and the interpreter have their size. One
worker owns all partitions. The figure is of one run: a second would take as long and differ only
by the allocator's mood. ``benchmarks.full`` asks it for other numbers of carts and lines.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

from benchmarks.load import CHANNEL, Load
from benchmarks.processes import (
    Worker,
    ccstream_worker,
    fresh_topics,
    kafka,
    scratch,
    wait_until,
    worker_environment,
)
from benchmarks.records import (
    BenchmarkError,
    committed_offsets,
    end_offsets,
    write_events,
)
from benchmarks.results import Result
from ccstream.wire.catalogue import input_topic

__all__ = ["run"]

QUESTION = "memory"
INPUT = input_topic(CHANNEL)
APP_ID = "bench-memory"
CARTS = 120_000
WARM_UP_EVENTS = 100_000
WARM_UP_CUSTOMERS = 12_000
"""More than a worker keeps decoded rows (``state.cache_rows_max``): those are a fixed amount, whose
share in a cart is only that of the number of carts."""

EVENTS_A_SECOND_LEAST = 1_000
"""Slower than this, something is wrong."""
START_S = 60.0
SETTLE_S = 3.0
CART_ROWS = 'ccstream_store_rows{table="carts"}'


def run(
    *,
    carts: int = CARTS,
    lines: int = 5,
    warm_up_events: int = WARM_UP_EVENTS,
    store: str = "memory",
    say: Callable[[str], None] = print,
) -> list[Result]:
    load = Load.ending_now(carts * lines)
    with kafka() as broker, tempfile.TemporaryDirectory(dir=scratch()) as folder:
        bootstrap = broker.bootstrap
        kept = {"state__store": store, "state__directory": folder}
        env = worker_environment(bootstrap, APP_ID, "transactional", **kept)
        fresh_topics(bootstrap, env)
        with ccstream_worker(env) as worker:
            warm_up = Load.ending_now(warm_up_events, WARM_UP_CUSTOMERS)
            count = write_events(bootstrap, INPUT, warm_up.stream())
            before = _resident_after(bootstrap, worker, count)
            rows, used = -worker.metrics()[CART_ROWS], worker.cpu_seconds()
            count += write_events(bootstrap, INPUT, load.carts_of(carts, lines, "measured"))
            after = _resident_after(bootstrap, worker, count)
            rows, used_after = rows + worker.metrics()[CART_ROWS], worker.cpu_seconds()
            if rows != carts:
                raise BenchmarkError(f"the worker holds {rows:,.0f} carts more, not {carts:,}")
    each = round((after - before) / carts)
    say(
        f"{QUESTION}: {(after - before) / 2**20:,.0f} MiB for {carts:,} carts of {lines} lines: "
        f"{each:,} bytes each"
    )
    found = [Result(QUESTION, "ccstream", "bytes_per_cart", each, "bytes", [each])]
    if used is not None and used_after is not None:
        million = round((used_after - used) / load.events * 1e6, 1)
        found.append(Result(QUESTION, "ccstream", "cpu_s_per_million", million, "s", [million]))
    return found


def _resident_after(bootstrap: str, worker: Worker, count: int) -> int:
    """The resident set when ``count`` events have been folded and committed."""
    ends = end_offsets(bootstrap, INPUT)
    wait_until(
        lambda: committed_offsets(bootstrap, APP_ID, INPUT, ends) >= count,
        START_S + count / EVENTS_A_SECOND_LEAST,
        "all events are committed",
        worker,
        every_s=0.5,
    )
    time.sleep(SETTLE_S)
    return worker.resident_bytes()
