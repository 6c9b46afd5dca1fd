"""Erasures and consent: their rows of the table of metrics."""

from __future__ import annotations

from typing import Final

from ccstream.ops.metric_spec import MetricSpec

__all__ = ["ERASURE_OUTCOMES", "PRIVACY_METRICS"]

ERASURE_OUTCOMES: Final = ("erased", "held", "repeated", "identifier", "late", "completed")

_DAY: Final = 86_400.0

_ERASURE_BUCKETS: Final = (60.0, 3_600.0, *(days * _DAY for days in (1, 3, 7, 10, 11, 14, 21, 30)))
"""The logs have ten days unless it is set otherwise, and the law has a month."""

PRIVACY_METRICS: Final = (
    MetricSpec(
        name="ccstream_erasures_total",
        kind="counter",
        unit="erasures",
        labels=("outcome",),
        help="What became of requests to erase somebody: erased, held (a legal hold keeps all), "
        "repeated (had been done), completed (the receipt is there). And what came of them: "
        "identifier (an alias that went, too), late (an event from before, turned away).",
    ),
    MetricSpec(
        name="ccstream_erasure_duration_seconds",
        kind="histogram",
        unit="seconds",
        buckets=_ERASURE_BUCKETS,
        help="From the request, as it was appended, to the receipt.",
    ),
    MetricSpec(
        name="ccstream_erasures_unfinished",
        kind="gauge",
        unit="erasures",
        labels=("state",),
        help="Requests without a receipt: erased (rows and keys are gone, the logs have not had "
        "their time), waiting (for the end of a legal hold).",
    ),
    MetricSpec(
        name="ccstream_erasure_oldest_seconds",
        kind="gauge",
        unit="seconds",
        labels=("state",),
        help="How long ago the oldest of these was asked for; 0 if there is none.",
    ),
    MetricSpec(
        name="ccstream_consent_denials_total",
        kind="counter",
        unit="denials",
        labels=("contact_channel", "reason"),
        help="Contacts of which the gateway told a service agent that they are not allowed, and "
        "why: each view of a customer asks for every channel and purpose shown. What "
        "applications ask ccstream.rules themselves is not in it.",
    ),
)
