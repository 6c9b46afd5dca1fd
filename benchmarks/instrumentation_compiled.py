"""What does it cost to measure, of a compiled worker?

The load and the subjects of :mod:`.instrumentation`. What a compiled fold counts cannot be taken
out of it, so the package is compiled a second time, from a copy whose
:class:`~ccstream.engine.chunk_statistics.ChunkStatistics` counts neither events nor their times.
The two run in turns, in processes of their own, each folds the load from its beginning, and of the
chunks of either the median counts, by processor time.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.fold import ACCOUNT, House, record
from benchmarks.instrumentation import CHUNK, SUBJECTS, Measuring, seconds_of, with_the_rest
from benchmarks.load import Load
from benchmarks.processes import ROOT, scratch
from benchmarks.records import BenchmarkError
from benchmarks.results import Result, median_of
from ccstream.engine import fold
from ccstream.wire.codec import Codec

__all__ = ["run", "without_counts"]

QUESTION = "instrumentation-compiled"
COUNTED = Path("ccstream/engine/chunk_statistics.py")
COUNTS = frozenset({"applied", "ended"})
"""The methods that the fold calls for every event."""

EVENTS = 100_000
CUSTOMERS = 20_000
REPEATED = 7
COLD = 4
"""One part in so many comes before what counts: rows and caches are new."""


def run(*, events: int = EVENTS, runs: int = 7, say: Callable[[str], None] = print) -> list[Result]:
    """Compile both, and let them take turns.

    Raises:
        BenchmarkError: something cannot be compiled, or counts what it should not.
    """
    packages = dict(zip(SUBJECTS, (_compiled_without(), _compiled()), strict=True))
    found: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    more: list[float] = []
    for number in range(1, runs + 1):
        pair = {}
        # Whoever comes first has not always the machine as the other left it.
        for subject in SUBJECTS if number % 2 else reversed(SUBJECTS):
            pair[subject] = _measured(packages[subject], events, subject)
        for subject, cost in pair.items():
            found[subject].append(cost)
        plain, counted = (pair[subject] for subject in SUBJECTS)
        more.append(100 * (counted / plain - 1))
        say(
            f"{QUESTION}: run {number} of {runs}: {plain:.2f} µs an event without, "
            f"{counted:.2f} with, {more[-1]:.1f} % more"
        )
    return [
        *(
            median_of(QUESTION, subject, "cpu_us_per_event", "µs", found[subject], digits=2)
            for subject in SUBJECTS
        ),
        median_of(QUESTION, "measured", "percent_more", "%", more),
    ]


def without_counts(source: str) -> str:
    """The module of what a chunk did, with methods that count nothing.

    Raises:
        BenchmarkError: it has no such methods.
    """
    tree = ast.parse(source)
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in COUNTS
    ]
    if {node.name for node in found} != COUNTS:
        raise BenchmarkError(f"{COUNTED} does not count as it did: of {sorted(COUNTS)} one is gone")
    for node in found:
        node.body = [ast.Pass()]
    return ast.unparse(tree)


def _compiled() -> Path:
    _compile()
    return ROOT / "build/compiled"


def _compiled_without() -> Path:
    source, into = scratch() / "uncounted-source", scratch() / "uncounted"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    module = source / COUNTED
    module.write_text(without_counts(module.read_text(encoding="utf-8")), encoding="utf-8")
    _compile(str(source), str(into))
    return into


def _compile(*source_and_into: str) -> None:
    done = subprocess.run(
        [str(ROOT / "scripts/compile"), *source_and_into],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"it could not be compiled: {done.stderr.strip()[-400:]}")


def _measured(package: Path, events: int, subject: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.instrumentation_compiled", str(events), subject],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{subject}: {done.stderr.strip()[-400:]}")
    cost: float = json.loads(done.stdout)["cpu_us_per_event"]
    return cost


def measure(events: int, subject: str, customers: int = CUSTOMERS) -> float:
    """Fold the load in this process: µs of processor time an event."""
    if str(fold.__file__).endswith(".py"):
        raise BenchmarkError("the fold is not compiled here")
    measuring = Measuring() if subject == "measured" else None
    house = House() if measuring is None else measuring.house
    codec, load = Codec(), Load.ending_now(events, customers)
    work = [record(codec, event, offset) for offset, event in enumerate(load.stream(ACCOUNT))]
    took: list[float] = []
    counted = 0
    gc.collect()
    gc.disable()  # as the worker has it
    try:
        for begin in range(0, events, CHUNK):
            chunk = work[begin : begin + CHUNK]
            started, began = time.monotonic(), time.process_time()
            house.fold_chunk(chunk, begin)
            if measuring is None:
                counted += len(house.take_statistics().outcomes)
            else:
                measuring.chunk(chunk, time.monotonic() - started)
            took.append(time.process_time() - began)
        often = seldom = 0.0
        if measuring is not None:
            often = min(seconds_of(measuring.second) for _ in range(REPEATED))
            seldom = min(seconds_of(measuring.scrape) for _ in range(REPEATED))
    finally:
        gc.enable()
    if counted or house.post.outputs != 2 * events:
        raise BenchmarkError(f"{subject}: it counted {counted}, and put out {house.post.outputs}")
    plain = statistics.median(took[len(took) // COLD :]) / CHUNK
    return with_the_rest(plain, often, seldom) * 1e6


if __name__ == "__main__":
    print(json.dumps({"cpu_us_per_event": measure(int(sys.argv[1]), sys.argv[2])}))
