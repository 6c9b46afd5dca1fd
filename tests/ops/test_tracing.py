"""Spans as the SDK's in-memory exporter gets them, and none where none are asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from ccstream.errors import DevkitError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.ops.tracing import LINKS_MAX, Tracing, context_of, make_tracing


def trace(number: int, flags: str = "01") -> bytes:
    return f"00-{number:032x}-{number:016x}-{flags}".encode()


class Recorder:
    """Tracing into memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider, "app")

    @property
    def spans(self) -> tuple[Any, ...]:
        return self.exporter.get_finished_spans()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_a_chunk_has_one_span_with_a_link_to_each_trace_of_its_events(recorder: Recorder) -> None:
    recorder.tracing.chunk(4, [trace(1), None, trace(2), trace(1)]).end()
    (span,) = recorder.spans
    assert span.kind == SpanKind.CONSUMER
    assert span.parent is None
    assert [link.context.trace_id for link in span.links] == [1, 2]
    assert [link.context.span_id for link in span.links] == [1, 2]
    assert span.attributes["messaging.batch.message_count"] == 4
    assert span.attributes["messaging.consumer.group.name"] == "app"
    assert span.attributes["ccstream.traces"] == 2


def test_traces_that_nobody_keeps_or_that_are_none_are_not_linked_to(recorder: Recorder) -> None:
    traces = [trace(1, "00"), b"", b"\xff", b"00-zz", trace(0), trace(3)]
    recorder.tracing.chunk(6, traces).end()
    assert [link.context.trace_id for link in recorder.spans[0].links] == [3]


def test_of_many_traces_the_first_are_linked_and_all_are_counted(recorder: Recorder) -> None:
    recorder.tracing.chunk(1_000, map(trace, range(1, 1_001))).end()
    assert len(recorder.spans[0].links) == LINKS_MAX
    assert recorder.spans[0].attributes["ccstream.traces"] == 1_000


def test_a_request_continues_the_trace_of_its_sender(recorder: Recorder) -> None:
    with recorder.tracing.publish(2, trace(7).decode()) as carried:
        pass
    (span,) = recorder.spans
    assert (span.context.trace_id, span.parent.span_id) == (7, 7)
    found = context_of(carried.encode())
    assert found is not None
    assert (found.trace_id, found.span_id) == (7, span.context.span_id)


@pytest.mark.parametrize("stated", [None, "", "nonsense"])
def test_a_request_without_a_trace_begins_one(recorder: Recorder, stated: str | None) -> None:
    with recorder.tracing.publish(1, stated) as carried:
        pass
    assert recorder.spans[0].parent is None
    assert context_of(carried.encode()) is not None


def test_a_sender_that_keeps_no_trace_is_heeded(recorder: Recorder) -> None:
    with recorder.tracing.publish(1, trace(7, "00").decode()) as carried:
        pass
    assert recorder.spans == ()
    assert carried.endswith("-00")


def test_what_went_wrong_is_not_told_to_the_collector(recorder: Recorder) -> None:
    with pytest.raises(ValueError), recorder.tracing.publish(1, None):
        raise ValueError("customer:42")
    assert recorder.spans[0].events == ()
    assert recorder.spans[0].status.description is None


def test_it_is_off_unless_it_is_asked_for_and_then_nothing_of_it_is_imported() -> None:
    assert make_tracing(Settings.load(), "worker") is None
    program = (
        "import sys, ccstream.engine.worker, ccstream.gateway.app\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_asked_for_it_sends_over_otlp_and_ends_though_nobody_listens() -> None:
    settings = Settings.load(
        tracing={"exporter": "otlp", "endpoint": "http://127.0.0.1:9/v1/traces", "sample_ratio": 0}
    )
    made = make_tracing(settings, "worker")
    assert made is not None
    made.chunk(1, [trace(1)]).end()
    made.close()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(DevkitError, match=r"ccstream\[tracing\]"):
        make_tracing(Settings.load(tracing={"exporter": "otlp"}), "worker")


@pytest.mark.parametrize("wrong", [{"sample_ratio": 1.5}, {"endpoint": "collector:4318"}])
def test_settings_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="tracing"):
        Settings.load(tracing=wrong)
