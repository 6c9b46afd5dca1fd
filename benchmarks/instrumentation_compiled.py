"""What does it cost to measure, of a compiled worker?

The load and the subjects of :mod:`.instrumentation`. What a compiled fold counts cannot be taken
out of it, so the package is compiled a second time, from a copy whose
:class:`~ccstream.engine.chunk_statistics.ChunkStatistics` counts neither events nor their times.
A pair is two processes on one processor that fold the load turn about, a few chunks each: what
slows the machine down for a moment slows both. How much more a turn takes than the other's just
before or after is what counts, by processor time, and of a pair the median. Where its objects
happen to lie makes a process some per cent quicker or slower for as long as it lives, so there are
many pairs.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
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
COUNTS = frozenset({"counted", "taken_in"})
"""The methods that the fold calls for every event."""

EVENTS = 100_000
CUSTOMERS = 20_000
REPEATED = 7
TURN = 5 * CHUNK
"""Events: some 20 ms."""
COLD = 4
"""One part in so many comes before what counts: rows and caches are new."""


def run(
    *, events: int = EVENTS, runs: int = 25, say: Callable[[str], None] = print
) -> list[Result]:
    """Compile both, and let them take turns.

    Raises:
        BenchmarkError: something cannot be compiled, or counts what it should not.
    """
    packages = dict(zip(SUBJECTS, (_compiled_without(), _compiled()), strict=True))
    found: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    more: list[float] = []
    for number in range(1, runs + 1):
        plain, counted = _pair(packages, events, first=number % 2)
        for subject, cost in zip(SUBJECTS, (plain, counted), strict=True):
            found[subject].append(cost)
        more.append(100 * (counted / plain - 1))
        say(
            f"{QUESTION}: pair {number} of {runs}: {plain:.2f} µs an event without, "
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


def _pair(packages: dict[str, Path], events: int, first: int) -> tuple[float, float]:
    """Two processes take turns: µs an event without counts, and with."""
    with contextlib.ExitStack() as stack:
        pair = [stack.enter_context(_folding(packages[name], events, name)) for name in SUBJECTS]
        for process in pair:
            _told(process)
        turns: list[tuple[float, float]] = []
        for number in range(events // TURN):
            took = [0.0, 0.0]
            begins = (number + first) % 2  # whoever comes first finds the other's in the caches
            for index in (begins, 1 - begins):
                _go(pair[index])
                took[index] = float(_told(pair[index]))
            turns.append((took[0], took[1]))
        often, seldom = map(float, _told(pair[1]).split())
    turns = turns[len(turns) // COLD :]
    plain = statistics.median(one for one, _ in turns) / TURN
    ratio = statistics.median(more / one for one, more in turns)
    return plain * 1e6, with_the_rest(plain * ratio, often, seldom) * 1e6


@contextlib.contextmanager
def _folding(package: Path, events: int, subject: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.instrumentation_compiled", str(events), subject],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(package)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:  # waits for its end, and closes the pipes
        try:
            yield process
        finally:
            process.kill()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BenchmarkError(f"a process of the pair ended with {process.wait(timeout=60)}")
    return line


def fold_in_turns(events: int, subject: str, customers: int = CUSTOMERS) -> None:
    """Fold the load in this process, a turn for each line that comes, and answer with a line."""
    if str(fold.__file__).endswith(".py"):
        raise BenchmarkError("the fold is not compiled here")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    measuring = Measuring() if subject == "measured" else None
    house = House() if measuring is None else measuring.house
    codec, load = Codec(), Load.ending_now(events, customers)
    work = [record(codec, event, offset) for offset, event in enumerate(load.stream(ACCOUNT))]
    gc.collect()
    gc.disable()  # as the worker has it
    answer = partial(print, flush=True)
    answer("ready")
    for turn, _ in zip(range(0, events - TURN + 1, TURN), sys.stdin, strict=False):
        began = time.process_time()
        for begin in range(turn, turn + TURN, CHUNK):
            chunk, started = work[begin : begin + CHUNK], time.monotonic()
            house.fold_chunk(chunk, begin)
            if measuring is None:
                counted = house.take_statistics().outcomes()
                assert not counted, f"{subject}: it counted {counted}"
            else:
                measuring.chunk(chunk, time.monotonic() - started)
        answer(time.process_time() - began)
    assert house.post.outputs == 2 * (events - events % TURN), house.post.outputs
    if measuring is not None:
        often = min(seconds_of(measuring.second) for _ in range(REPEATED))
        seldom = min(seconds_of(measuring.scrape) for _ in range(REPEATED))
        answer(often, seldom)


if __name__ == "__main__":
    fold_in_turns(int(sys.argv[1]), sys.argv[2])
