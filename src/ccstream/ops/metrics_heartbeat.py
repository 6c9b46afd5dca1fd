"""What `ccstream heartbeat` measures: its rows of the table of metrics."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import SYNC_LATENCY_BUCKETS, MetricSpec

__all__ = ["HEARTBEAT_METRICS"]

_LABELS: Final = ("channel", "aggregate")

HEARTBEAT_METRICS: Final = (
    MetricSpec(
        name="ccstream_heartbeats_total",
        kind="counter",
        unit="heartbeats",
        labels=_LABELS,
        help="Heartbeats that were to come through a channel to a sync topic (`ccstream "
        "heartbeat`, as are the next three).",
    ),
    MetricSpec(
        name="ccstream_heartbeats_missed_total",
        kind="counter",
        unit="heartbeats",
        labels=_LABELS,
        help="Those that had not come back within `heartbeat.timeout_ms`.",
    ),
    MetricSpec(
        name="ccstream_heartbeat_round_trip_seconds",
        kind="histogram",
        unit="seconds",
        labels=_LABELS,
        buckets=SYNC_LATENCY_BUCKETS,
        help="From publishing a heartbeat to reading it on a sync topic, as a live screen does.",
    ),
    MetricSpec(
        name="ccstream_heartbeat_last_timestamp_seconds",
        kind="gauge",
        unit="seconds",
        labels=_LABELS,
        help="When a heartbeat came back last, since the epoch.",
    ),
)
