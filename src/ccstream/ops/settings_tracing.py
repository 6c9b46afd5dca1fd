"""The settings of tracing: where spans go, if anywhere."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ccstream.ops.settings_sections import Section

__all__ = ["TracingSettings"]


class TracingSettings(Section):
    """OpenTelemetry, with the extra `ccstream[tracing]`; see docs/tracing.md."""

    exporter: Literal["none", "otlp"] = Field(
        default="none", description="`otlp` sends spans over HTTP; `none` makes none."
    )
    endpoint: str = Field(
        default="http://localhost:4318/v1/traces",
        pattern=r"^https?://\S+$",
        max_length=2_000,
        description="Where the collector takes spans. Headers that it wants are in the "
        "environment, as `OTEL_EXPORTER_OTLP_HEADERS`.",
    )
    sample_ratio: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="Of traces that begin here, so many are kept; of others, those that whoever "
        "began them keeps.",
    )
