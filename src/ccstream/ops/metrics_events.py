"""What becomes of events: its rows of the table of metrics, and the values of their labels."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import SYNC_LATENCY_BUCKETS, MetricSpec

__all__ = ["EVENT_METRICS", "NO_CHANNELS", "OUTCOMES"]

OUTCOMES: Final = ("applied", "duplicate", "too_late", "rejected", "no_effect", "forwarded")

NO_CHANNELS: Final = frozenset({"mail", "unknown"})
"""What stands for a channel where records are letters, or could not be read: no event comes from
there."""

EVENT_METRICS: Final = (
    MetricSpec(
        name="ccstream_events_consumed_total",
        kind="counter",
        unit="events",
        labels=("channel",),
        help="Records read from the channels' topics.",
    ),
    MetricSpec(
        name="ccstream_events_total",
        kind="counter",
        unit="events",
        labels=("channel", "type", "outcome"),
        help="Events folded, by what became of them: " + ", ".join(OUTCOMES) + ".",
    ),
    MetricSpec(
        name="ccstream_rejected_total",
        kind="counter",
        unit="records",
        labels=("reason",),
        help="Records sent to ccstream.rejected.v1, by reason.",
    ),
    MetricSpec(
        name="ccstream_misrouted_total",
        kind="counter",
        unit="records",
        labels=("channel",),
        help="Records in another partition than their key's: a producer with a wrong "
        "partitioner. They are forwarded.",
    ),
    MetricSpec(
        name="ccstream_sync_latency_seconds",
        kind="histogram",
        unit="seconds",
        labels=("channel", "aggregate"),
        buckets=SYNC_LATENCY_BUCKETS,
        help="From the time of the event, by the channel's clock, to the broker's "
        "acknowledgement of its sync event, at the latest of the last of its chunk and aggregate.",
    ),
)
