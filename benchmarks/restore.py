"""How fast does a worker read its tables back from their changelogs?

Each subject folds its load once, which leaves a changelog (ccstream's: carts, touches and
windows, a record for each row that a commit, some times a second, has changed; the peers': a record
an event). Then new processes of the same name start, with no state of their own; seconds are
what they say themselves, from beginning to read to the last record in the tables: ccstream in
its metrics, Faust by its callbacks, Kafka Streams by its restore listener. That ccstream's
rows are all there is checked after each run.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence

from benchmarks.budget import rounds
from benchmarks.load import CHANNEL, Load
from benchmarks.processes import (
    Program,
    Worker,
    apply_topics,
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
from benchmarks.subjects import SUBJECTS, Place, Subject
from ccstream.wire.catalogue import changelog_topic, input_topic

__all__ = ["run"]

QUESTION = "restore"
INPUT = input_topic(CHANNEL)
FOLD_S_MAX = 300.0
RESTORE_S_MAX = 120.0
SETTLE_S = 1.0
"""After a stop, for the group to notice."""

RESTORING = ("ccstream-full", "kafka-streams-memory-alo", "kafka-streams-rocksdb-alo", "faust")
EVENTS = 120_000
LESS_FOR_FAUST = 8
"""Faust is given so much less: it takes eight times as long to fold an event."""

ROWS = 'ccstream_store_rows{table="touches"}'
SAID = re.compile(r"restored (\d+)$", re.MULTILINE)


def run(
    *,
    events: int = EVENTS,
    runs: int = 3,
    subjects: Sequence[str] = RESTORING,
    budget_s: float = 130.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    began = time.monotonic()
    chosen = [one for one in SUBJECTS if one.name in subjects]
    found: dict[str, list[float]] = {one.name: [] for one in chosen}
    places: dict[str, Place] = {}
    with kafka() as broker:
        bootstrap = broker.bootstrap
        apply_topics(worker_environment(bootstrap, "bench", "auto"))
        for subject in chosen:  # ccstream's topics are made anew: before there are others
            place = Place(bootstrap, f"bench-restore-{subject.name}", INPUT, keep=(INPUT,))
            subject.prepare(place)
            places[subject.name] = place
        # Faust first: it takes the beginning of what the others are then given whole.
        less = events // LESS_FOR_FAUST
        stream = list(Load.ending_now(events).stream())
        for is_faust in (True, False):
            write_events(bootstrap, INPUT, stream[:less] if is_faust else stream[less:])
            for subject in chosen:
                if (subject.name == "faust") == is_faust:
                    _fold(subject, places[subject.name], less if is_faust else events)
        customers = len({event.subject for event in stream})
        for number in rounds(QUESTION, runs, budget_s, say, began=began):
            for subject in chosen:
                place = places[subject.name]
                shutil.rmtree(place.folder, ignore_errors=True)
                records, seconds = _restore(subject, place, customers)
                found[subject.name].append(records / seconds)
                say(
                    f"{QUESTION}: {subject.name} run {number} of {runs}: {records:,.0f} records "
                    f"in {seconds:.2f} s"
                )
    return [
        median_of(QUESTION, subject, "records_per_second", "records/s", rates, digits=0)
        for subject, rates in found.items()
    ]


def _fold(subject: Subject, place: Place, events: int) -> None:
    """Fold all events; what is left is the changelog."""
    ends = end_offsets(place.bootstrap, place.source)

    def ended() -> bool:
        if subject.commits:
            done = committed_offsets(place.bootstrap, place.app_id, place.source, ends)
        else:
            done = sum(end_offsets(place.bootstrap, subject.output(place)).values())
        return done >= events

    with subject.start(place) as program:
        wait_until(ended, FOLD_S_MAX, f"{subject.name} has folded all", program, every_s=0.25)
    time.sleep(SETTLE_S)


def _restore(subject: Subject, place: Place, customers: int) -> tuple[float, float]:
    """Records and seconds of a restore."""
    with subject.start(place) as program:
        if isinstance(program, Worker):
            return _told_by_metrics(program, customers)
        wait_until(
            lambda: _said(program) is not None,
            RESTORE_S_MAX,
            f"{subject.name} has restored its table",
            program,
        )
        nanoseconds = _said(program)
        assert nanoseconds is not None
    changelog = end_offsets(place.bootstrap, changelog_topic(place.app_id, "carts"))
    time.sleep(SETTLE_S)
    return sum(changelog.values()), nanoseconds / 1e9


def _said(program: Program) -> int | None:
    found = SAID.search(program.log.read_text(errors="replace"))
    return int(found[1]) if found else None


def _told_by_metrics(worker: Worker, customers: int) -> tuple[float, float]:
    wait_until(
        lambda: ROWS in worker.metrics(),
        RESTORE_S_MAX,
        "the worker says how many rows it holds",
        worker,
        every_s=0.25,
    )
    metrics = worker.metrics()
    if metrics[ROWS] != customers:
        raise BenchmarkError(f"{metrics[ROWS]:,.0f} of {customers:,} rows were restored")
    seconds = metrics["ccstream_restore_duration_seconds_sum"]
    return metrics["ccstream_restore_records_total"], seconds
