"""How soon does a change reach one of ten thousand open streams, and what does a stream cost?

One gateway process on a real Kafka, ten thousand clients in a process of their own, a customer
each. Carts are written to the sync topic as a worker would, so many a second, spread over
all customers; a delivery is timed from the making of the record to the client's socket. A plain
consumer hears the same records: what is late there, writer, broker and machine have made late. The
memory of a stream is what the gateway grew by, over the number of streams, once all are open.

A broker that has just started stores single records in interpreted code, and p50 is a second then.
So as many are first written a second of customers whom nobody follows, uncounted.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from confluent_kafka import Producer

from benchmarks.budget import rounds
from benchmarks.instruments import bystander, follower
from benchmarks.processes import (
    Instrument,
    Program,
    fresh_topics,
    kafka,
    wait_until,
    worker_environment,
)
from benchmarks.records import BenchmarkError
from benchmarks.results import Result, median_of
from ccstream.client.records import CartLine, CartSynced, Cause, Money
from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.headers import EPOCH
from ccstream.wire.partition import partition_for
from ccstream.wire.schemas import schema
from ccstream.wire.writer import compile_writer

__all__ = ["run"]

QUESTION = "push"
APP = "bench-push"
PARTITIONS = 8
READY_S_MAX = 60.0
OPENED_S_MAX = 120.0
LAST_S = 2.0
"""For what is still under way when the last record has been written."""
LOOK_S = 0.0005
"""Between two looks at what is due to be written."""

CONNECTIONS = 10_000
RATE = 1_000
SECONDS = 15.0
WARM_UP_S = 20.0
FOLLOWED, NOBODY = "customer", "nobody"
LINES = 3
EPOCH_1 = 1 << 32


def run(
    *,
    connections: int = CONNECTIONS,
    rate: int = RATE,
    seconds: float = SECONDS,
    warm_up_s: float = WARM_UP_S,
    runs: int = 3,
    budget_s: float = 150.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    found: list[dict[str, float]] = []
    began = time.monotonic()
    with kafka() as broker:
        environment = worker_environment(broker.bootstrap, APP, "auto")
        fresh_topics(broker.bootstrap, environment)
        _write(broker.bootstrap, NOBODY, connections, rate, warm_up_s)
        for _ in rounds(QUESTION, runs, budget_s, say, began=began):
            fresh_topics(broker.bootstrap, environment)
            with _gateway(broker.bootstrap) as (port, program):
                one = _measure(broker.bootstrap, port, program, connections, rate, seconds)
            found.append(one)
            say(
                f"{QUESTION}: p50 {one['p50_ms']:.1f} ms, p99 {one['p99_ms']:.1f} ms; a plain "
                f"consumer p50 {one['bare_p50_ms']:.1f} ms, p99 {one['bare_p99_ms']:.1f} ms; "
                f"{one['cpu_us']:.0f} µs of processor a delivery, {one['kib']:.1f} KiB a stream"
            )
    load = f"{rate:,} deliveries/s"
    gateway, bare = f"{connections:,} streams, {load}", f"plain consumer, {load}"
    metrics = (
        (gateway, "p50", "p50_ms", "ms"),
        (gateway, "p99", "p99_ms", "ms"),
        (gateway, "cpu_us_per_delivery", "cpu_us", "µs"),
        (gateway, "memory", "kib", "KiB/stream"),
        (bare, "p50", "bare_p50_ms", "ms"),
        (bare, "p99", "bare_p99_ms", "ms"),
    )
    return [
        median_of(QUESTION, subject, name, unit, [one[key] for one in found])
        for subject, name, key, unit in metrics
    ]


def _measure(
    bootstrap: str, port: int, program: Program, connections: int, rate: int, seconds: float
) -> dict[str, float]:
    before = _resident_bytes(port)
    with ExitStack() as stack:
        following = Instrument(follower.__name__, port, connections)
        stack.callback(following.stop)
        grown = _resident_bytes(port) - before
        beside = Instrument(
            bystander.__name__, bootstrap, SYNC_TOPICS["carts"], FOLLOWED, "read_uncommitted"
        )
        stack.callback(beside.stop)
        used_s = program.cpu_seconds()
        written = _write(bootstrap, FOLLOWED, connections, rate, seconds)
        time.sleep(LAST_S)
        used_s = (program.cpu_seconds() or 0.0) - (used_s or 0.0)
        following.tell(written)
        said = following.result(OPENED_S_MAX)
        beside.tell(written)
        heard = beside.result(OPENED_S_MAX)
    program.check()
    if not said["deliveries"] == heard["heard"] == written:
        raise BenchmarkError(f"{said['deliveries']} of {written} changes were delivered")
    return {
        **said,
        "bare_p50_ms": heard["p50_ms"],
        "bare_p99_ms": heard["p99_ms"],
        "cpu_us": used_s / written * 1e6,
        "kib": grown / connections / 1024,
    }


def _write(bootstrap: str, namespace: str, customers: int, rate: int, seconds: float) -> int:
    """Write carts at an even pace; how many."""
    info = schema("CartSynced")
    encode = compile_writer(info.parsed, single_object_prefix(info))
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "acks": "all"})
    for partition in range(PARTITIONS):  # a broker that has just made topics takes a while
        producer.produce(
            SYNC_TOPICS["carts"],
            key="warm:up",
            value=encode(_cart("warm:up", EPOCH_1)),
            partition=partition,
            headers=[(EPOCH, b"1")],
        )
    producer.flush(60)
    began = time.monotonic()
    count = round(rate * seconds)
    number = 0
    while number < count:
        due = min(count, int((time.monotonic() - began) * rate) + 1)
        for one in range(number, due):
            key = f"{namespace}:{one * 7_919 % customers}"
            producer.produce(
                SYNC_TOPICS["carts"],
                key=key,
                value=encode(_cart(key, EPOCH_1 + one + 1)),
                partition=partition_for(key.encode(), PARTITIONS),
                headers=[(EPOCH, b"1")],
            )
        number = due
        producer.poll(0)
        time.sleep(LOOK_S)  # a poll that waits would end with the next acknowledgement
    producer.flush(30)
    return count


def _cart(subject: str, version: int) -> CartSynced:
    now = time.time_ns()
    at = now // 1_000_000
    cause = Cause(str(now), "CartItemAdded", "web", "bench", at, at, "applied")
    lines = tuple(
        CartLine(f"sku{one}", "", "", "", 1, Money(990, "EUR"), "Mug", at, at, "web")
        for one in range(LINES)
    )
    return CartSynced(
        subject, version, 0, 1, cause, "EUR", lines, lines[:1], (), (), None, b"\1" * 40
    )


@contextmanager
def _gateway(bootstrap: str) -> Iterator[tuple[int, Program]]:
    port = free_port()
    command = [sys.executable, "-m", "ccstream", "gateway", "--port", str(port)]
    environment = {
        "CCSTREAM_APP_ID": APP,
        "CCSTREAM_KAFKA__BOOTSTRAP": bootstrap,
        "CCSTREAM_GATEWAY__RATE_PER_SECOND": "10000000",
        "CCSTREAM_LOG__LEVEL": "warning",
    }
    with Program("gateway", command, environment) as program:
        wait_until(lambda: _get(port, "/readyz")[0] == 200, READY_S_MAX, "the gateway", program)
        yield port, program


def _resident_bytes(port: int) -> int:
    for line in _get(port, "/metrics")[1].splitlines():
        if line.startswith("process_resident_memory_bytes "):
            return int(float(line.split()[1]))
    raise BenchmarkError("this system does not tell what memory a process takes")


def _get(port: int, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
