"""Spans for OpenTelemetry: one a chunk of a worker, one a request that posts events.

An event's own trace is carried as it is, from the header of the event to that of every sync event
and to the streams of the gateway, whether this is on or not. A chunk belongs to many traces and
to none, so its span begins a trace of its own and *links* to those of its events.

Off, nothing of OpenTelemetry is imported, and nothing is done but to look whether it is on, once
a chunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from ccstream import __version__
from ccstream.errors import DevkitError
from ccstream.ops.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanContext

__all__ = ["LINKS_MAX", "EndsSpan", "Tracing", "context_of", "make_tracing"]

LINKS_MAX: Final = 128
"""Of one span, as the SDK has it: a chunk may have thousands of events, and a span that names
them all is refused by collectors. How many there were is an attribute."""

STOP_MS: Final = 2_000
"""For the last spans to be sent when the process ends; a worker has 4 s for all of its end."""

_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED: Final = 1


class EndsSpan(Protocol):
    """A span that was begun."""

    def end(self) -> None: ...


class Tracing:
    """Makes spans.

    Args:
        provider: the SDK's, with its exporter; it is shut down with this.
        app_id: the application, which is the consumer group.
    """

    def __init__(self, provider: TracerProvider, app_id: str) -> None:
        self._provider = provider
        self._app_id = app_id
        self._tracer = provider.get_tracer("ccstream", __version__)

    def chunk(self, records: int, traces: Iterable[bytes | None]) -> EndsSpan:
        """Begin the span of a chunk.

        Args:
            records: how many it has.
            traces: the ``traceparent`` of each, as far as they have one.
        """
        from opentelemetry.trace import Link, SpanKind

        contexts = [
            context
            for trace in dict.fromkeys(traces)
            if trace is not None
            and (context := context_of(trace)) is not None
            and context.trace_flags & _SAMPLED  # others lead to what nobody has kept
        ]
        span: EndsSpan = self._tracer.start_span(
            "process chunk",
            kind=SpanKind.CONSUMER,
            links=[Link(context) for context in contexts[:LINKS_MAX]],
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": self._app_id,
                "messaging.batch.message_count": records,
                "ccstream.traces": len(contexts),
            },
        )
        return span

    @contextmanager
    def publish(self, events: int, traceparent: str | None) -> Iterator[str]:
        """A span around posting events.

        Args:
            events: how many.
            traceparent: what the sender stated, if it did.

        Yields:
            The ``traceparent`` of the span, for the events.
        """
        from opentelemetry.context import Context
        from opentelemetry.trace import NonRecordingSpan, SpanKind, set_span_in_context

        stated = None if traceparent is None else context_of(traceparent.encode())
        parent = Context() if stated is None else set_span_in_context(NonRecordingSpan(stated))
        with self._tracer.start_as_current_span(
            "publish events",
            context=parent,
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.batch.message_count": events,
            },
            record_exception=False,  # what a problem says is for the sender: it may quote it
            set_status_on_exception=False,
        ) as span:
            own = span.get_span_context()
            yield f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def close(self) -> None:
        """Send what is there and end; spans of later are dropped."""
        self._provider.force_flush(STOP_MS)
        self._provider.shutdown()


def make_tracing(settings: Settings, role: str) -> Tracing | None:
    """What the settings ask for; None where that is nothing.

    Args:
        settings: where spans go.
        role: what the process is, as ``worker``; its service name is ``ccstream-worker``.

    Raises:
        DevkitError: OpenTelemetry is not installed.
    """
    tracing = settings.tracing
    if tracing.exporter == "none":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError as missing:
        raise DevkitError(
            "tracing.exporter otlp needs OpenTelemetry: install `ccstream[tracing]`"
        ) from missing
    attributes: dict[str, Any] = {
        "service.name": f"ccstream-{role}",
        "service.namespace": settings.app_id,
        "service.version": __version__,
        "service.instance.id": settings.group.instance_id or settings.kafka.client_id,
    }
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(tracing.sample_ratio),
        resource=Resource.create(attributes),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=tracing.endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))  # bounded; drops, never waits
    return Tracing(provider, settings.app_id)


def context_of(traceparent: bytes) -> SpanContext | None:
    """The context that a ``traceparent`` states; None if it states none that is valid."""
    from opentelemetry.trace import SpanContext, TraceFlags

    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or found[1] == b"ff":
        return None
    context = SpanContext(int(found[2], 16), int(found[3], 16), True, TraceFlags(int(found[4], 16)))
    return context if context.is_valid else None
