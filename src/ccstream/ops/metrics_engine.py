"""What the engine's thread, its rows and its clock are at: rows of the table of metrics."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import MetricSpec

__all__ = ["CLOCK", "ENGINE_METRICS", "LOOKUPS", "RESTARTS", "STEP", "STORED_IN", "STORE_BYTES"]

CLOCK: Final = "ccstream_clock_behind_seconds"
RESTARTS: Final = "ccstream_worker_restarts_total"
STEP: Final = "ccstream_step_seconds"
STORE_BYTES: Final = "ccstream_store_bytes"

LOOKUPS: Final = ("hit", "miss")
STORED_IN: Final = ("files", "memory")

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
    MetricSpec(
        name="ccstream_store_lookups_total",
        kind="counter",
        unit="lookups",
        labels=("table", "outcome"),
        help="Rows that were looked up and found, by whether they were decoded already: hit, miss "
        "(read from memory or disk, and decoded).",
    ),
    MetricSpec(
        name=STORE_BYTES,
        kind="gauge",
        unit="bytes",
        labels=("kind",),
        help="Size of the local stores of the partitions that this worker owns: files (rows on "
        "disk, compressed, without RocksDB's own log), memory (rows that are in no file yet). With "
        "state.store=memory there is none: rows are not measured there.",
    ),
    MetricSpec(
        name=CLOCK,
        kind="gauge",
        unit="seconds",
        help="How far this machine's clock is behind the brokers' at least: by so much a record "
        "that had been read seemed to have been appended in the future. Lateness, of events and of "
        "timers, is understated by as much.",
    ),
    MetricSpec(
        name=RESTARTS,
        kind="counter",
        unit="restarts",
        help="How often `ccstream worker` has started this worker anew since it began; 0 where "
        "somebody else restarts it.",
    ),
)
