"""What the engine's thread is at: its rows of the table of metrics."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import MetricSpec

__all__ = ["ENGINE_METRICS", "STEP"]

STEP: Final = "ccstream_step_seconds"

ENGINE_METRICS: Final = (
    MetricSpec(
        name="ccstream_timers_due",
        kind="gauge",
        unit="entities",
        help="Entities with wall-clock timers that are due and have not fired yet; of a "
        "partition at most 10,000 are counted.",
    ),
    MetricSpec(
        name="ccstream_timers_late_seconds",
        kind="gauge",
        unit="seconds",
        help="How long the one of them has been due that has been due the longest.",
    ),
    MetricSpec(
        name="ccstream_timers_fired_total",
        kind="counter",
        unit="timers",
        labels=("table", "outcome"),
        help="Timers that fired, by whose they were and what became of it: fired, rejected, "
        "dropped (nothing of the kind is configured any more).",
    ),
    MetricSpec(
        name=STEP,
        kind="gauge",
        unit="seconds",
        help="How long the engine's thread has been at one turn of serving, which takes "
        "milliseconds, as seen from outside: while it hangs, what it tells itself, lag for one, "
        "stands still.",
    ),
)
