"""How many cart events a second? ccstream beside its peers, in turn, on one broker.

All subjects read events written before (quick ones more, slow ones fewer of them, of the same
shape); each run is a new process with no state, and new output topics. The broker, too, compiles
itself while it runs, so that some runs which are not counted come first. The rate is that of the
second half of the outputs as the broker appended them, so that neither starting up nor, for a
JVM, compiling is counted. A subject that commits has ended only when the input is committed to
its last record. Afterwards each output is decoded and checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.budget import rounds
from benchmarks.load import CHANNEL, Load
from benchmarks.processes import Broker, apply_topics, kafka, wait_until, worker_environment
from benchmarks.records import (
    append_rate,
    committed_offsets,
    create_topic,
    end_offsets,
    read,
    write_events,
)
from benchmarks.results import Result, median_of
from benchmarks.subjects import PARTITIONS, SUBJECTS, LoadName, Place, Subject
from ccstream.domain.events import Event
from ccstream.wire.catalogue import input_topic

__all__ = ["run"]

QUESTION = "throughput"
INPUTS: Mapping[LoadName, str] = {
    "small": "bench-events-small",
    "usual": input_topic(CHANNEL),
    "large": "bench-events-large",
}

EVENTS = 120_000
LOADS: Mapping[LoadName, float] = {"small": 1 / 3, "usual": 1, "large": 3}
"""So many times the events, of as many times the customers: carts have the same size. With the
large load the second half begins when a JVM has compiled what it runs; with the small one a
subject of a thousand events/s does not take the time of all others together."""

WARM_UP = "ccstream-full"
WARM_UPS = 3
"""Runs of this one after which the broker's part of an event no longer falls."""

RUN_S_MAX = 300.0
LOOK_S = 0.1
LATE = 0.9
"""A subject that has put out more than this when it is first seen to have put out half is too
quick for its load: its processor time over so few events would be that of its last breath."""

Measured = dict[str, float]


def run(
    *,
    events: int = EVENTS,
    runs: int = 3,
    subjects: Sequence[str] = (),
    budget_s: float = 300.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Measure all subjects, or those named, ``runs`` times each, in turn."""
    began = time.monotonic()
    chosen = [one for one in SUBJECTS if not subjects or one.name in subjects]
    customers = Load.ending_now(events).customers
    loads = {
        name: list(Load.ending_now(round(events * times), round(customers * times)).stream())
        for name, times in LOADS.items()
        if any(one.load == name for one in chosen)
    }
    found: dict[str, list[Measured]] = {}
    with kafka() as broker:
        bootstrap = broker.bootstrap
        apply_topics(worker_environment(bootstrap, "bench", "auto"))
        for name, stream in loads.items():
            if name != "usual":
                create_topic(
                    bootstrap, INPUTS[name], PARTITIONS, message_timestamp_type="LogAppendTime"
                )
            write_events(bootstrap, INPUTS[name], stream)

        def measured(subject: Subject, number: int) -> Measured:
            place = Place(
                bootstrap,
                f"bench-{subject.name}-{number}",
                INPUTS[subject.load],
                keep=tuple(INPUTS.values()),
            )
            return _measure(broker, subject, place, loads[subject.load])

        for number in range(1, WARM_UPS + 1):
            for subject in (one for one in chosen if one.name == WARM_UP):
                figures = _written(measured(subject, -number))
                say(f"{QUESTION}: {subject.name} warms the broker up, not counted: {figures}")
        for number in rounds(QUESTION, runs, budget_s, say, began=began):
            for subject in chosen:
                values = measured(subject, number)
                found.setdefault(subject.name, []).append(values)
                say(f"{QUESTION}: {subject.name} run {number} of {runs}: {_written(values)}")
    return [*_medians(found), *_ratios(found)]


def _written(values: Measured) -> str:
    return ", ".join(f"{name} {value:,.1f}" for name, value in values.items())


def _measure(broker: Broker, subject: Subject, place: Place, events: list[Event]) -> Measured:
    bootstrap, output, count = broker.bootstrap, subject.output(place), len(events)
    inputs = end_offsets(bootstrap, place.source)

    def put_out() -> int:
        return sum(end_offsets(bootstrap, output).values())

    def ended() -> bool:
        if subject.commits:
            return committed_offsets(bootstrap, place.app_id, place.source, inputs) >= count
        return put_out() >= count

    subject.prepare(place)
    with subject.start(place) as program:
        wait_until(
            lambda: put_out() >= count // 2,
            RUN_S_MAX,
            f"{subject.name} has put out the first half",
            program,
            every_s=LOOK_S,
        )
        half, own, brokers = put_out(), program.cpu_seconds(), broker.cpu_seconds()
        wait_until(
            ended,
            RUN_S_MAX,
            f"{subject.name} has put out all",
            program,
            every_s=LOOK_S,
        )
        own_end, brokers_end = program.cpu_seconds(), broker.cpu_seconds()
    outputs = read(bootstrap, output)
    subject.check(place, outputs, events)
    measured = {"events_per_second": append_rate(outputs)}
    if half > count * LATE:
        return measured
    million = (count - half) / 1e6
    if own is not None and own_end is not None:
        measured["cpu_s_per_million"] = (own_end - own) / million
    if brokers is not None and brokers_end is not None:
        measured["broker_cpu_s_per_million"] = (brokers_end - brokers) / million
    return measured


UNITS = {
    "events_per_second": ("events/s", 0),
    "cpu_s_per_million": ("s", 1),
    "broker_cpu_s_per_million": ("s", 1),
}


def _medians(found: dict[str, list[Measured]]) -> list[Result]:
    return [
        median_of(QUESTION, subject, metric, unit, values, digits=digits)
        for metric, (unit, digits) in UNITS.items()
        for subject, runs in found.items()
        if (values := [one[metric] for one in runs if metric in one])
    ]


RATIOS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "ccstream-cart",
        "times_kafka_streams_eos",
        (
            "kafka-streams-memory-eos",
            "kafka-streams-rocksdb-eos",
            "kafka-streams-memory-eos-500ms",
        ),
    ),
    (
        "ccstream-cart",
        "times_kafka_streams_alo",
        ("kafka-streams-memory-alo", "kafka-streams-rocksdb-alo"),
    ),
    ("ccstream-cart", "times_bare_loop", ("bare-loop",)),
    (
        "ccstream-full",
        "times_kafka_streams_alo",
        ("kafka-streams-memory-alo", "kafka-streams-rocksdb-alo"),
    ),
    ("ccstream-full", "times_quix_streams", ("quix-streams",)),
    ("ccstream-full", "times_faust", ("faust",)),
)
"""Whose rate is divided by whose; of several, by the fastest."""


def _ratios(found: dict[str, list[Measured]]) -> list[Result]:
    rates = {one.subject: one.value for one in _medians(found) if one.metric == "events_per_second"}
    return [
        Result(
            QUESTION,
            subject,
            metric,
            round(rates[subject] / max(rates[name] for name in others), 2),
            "x",
        )
        for subject, metric, others in RATIOS
        if subject in rates and rates.keys() >= set(others)
    ]
