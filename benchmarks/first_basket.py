"""How long from a fresh clone to the first basket on another channel's screen?

The repository as committed is cloned into an empty folder and its ``scripts/demo`` run
without a terminal: it makes a virtual environment, installs uv and the locked packages into
it, starts the embedded broker and a worker, and plays the scenario. The time is that until
the scenario's verdict, which comes after the first basket: an upper bound. The package
cache is as warm as this machine has it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable

from benchmarks.processes import ROOT, scratch
from benchmarks.records import BenchmarkError
from benchmarks.results import Result, median_of

__all__ = ["run"]

QUESTION = "first-basket"
DEMO_S_MAX = 300.0


def run(*, runs: int = 1, say: Callable[[str], None] = print) -> list[Result]:
    seconds: list[float] = []
    for number in range(1, runs + 1):
        clone = scratch() / f"clone-{number}"
        _clone(str(clone))
        seconds.append(_demo_seconds(str(clone)))
        shutil.rmtree(clone)
        say(f"{QUESTION}: run {number} of {runs}: {seconds[-1]:.1f} s")
    return [median_of(QUESTION, "ccstream", "seconds", "s", seconds)]


def _clone(target: str) -> None:
    done = subprocess.run(
        ["git", "clone", "--quiet", str(ROOT), target],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"the repository could not be cloned: {done.stderr.strip()}")


def _demo_seconds(clone: str) -> float:
    # An active environment would be found and used instead of a new one.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "VIRTUAL_ENV" and not name.startswith(("CCSTREAM_", "PYTHONPATH"))
    }
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "scripts/demo"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEMO_S_MAX,
        check=False,
    )
    elapsed = time.monotonic() - began
    verdict = done.stdout.strip().splitlines()[-1:] or ["{}"]
    if done.returncode or not json.loads(verdict[0]).get("converged"):
        raise BenchmarkError(f"the demo failed: {done.stderr.strip().splitlines()[-3:]}")
    return elapsed
