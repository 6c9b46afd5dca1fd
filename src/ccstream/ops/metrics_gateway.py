"""What the gateway measures: its rows of the table of metrics."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import DURATION_BUCKETS, MetricSpec

__all__ = ["GATEWAY_METRICS"]

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
        name="ccstream_gateway_replica_bytes",
        kind="gauge",
        unit="bytes",
        help="Keys and values of the rows that the gateway holds, of all profiles.",
    ),
)
