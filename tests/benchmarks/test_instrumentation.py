"""What a worker counts costs it little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import instrumentation
from benchmarks.instrumentation_compiled import without_counts
from benchmarks.records import BenchmarkError
from ccstream.engine import chunk_statistics

EVENTS = 4_000
PERCENT_MAX = 5.0
RUNS = 4
"""Any may be disturbed: the least counts."""


@pytest.mark.long
@pytest.mark.timeout(120)
def test_to_measure_takes_at_most_a_twentieth_of_what_it_measures() -> None:
    found = instrumentation.run(events=EVENTS, runs=RUNS)
    (runs,) = (one.runs for one in found if one.metric == "percent_more")
    assert min(runs) <= PERCENT_MAX, runs
    assert max(runs) > 0, "something is counted"


def test_a_copy_that_counts_nothing_is_otherwise_the_same() -> None:
    source = Path(chunk_statistics.__file__).with_suffix(".py").read_text(encoding="utf-8")
    copy: dict[str, Any] = {"__name__": "copy"}
    exec(without_counts(source), copy)
    one = copy["ChunkStatistics"](3)
    one.taken_in(None, "applied")
    one.counted(None, "rejected")
    assert (one.times, one.outcomes()) == ({}, {})
    one.unreadable()
    assert one.outcomes() == {("unknown", "unknown", "rejected"): 1}


def test_what_counts_no_more_as_it_did_is_noticed() -> None:
    with pytest.raises(BenchmarkError, match="one is gone"):
        without_counts("def taken_in(): ...")
