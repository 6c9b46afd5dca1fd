"""How many events a second does the gateway take over HTTP?

Singly and in batches of 50, by one process that sends the next request on a connection as soon
as the last is answered, against one gateway process. Beside it, in turn and on the same broker, a
bare endpoint on the same server that only produces what it is sent
(`benchmarks.peers.bare_ingest`): what HTTP, the producer and the broker take. Every answer waits
for the broker's acknowledgement, and what was accepted is checked to be there.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer

from benchmarks.budget import rounds
from benchmarks.instruments import poster
from benchmarks.load import CHANNEL
from benchmarks.peers import bare_ingest
from benchmarks.processes import (
    Instrument,
    Program,
    fresh_topics,
    kafka,
    wait_until,
    worker_environment,
)
from benchmarks.records import BenchmarkError, create_topic, partitions_from_end
from benchmarks.results import Result, median_of
from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.wire.catalogue import input_topic

__all__ = ["run"]

QUESTION = "ingest"
APP = "bench-ingest"
BARE = "bench-ingest"
READY_S_MAX = 60.0

SECONDS = 6.0
WARM_UP_S = 3.0

SHAPES = {1: 32, 50: 8}
"""Events a request, and connections: enough to keep the server busy while Kafka answers."""

FIGURES = (
    ("events", "rate", "events/s"),
    ("p99_ms", "p99_ms", "ms"),
    ("cpu_us_per_event", "cpu_us", "µs"),
)

RATE_MAX = "10000000"
"""The limit of a caller's rate, out of the way: here everybody is one caller."""


def run(
    *,
    seconds: float = SECONDS,
    runs: int = 3,
    budget_s: float = 130.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    began = time.monotonic()
    with kafka() as broker:
        bootstrap = broker.bootstrap
        fresh_topics(bootstrap, worker_environment(bootstrap, APP, "auto"))
        create_topic(bootstrap, BARE, 8)
        for _ in rounds(QUESTION, runs, budget_s, say, began=began):
            for subject, serve in (("bare-endpoint", _bare), ("gateway", _gateway)):
                with serve(bootstrap) as (port, program):
                    topic = BARE if subject == "bare-endpoint" else input_topic(CHANNEL)
                    for events, connections in SHAPES.items():
                        before = _stored(bootstrap, topic)
                        used = program.cpu_seconds() or 0.0
                        one = _measure(port, events, connections, seconds)
                        one["cpu_us"] = (
                            ((program.cpu_seconds() or 0.0) - used) / one["posted"] * 1e6
                        )
                        if _stored(bootstrap, topic) - before < one["accepted"]:
                            raise BenchmarkError(f"{subject} accepted more than is in {topic}")
                        found.setdefault((subject, events), []).append(one)
                        figures = f"{one['rate']:,.0f} events/s, {one['cpu_us']:.0f} µs of cpu each"
                        say(f"{QUESTION}: {subject} by {events}: {figures}")
    results = [
        median_of(QUESTION, subject, f"{name}_by_{events}", unit, [one[key] for one in measured])
        for (subject, events), measured in sorted(found.items(), key=lambda one: one[0][1])
        for name, key, unit in FIGURES
    ]
    return [*results, *(_ratio(found, events) for events in SHAPES)]


def _ratio(found: dict[tuple[str, int], list[dict[str, float]]], events: int) -> Result:
    """Of each round the gateway's rate over the bare endpoint's, and the median."""
    pairs = zip(found["gateway", events], found["bare-endpoint", events], strict=True)
    ratios = [gateway["rate"] / bare["rate"] for gateway, bare in pairs]
    return median_of(QUESTION, f"gateway by {events}", "times_bare_endpoint", "x", ratios, digits=2)


@contextmanager
def _bare(bootstrap: str) -> Iterator[tuple[int, Program]]:
    port = free_port()
    command = [sys.executable, "-m", bare_ingest.__name__, bootstrap, BARE, str(port)]
    with _ready(Program("bare-endpoint", command, {}), port) as program:
        yield port, program


@contextmanager
def _gateway(bootstrap: str) -> Iterator[tuple[int, Program]]:
    port = free_port()
    command = [sys.executable, "-m", "ccstream", "gateway", "--port", str(port)]
    environment = {
        "CCSTREAM_APP_ID": APP,
        "CCSTREAM_KAFKA__BOOTSTRAP": bootstrap,
        "CCSTREAM_GATEWAY__RATE_PER_SECOND": RATE_MAX,
        "CCSTREAM_LOG__LEVEL": "warning",
    }
    with _ready(Program("gateway", command, environment), port) as program:
        yield port, program


@contextmanager
def _ready(program: Program, port: int) -> Iterator[Program]:
    def answers() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    with program:
        wait_until(answers, READY_S_MAX, f"{program.name} answers", program)
        yield program


def _stored(bootstrap: str, topic: str) -> int:
    """How many records a topic has had."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-ingest"})
    try:
        return sum(place.offset for place in partitions_from_end(consumer, topic))
    finally:
        consumer.close()


def _measure(port: int, events: int, connections: int, seconds: float) -> dict[str, float]:
    posting = Instrument(poster.__name__, port, events, connections, WARM_UP_S, seconds)
    try:
        said = posting.result(WARM_UP_S + seconds + 60)
    finally:
        posting.stop()
    if said["refused"] or not said["accepted"]:
        raise BenchmarkError(f"{said['refused']} requests were refused, by {events} events")
    return {**said, "rate": said["accepted"] / said["seconds"]}
