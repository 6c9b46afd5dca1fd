"""Who is compared: ccstream in three forms and its peers, each with how it is run and checked.

Every subject folds the same cart events into a cart a customer with a changelog, and puts out
a snapshot for each event; what else it does is in the table of docs/performance.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

from confluent_kafka import Message

from benchmarks.checks import check_cart_snapshots, check_json_carts, check_last_touches
from benchmarks.peers import bare, build, ccstream_cart
from benchmarks.processes import (
    FAUST,
    ROOT,
    Program,
    ccstream_worker,
    fresh_topics,
    scratch,
    worker_environment,
)
from benchmarks.records import create_topic, read
from ccstream.devkit.kafka_jars import find_java
from ccstream.devkit.ports import free_port
from ccstream.domain.events import Event
from ccstream.wire.catalogue import SYNC_TOPICS

__all__ = ["CACHE_ROWS", "PARTITIONS", "SUBJECTS", "LoadName", "Place", "Subject"]

PARTITIONS = 8
CACHE_ROWS = "32768"
"""Decoded rows of a table: with the default of 8,192, which bounds memory, most of the load's
20,000 customers would be decoded anew for every event, which is not what is asked here."""


@dataclass(frozen=True)
class Place:
    """Where a subject works. ``keep`` are the topics that it has to leave alone."""

    bootstrap: str
    app_id: str
    source: str
    keep: Sequence[str]

    @property
    def target(self) -> str:
        """The output topic of those that can be told one."""
        return f"{self.app_id}-snapshots"

    @property
    def folder(self) -> str:
        """For state on disk."""
        return str(scratch() / self.app_id)


LoadName = Literal["small", "usual", "large"]
Starts = Callable[[Place], AbstractContextManager[Program]]


def _environment(place: Place, delivery: str) -> dict[str, str]:
    return worker_environment(
        place.bootstrap, place.app_id, delivery, state__cache_rows_max=CACHE_ROWS
    )


def _fresh(place: Place) -> None:
    """State, outputs and owners of an earlier run would be found by this one."""
    fresh_topics(place.bootstrap, _environment(place, "auto"), keep=place.keep)


def _make_target(place: Place) -> None:
    create_topic(place.bootstrap, place.target, PARTITIONS, message_timestamp_type="LogAppendTime")


def _fresh_cart(place: Place) -> None:
    _fresh(place)
    _make_target(place)


def _ccstream(delivery: str) -> Starts:
    @contextmanager
    def start(place: Place) -> Iterator[Program]:
        with ccstream_worker(_environment(place, delivery)) as worker:
            yield worker

    return start


@contextmanager
def _ccstream_cart(place: Place) -> Iterator[Program]:
    module = (ccstream_cart.__name__, place.source, place.target)
    with ccstream_worker(_environment(place, "transactional"), *module) as worker:
        yield worker


@contextmanager
def _faust(place: Place) -> Iterator[Program]:
    env = {
        "BENCH_APP_ID": place.app_id,
        "BENCH_BOOTSTRAP": place.bootstrap,
        "BENCH_INPUT": place.source,
        "BENCH_OUTPUT": place.target,
    }
    command = [str(FAUST), "-A", "benchmarks.peers.faust_cart", "--datadir", place.folder]
    command += ["worker", "-l", "warn", "--web-port", str(free_port())]
    with Program("faust", command, env) as program:
        yield program


@contextmanager
def _quix(place: Place) -> Iterator[Program]:
    python = str(build.tools_python())
    names = (place.bootstrap, place.app_id, place.source, place.target, place.folder)
    with Program("quix", [python, "-m", "benchmarks.peers.quix_cart", *names], {}) as program:
        yield program


def _kafka_streams(store: str, guarantee: str, *commit_interval_ms: str) -> Starts:
    @contextmanager
    def start(place: Place) -> Iterator[Program]:
        command = [find_java(), "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
        command += ["-cp", build.kafka_streams_classpath(), "Carts"]
        command += [place.bootstrap, place.app_id, place.source, place.target]
        command += [guarantee, store, place.folder, str(ROOT / "schemas"), *commit_interval_ms]
        with Program("kafka-streams", command, {}) as program:
            yield program

    return start


@contextmanager
def _bare(place: Place) -> Iterator[Program]:
    names = (place.bootstrap, place.source, place.target)
    with Program("bare", [sys.executable, "-m", bare.__name__, *names], {}) as program:
        yield program


@dataclass(frozen=True)
class Subject:
    """One to be measured.

    ``prepare`` makes its topics; ``start`` may be called again after it, and then finds what the
    process before has left. ``load`` is how much it is given, by the names of
    `benchmarks.throughput.LOADS`. ``commits`` says that the run has ended when the input is
    committed to its last record, otherwise it has when there is an output for each event.
    """

    name: str
    start: Starts
    load: LoadName
    commits: bool
    prepare: Callable[[Place], None] = _make_target
    syncs: bool = False
    """It puts out ccstream's sync events, on ccstream's topics."""

    def output(self, place: Place) -> str:
        return SYNC_TOPICS["carts"] if self.syncs else place.target

    def check(self, place: Place, outputs: list[Message], events: Sequence[Event]) -> None:
        """Compare every output with an independent fold."""
        if self.syncs:
            check_cart_snapshots(outputs, events)
            check_last_touches(read(place.bootstrap, SYNC_TOPICS["touches"]), events)
        else:
            check_json_carts(outputs, events)


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        "ccstream-full",
        _ccstream("transactional"),
        load="usual",
        commits=True,
        prepare=_fresh,
        syncs=True,
    ),
    Subject(
        "ccstream-plain", _ccstream("plain"), load="usual", commits=True, prepare=_fresh, syncs=True
    ),
    Subject("ccstream-cart", _ccstream_cart, load="large", commits=True, prepare=_fresh_cart),
    Subject(
        "kafka-streams-memory-eos",
        _kafka_streams("memory", "exactly_once_v2"),
        load="large",
        commits=True,
    ),
    Subject(
        "kafka-streams-rocksdb-eos",
        _kafka_streams("rocksdb", "exactly_once_v2"),
        load="large",
        commits=True,
    ),
    Subject(
        "kafka-streams-memory-eos-500ms",
        _kafka_streams("memory", "exactly_once_v2", "500"),
        load="large",
        commits=True,
    ),
    Subject(
        "kafka-streams-memory-alo",
        _kafka_streams("memory", "at_least_once"),
        load="large",
        commits=False,
    ),
    Subject(
        "kafka-streams-rocksdb-alo",
        _kafka_streams("rocksdb", "at_least_once"),
        load="large",
        commits=False,
    ),
    Subject("bare-loop", _bare, load="large", commits=False),
    Subject("quix-streams", _quix, load="usual", commits=False),
    Subject("faust", _faust, load="small", commits=False),
)
"""In the order in which they take their turns."""
