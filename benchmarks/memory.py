"""How much memory does a cart of five lines take in the memory store?

The growth of a worker's resident set over 200,000 carts of five lines each, every line its
own event with a UUID. It holds all that a worker keeps of such a customer: the cart with its
dots, the last touches, the ids for duplicates, the indexes. Before, the worker has folded
200,000 events of other customers, so that its buffers and the interpreter have their size.
One worker owns all partitions. The figure is of one run: a second would take as long and
differ only by the allocator's mood.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.load import CHANNEL, Load
from benchmarks.processes import (
    Worker,
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
from benchmarks.results import Result
from ccstream.wire.catalogue import input_topic

__all__ = ["run"]

QUESTION = "memory"
INPUT = input_topic(CHANNEL)
APP_ID = "bench-memory"
CARTS = 200_000
WARM_UP_EVENTS = 200_000
WARM_UP_CUSTOMERS = 2_000
FOLD_S_MAX = 600.0
SETTLE_S = 3.0
CART_ROWS = 'ccstream_store_rows{table="carts"}'


def run(*, carts: int = CARTS, say: Callable[[str], None] = print) -> list[Result]:
    with kafka() as bootstrap:
        env = worker_environment(bootstrap, APP_ID, "transactional")
        fresh_topics(bootstrap, env)
        with ccstream_worker(env) as worker:
            warm_up = Load.ending_now(WARM_UP_EVENTS, WARM_UP_CUSTOMERS)
            count = write_events(bootstrap, INPUT, warm_up.stream())
            before = _resident_after(bootstrap, worker, count)
            rows = -worker.metrics()[CART_ROWS]
            load = Load.ending_now(carts * 5)
            count += write_events(bootstrap, INPUT, load.five_line_carts(carts, "measured"))
            after = _resident_after(bootstrap, worker, count)
            rows += worker.metrics()[CART_ROWS]
            if rows != carts:
                raise BenchmarkError(f"the worker holds {rows:,.0f} carts more, not {carts:,}")
    each = round((after - before) / carts)
    say(f"{QUESTION}: {(after - before) / 2**20:,.0f} MiB for {carts:,} carts: {each:,} bytes each")
    return [Result(QUESTION, "ccstream", "bytes_per_cart", each, "bytes", [each])]


def _resident_after(bootstrap: str, worker: Worker, count: int) -> int:
    """The resident set when ``count`` events have been folded and committed."""
    ends = end_offsets(bootstrap, INPUT)
    wait_until(
        lambda: committed_offsets(bootstrap, APP_ID, INPUT, ends) >= count,
        FOLD_S_MAX,
        "all events are committed",
        worker,
        every_s=0.5,
    )
    time.sleep(SETTLE_S)
    return worker.resident_bytes()
