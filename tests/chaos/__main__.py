"""Chaos runs, seed after seed: ``make chaos RUNS=200 SEED=0``.

Each run's outcome is one line in the results, with its seed and commit; a run that failed keeps
its workers' logs and says where. ``--resume`` leaves out what was done at this commit. Any seed can
be run by itself: ``make chaos SEED=17``.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ccstream.devkit.kafka_jars import KAFKA_VERSION
from tests.chaos.cluster import Cluster
from tests.chaos.faults import FAULTS, plan_for
from tests.chaos.faulty_worker import MUTANTS
from tests.chaos.run import Outcome, Run
from tests.support.brokers import why_no_local_kafka

__all__ = ["main"]

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "chaos.jsonl"

RUNS_PER_BROKER = 25
"""A broker that has seen hundreds of topics come and go starts more slowly after each kill."""


def commit() -> str:
    """The commit that is run; with a plus sign if files of the product or the suite differ."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "schemas", "tests/chaos")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def done_before(results: Path, at: str) -> set[int]:
    if not results.exists():
        return set()
    lines = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    return {line["seed"] for line in lines if line["commit"] == at and line["outcome"] == "ok"}


def as_line(outcome: Outcome, at: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "seed": outcome.seed,
        "commit": at,
        "kafka": KAFKA_VERSION,
        "faults": outcome.faults,
        "counts": dict(sorted(outcome.counts.items())),
        "outcome": outcome.outcome,
        "seconds": outcome.seconds,
    }
    return line | ({"detail": outcome.detail} if outcome.detail else {})


def play(seeds: list[int], at: str, results: Path | None, mutant: str) -> list[Outcome]:
    """Run them on one broker after the other."""
    outcomes: list[Outcome] = []
    while seeds:
        batch, seeds = seeds[:RUNS_PER_BROKER], seeds[RUNS_PER_BROKER:]
        with Cluster() as cluster:
            for number, seed in enumerate(batch):
                outcome = Run(cluster, plan_for(seed), mutant).carry_out()
                outcomes.append(outcome)
                _tell(outcome)
                if results is not None:
                    with results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(as_line(outcome, at)) + "\n")
                if outcome.outcome != "ok":  # whatever state the broker is in
                    seeds = batch[number + 1 :] + seeds
                    break
    return outcomes


def _tell(outcome: Outcome) -> None:
    faults = " + ".join(outcome.faults)
    sys.stdout.write(f"seed {outcome.seed}: {outcome.outcome}, {outcome.seconds:.0f} s, {faults}\n")
    if outcome.detail:
        sys.stdout.write(f"  {outcome.detail}\n  its logs are in {outcome.folder}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--resume", action="store_true", help="leave out what is done")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the lines go")
    parser.add_argument("--no-results", action="store_true", help="write no lines")
    parser.add_argument("--mutant", choices=MUTANTS, default="", help="a mistake to be found")
    given = parser.parse_args(arguments)
    missing = why_no_local_kafka()
    if missing:
        sys.stderr.write(f"The chaos suite needs a Kafka of its own: {missing}\n")
        return 2
    for fault in FAULTS:
        if fault.missing:
            sys.stdout.write(f"left out: {fault.name} ({fault.missing})\n")
    # That a broker is away is what faults do; a view says so each time.
    logging.getLogger("ccstream").setLevel(logging.ERROR)
    at = commit()
    seeds = list(range(given.seed, given.seed + given.runs))
    if given.resume:
        seeds = [seed for seed in seeds if seed not in done_before(given.results, at)]
    started = time.monotonic()
    results = None if given.no_results or given.mutant else given.results
    outcomes = play(seeds, at, results, given.mutant)
    faults = Counter(fault for one in outcomes for fault in one.faults)
    for name, number in faults.most_common():
        sys.stdout.write(f"{number:4d} {name}\n")
    bad = [one.seed for one in outcomes if one.outcome != "ok"]
    minutes = (time.monotonic() - started) / 60
    sys.stdout.write(f"{len(outcomes)} runs in {minutes:.1f} minutes, failed seeds: {bad}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
