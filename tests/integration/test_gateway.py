"""An event in by HTTP, what is then known out on the sync topics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from tests.gateway.events import BATCH, cloud_event
from tests.gateway.process import GatewayProcess, gateway
from tests.integration.harness import make_topics, settings_for
from tests.integration.pipeline import Pipeline, decoded, new_subject, of_event
from tests.support.sse import Sse

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Pipeline, GatewayProcess]]:
    """A worker and a gateway on one embedded broker."""
    with ExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka())
        settings = settings_for(kafka.bootstrap, "app")
        make_topics(settings)
        pipeline = Pipeline(settings, real=False)
        stack.callback(pipeline.close)
        process = stack.enter_context(gateway(kafka.bootstrap))
        pipeline.worker.wait_ready()
        yield pipeline, process


def now() -> str:
    return datetime.now(UTC).isoformat()


def test_a_basket_filled_over_http_is_synced(both: tuple[Pipeline, GatewayProcess]) -> None:
    pipeline, process = both
    subject = new_subject()
    event = cloud_event(id="http-1", subject=subject, time=now(), data__quantity=3)
    assert process.post(event).status == 202
    synced = decoded(pipeline.tail("sync.carts.v1").until(of_event("http-1")))
    assert [(line["sku"], line["quantity"]) for line in synced["lines"]] == [("mug", 3)]
    assert synced["cause"]["channel"] == "web"
    assert synced["cause"]["source"] == "shop-1"


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "with an Idempotency-Key"])
def test_what_is_posted_twice_counts_once(both: tuple[Pipeline, GatewayProcess], ids: bool) -> None:
    pipeline, process = both
    subject = new_subject()
    name = f"twice-{ids}"
    batch = [
        cloud_event(id=f"{name}-{number}" if ids else None, subject=subject, time=now())
        for number in range(2)
    ]
    answers = [process.post(batch, BATCH, idempotency_key=name).json["events"] for _ in range(2)]
    assert [one["id"] for one in answers[0]] == [one["id"] for one in answers[1]]
    last = cloud_event(id=f"{name}-last", subject=subject, time=now(), data__sku="teapot")
    assert process.post(last).status == 202
    synced = decoded(pipeline.tail("sync.carts.v1").until(of_event(f"{name}-last")))
    assert {line["sku"]: line["quantity"] for line in synced["lines"]} == {"mug": 2, "teapot": 1}


async def test_the_trace_of_a_posted_event_arrives_with_each_change_it_makes(
    both: tuple[Pipeline, GatewayProcess],
) -> None:
    """Through the input topic, a worker and the sync topics, as a browser would get it."""
    _, process = both
    subject = new_subject()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with Sse.of(process.port, subject, aggregates="cart,touch") as stream:
        assert [(await stream.next()).kind for _ in range(2)] == ["hello", "snapshot"]
        for name, headers in (("traced", {"traceparent": trace}), ("untraced", {})):
            event = cloud_event(id=f"{name}-1", subject=subject, time=now())
            answer = await asyncio.to_thread(process.post, event, **headers)
            assert answer.status == 202
            changes = [(await stream.next()).data for _ in range(2)]
            assert {change["aggregate"] for change in changes} == {"cart", "touch"}
            for change in changes:
                assert change["record"]["cause"]["event_id"] == f"{name}-1"
                assert change.get("traceparent") == headers.get("traceparent")
