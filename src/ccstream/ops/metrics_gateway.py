"""What the gateway measures: its rows of the table of metrics."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import DURATION_BUCKETS, MetricSpec

__all__ = ["GATEWAY_METRICS", "SEEN"]

SEEN: Final = "ccstream_gateway_seen_latency_seconds"

_SEEN_BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 60.0)
"""Fewer than those of the workers' latency, as there are as many series as pairs of channels."""

GATEWAY_METRICS: Final = (
    MetricSpec(
        name="ccstream_gateway_requests_total",
        kind="counter",
        unit="requests",
        labels=("route", "method", "status"),
        help="Requests that the gateway answered, by route (a template, never a path).",
    ),
    MetricSpec(
        name="ccstream_gateway_request_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("route",),
        buckets=DURATION_BUCKETS,
        help="From a request's headers to the end of its answer; of a stream, to its beginning.",
    ),
    MetricSpec(
        name="ccstream_gateway_requests_in_flight",
        kind="gauge",
        unit="requests",
        help="Requests that the gateway is answering, streams included.",
    ),
    MetricSpec(
        name="ccstream_gateway_events_total",
        kind="counter",
        unit="events",
        labels=("channel", "outcome"),
        help="Events posted to the gateway: accepted (stored by Kafka), refused (the sender's "
        "mistake), unavailable (Kafka did not store it in time).",
    ),
    MetricSpec(
        name="ccstream_gateway_streams",
        kind="gauge",
        unit="streams",
        help="Clients that follow a profile.",
    ),
    MetricSpec(
        name="ccstream_gateway_streams_ended_total",
        kind="counter",
        unit="streams",
        labels=("reason",),
        help="Streams that ended: hung_up by the client, slow (it did not keep up), aged (to "
        "identify anew), stopping (the gateway), lost (Kafka could not be followed).",
    ),
    MetricSpec(
        name=SEEN,
        kind="histogram",
        unit="seconds",
        labels=("channel", "to"),
        buckets=_SEEN_BUCKETS,
        help="From the time of an event that changed something, by the clock of its channel, to "
        "its being handed to the stream of a client of another channel that follows, by the "
        "channel that this client is of: agent (the page of service staff), other (it did not "
        "say, and may publish on several or none).",
    ),
    MetricSpec(
        name="ccstream_gateway_replica_bytes",
        kind="gauge",
        unit="bytes",
        help="Keys and values of the rows that the gateway holds, of all profiles.",
    ),
)
