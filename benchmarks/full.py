"""``python -m benchmarks.full [measurement ...]``: what takes hours, one file a measurement.

A measurement whose file is there is not taken again, so it can be stopped at any time and
goes on where it was. ``--scale 0.01`` takes a hundredth of each size, to see that everything
works; such files go to a folder of their own choice (``--into``).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import (
    instrumentation_compiled,
    latency,
    memory,
    report,
    results,
    soak,
    two_processes,
)
from benchmarks.records import BenchmarkError
from ccstream.errors import CcstreamError

__all__ = ["main", "measurements"]

FOLDER = results.FOLDER / "full"
EVENTS_OF_LINES = 1_000_000
"""For each number of lines as many events, in carts of that size."""
CARTS_LEAST, SECONDS_LEAST = 200, 3.0
"""Of the smallest scale: below, resident sets and rates are noise."""

Measure = Callable[..., list[results.Result]]


def measurements(scale: float = 1.0) -> dict[str, Measure]:
    """All measurements by the names of their files, their sizes times ``scale``."""

    def carts(count: int) -> int:
        return max(CARTS_LEAST, round(count * scale))

    found: dict[str, Measure] = {
        "latency-20000": partial(
            latency.run,
            rates=(20_000,),
            seconds=max(SECONDS_LEAST, 20.0 * scale),
            warm_up_s=max(SECONDS_LEAST, latency.WARM_UP_S * scale),
            embedded=False,
            budget_s=1_800.0,
        )
    }
    warm_up = carts(200_000)
    for count in (10_000, 100_000, 1_000_000):
        for store, name in (("memory", "carts"), ("rocksdb", "carts-rocksdb")):
            found[f"{name}-{count}"] = partial(
                memory.run, carts=carts(count), warm_up_events=warm_up, store=store
            )
    for lines in (1, 5, 20, 50):
        found[f"lines-{lines}"] = partial(
            memory.run,
            carts=carts(EVENTS_OF_LINES // lines),
            lines=lines,
            warm_up_events=warm_up,
        )
    found["processes"] = partial(two_processes.run, events=max(20_000, round(240_000 * scale)))
    found["instrumentation-compiled"] = partial(
        instrumentation_compiled.run,
        events=max(4_000, round(instrumentation_compiled.EVENTS * scale)),
    )
    found["soak"] = partial(soak.run, minutes=max(0.5, 30 * scale))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.full", description=__doc__)
    names = list(measurements())
    parser.add_argument("measurements", nargs="*", metavar="measurement", help=", ".join(names))
    parser.add_argument("--scale", type=float, default=1.0, help="all sizes times this")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder of the files")
    parser.add_argument("--again", action="store_true", help="also those that are there")
    arguments = parser.parse_args()
    for name in arguments.measurements:
        if name not in names:
            parser.error(f"there is no measurement {name}; there are: {', '.join(names)}")
    if not 0 < arguments.scale <= 1:
        parser.error("--scale is above 0 and at most 1")
    if arguments.scale != 1 and arguments.into == FOLDER:
        parser.error("sizes that are scaled go to a folder of their own: --into FOLDER")
    failed = []
    for name, measure in measurements(arguments.scale).items():
        if arguments.measurements and name not in arguments.measurements:
            continue
        path = arguments.into / f"{name}.json"
        if path.exists() and not arguments.again:
            say(f"{name}: is there, {path}")
            continue
        say(f"{name} ...")
        try:
            take(path, measure)
        except (BenchmarkError, CcstreamError) as error:
            say(f"{name} failed: {error}")
            failed.append(name)
    return 1 if failed else 0


def take(path: Path, measure: Measure) -> None:
    """Measure and write the file: whole, or not at all."""
    os.environ["BENCH_SCRATCH"] = tempfile.mkdtemp(prefix="ccstream-bench-")
    try:
        document = results.document(measure(say=say))
    finally:
        shutil.rmtree(os.environ["BENCH_SCRATCH"], ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_suffix(".part")
    partial_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    partial_path.rename(path)
    print(report.table(document))


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
