"""``python -m benchmarks [question ...]``: measure, check, write, and print the table."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks import (
    click,
    first_basket,
    fold,
    ingest,
    instrumentation,
    latency,
    memory,
    merges,
    push,
    report,
    restore,
    results,
    throughput,
)
from benchmarks.records import BenchmarkError
from ccstream.errors import CcstreamError

__all__ = ["main", "questions"]

SCALE_LEAST = 0.02
"""Below, runs are over before they are looked at."""

UNHURRIED_S = 3_600.0
HURRIED = frozenset(
    {"throughput", "latency", "merges", "restore", "ingest", "push", "click-to-seen"}
)
"""Questions that have fewer runs where they take too long for all of them to end in time. One that
is asked by its name has all of its runs."""

Measure = Callable[..., list[results.Result]]


def questions(scale: float = 1.0) -> Mapping[str, Measure]:
    """Every question by its name, its sizes times ``scale``."""

    def size(usual: int) -> int:
        return round(usual * scale)

    return {
        "throughput": partial(throughput.run, events=size(throughput.EVENTS)),
        "fold": partial(fold.run, events=size(fold.EVENTS)),
        "instrumentation": partial(instrumentation.run, events=size(instrumentation.EVENTS)),
        "latency": partial(
            latency.run,
            seconds=max(2.0, latency.SECONDS * scale),
            warm_up_s=max(4.0, latency.WARM_UP_S * scale),
        ),
        "merges": partial(
            merges.run,
            seconds=max(2.0, merges.SECONDS * scale),
            warm_up_s=max(2.0, merges.WARM_UP_S * scale),
        ),
        "memory": partial(
            memory.run, carts=size(memory.CARTS), warm_up_events=size(memory.WARM_UP_EVENTS)
        ),
        "restore": partial(restore.run, events=size(restore.EVENTS)),
        "first-basket": first_basket.run,
        "ingest": partial(ingest.run, seconds=max(1.0, ingest.SECONDS * scale)),
        "push": partial(
            push.run,
            connections=size(push.CONNECTIONS),
            seconds=max(2.0, push.SECONDS * scale),
            warm_up_s=max(2.0, push.WARM_UP_S * scale),
        ),
        "click-to-seen": partial(
            click.run,
            clicks=max(10, size(click.CLICKS)),
            warm_up_s=max(2.0, click.WARM_UP_S * scale),
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    names = list(questions())
    parser.add_argument("questions", nargs="*", metavar="question", help=", ".join(names))
    parser.add_argument(
        "--scale", type=float, default=1.0, help="all sizes times this, to try it; writes no file"
    )
    parser.add_argument("--dry", action="store_true", help="print the table, write no file")
    arguments = parser.parse_args()
    for question in arguments.questions:
        if question not in names:
            parser.error(f"there is no question {question}; there are: {', '.join(names)}")
    if not SCALE_LEAST <= arguments.scale <= 1:
        parser.error(f"--scale is {SCALE_LEAST} to 1")
    began = time.monotonic()
    found: list[results.Result] = []
    failed = False
    os.environ["BENCH_SCRATCH"] = tempfile.mkdtemp(prefix="ccstream-bench-")
    try:
        for question, measure in questions(arguments.scale).items():
            if arguments.questions and question not in arguments.questions:
                continue
            alone = bool(arguments.questions) and question in HURRIED
            patience = {"budget_s": UNHURRIED_S} if alone else {}
            say(f"{question} ...")
            started = time.monotonic()
            try:
                found += measure(say=say, **patience)
            except (BenchmarkError, CcstreamError) as error:
                say(f"{question} failed: {error}")
                failed = True
            say(f"{question} took {time.monotonic() - started:.0f} s")
    finally:
        shutil.rmtree(os.environ["BENCH_SCRATCH"], ignore_errors=True)
    say(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    document = results.document(found)
    print(report.table(document))
    if not (failed or arguments.dry or arguments.scale != 1):
        if arguments.questions:
            try:
                document = results.renewed(document)
            except ValueError as error:
                say(f"not written: {error}")
                return 0
        say(f"written: {results.write(document)}")
    return int(failed)


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
