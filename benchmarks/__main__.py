"""``python -m benchmarks [question ...]``: measure, check, write, and print the table."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks import first_basket, fold, latency, memory, report, restore, results, throughput
from benchmarks.records import BenchmarkError
from ccstream.errors import CcstreamError

QUESTIONS: dict[str, Callable[..., list[results.Result]]] = {
    "throughput": throughput.run,
    "fold": fold.run,
    "latency": latency.run,
    "memory": memory.run,
    "restore": restore.run,
    "first-basket": first_basket.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="question", help=", ".join(QUESTIONS))
    parser.add_argument("--dry", action="store_true", help="print the table, write no file")
    arguments = parser.parse_args()
    for question in arguments.questions:
        if question not in QUESTIONS:
            parser.error(f"there is no question {question}; there are: {', '.join(QUESTIONS)}")
    chosen = arguments.questions or list(QUESTIONS)
    began = time.monotonic()
    found: list[results.Result] = []
    os.environ["BENCH_SCRATCH"] = tempfile.mkdtemp(prefix="ccstream-bench-")
    try:
        for question in chosen:
            say(f"{question} ...")
            found += QUESTIONS[question](say=say)
    except (BenchmarkError, CcstreamError) as error:
        say(f"failed: {error}")
        return 1
    finally:
        shutil.rmtree(os.environ["BENCH_SCRATCH"], ignore_errors=True)
    say(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    document = results.document(found)
    print(report.table(document))
    if not arguments.dry and not arguments.questions:
        say(f"written: {results.write(document)}")
    return 0


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
