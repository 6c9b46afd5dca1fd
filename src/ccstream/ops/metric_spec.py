"""A row of the table of metrics, and the buckets that several rows share."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

__all__ = ["DURATION_BUCKETS", "SYNC_LATENCY_BUCKETS", "MetricSpec"]

Kind = Literal["counter", "gauge", "histogram"]

DURATION_BUCKETS: Final = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)


# From a live screen (milliseconds) to a till that was offline for a day. One edge is exactly
# one second: the share below it is what "at once" is judged by.
SYNC_LATENCY_BUCKETS: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0),
)


class MetricSpec(Struct, frozen=True, kw_only=True):
    """One row of the table. ``buckets`` are upper edges, inclusive, in the metric's unit."""

    name: str
    kind: Kind
    help: str
    unit: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
