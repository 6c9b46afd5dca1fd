"""``python -m benchmarks.profile``: where a worker's time goes, as a flame graph for the docs.

A worker folds the throughput load under py-spy, which looks at its stacks a hundred times a
second; compiled functions are seen by their symbols. Only the threads that work are drawn (the
engine's and the committer's), and nothing narrower than the eye sees, so that the picture stays
small enough to be checked in.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.flame import draw
from benchmarks.load import CHANNEL, Load
from benchmarks.peers.build import tools_python
from benchmarks.processes import (
    ROOT,
    ccstream_worker,
    fresh_topics,
    kafka,
    wait_until,
    worker_environment,
)
from benchmarks.records import BenchmarkError, committed_offsets, end_offsets, write_events
from benchmarks.subjects import CACHE_ROWS
from ccstream.wire.catalogue import input_topic

__all__ = ["main"]

INPUT = input_topic(CHANNEL)
APP_ID = "bench-profile"
SOURCE = ROOT / "src" / "ccstream"
PICTURE = ROOT / "docs" / "performance-profile.svg"
SAMPLES_A_SECOND = 100
RUN_S_MAX = 300.0
WRITE_S_MAX = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.profile", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--into", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    os.environ["BENCH_SCRATCH"] = tempfile.mkdtemp(prefix="ccstream-bench-")
    try:
        stacks = record(arguments.events)
    finally:
        shutil.rmtree(os.environ["BENCH_SCRATCH"], ignore_errors=True)
    title = f"A worker folding {arguments.events:,} cart events, by processor time"
    arguments.into.write_text(draw(stacks, title), encoding="utf-8")
    print(f"written: {arguments.into}", file=sys.stderr)
    return 0


def record(events: int) -> Counter[tuple[str, ...]]:
    """The stacks of a worker that folds ``events``, outermost frame first."""
    folded = Path(os.environ["BENCH_SCRATCH"]) / "stacks.txt"
    with kafka() as broker:
        bootstrap = broker.bootstrap
        env = worker_environment(
            bootstrap, APP_ID, "transactional", state__cache_rows_max=CACHE_ROWS
        )
        fresh_topics(bootstrap, env)
        write_events(bootstrap, INPUT, Load.ending_now(events).stream())
        ends = end_offsets(bootstrap, INPUT)
        command = [str(tools_python().with_name("py-spy")), "record", "--native", "--threads"]
        command += ["--format", "raw", "--rate", str(SAMPLES_A_SECOND)]
        command += ["--duration", "unlimited", "--output", str(folded)]
        with ccstream_worker(env) as worker:
            looking = subprocess.Popen(
                [*command, "--pid", str(worker.pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                wait_until(
                    lambda: committed_offsets(bootstrap, APP_ID, INPUT, ends) >= events,
                    RUN_S_MAX,
                    "all events are committed",
                    worker,
                    every_s=0.25,
                )
            finally:
                looking.send_signal(signal.SIGINT)
                _, said = looking.communicate(timeout=WRITE_S_MAX)
    if not folded.exists():
        raise BenchmarkError(f"py-spy saw nothing: {said.strip().splitlines()[-1:]}")
    return read(folded.read_text(encoding="utf-8"))


WORKING = ("ccstream-engine", "ccstream-commit")
WAITING = ";_queue_SimpleQueue_get"
"""For work. A thread that is on its way to sleep may still be seen as running."""
THREAD = re.compile(r"thread \(\d+\): (?P<name>.*)")
FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]+?)(:\d+)?\)")
COMPILED = re.compile(r"CPyDef_(?P<name>\w+)")
PLUMBING = re.compile(
    r"0x[0-9a-f]+|CPy|_?Py|thread_run|Thread\.|clone|start_thread|method_vectorcall|.*mypyc_lambda"
)
"""Frames that say nothing: addresses, the interpreter's and the compiler's own calls, starts."""


def read(text: str) -> Counter[tuple[str, ...]]:
    """The stacks that py-spy wrote, of the threads that work, as names for people."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        names, _, samples = line.rpartition(" ")
        first, *frames = names.split(";")
        thread = THREAD.fullmatch(first)
        if thread is None or thread["name"] not in WORKING or WAITING in names:
            continue
        stack = [thread["name"]]
        for name in filter(None, map(_name, frames)):
            if name != stack[-1]:
                stack.append(name)
        stacks[tuple(stack)] += int(samples)
    return stacks


def _name(frame: str) -> str | None:
    """``CPyDef_fold___Folder____apply (x.c:1)`` is fold.Folder._apply of ccstream/engine."""
    found = FRAME.fullmatch(frame)
    function, file = (found["function"], found["file"]) if found else (frame, "")
    compiled = COMPILED.fullmatch(function)
    if compiled and not PLUMBING.match(compiled["name"]):
        module, *rest = compiled["name"].split("___")
        if module in LAYERS and rest:  # two modules of one name have their package in front
            return f"{'.'.join(rest)} (ccstream/{module})"
        return f"{'.'.join([module, *rest])} (ccstream/{_layer_of(module)})"
    if PLUMBING.match(function):
        return None
    where = Path(file)
    if "ccstream" in where.parts:
        folder = "/".join(where.parts[where.parts.index("ccstream") : -1])
        return f"{where.stem}.{function} ({folder})"
    return f"{function} ({where.parts[0] if where.parts else 'native'})"


LAYERS = ("domain", "wire", "engine", "ops")


def _layer_of(module: str) -> str:
    found = (layer for layer in LAYERS if (SOURCE / layer / f"{module}.py").exists())
    return next(found, "other")


if __name__ == "__main__":
    sys.exit(main())
