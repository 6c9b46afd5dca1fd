"""What a worker counts costs it little."""

from __future__ import annotations

import pytest

from benchmarks import instrumentation

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
