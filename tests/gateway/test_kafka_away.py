"""Nothing is acknowledged that was not stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.gateway.app import make_app
from ccstream.gateway.ingest import Ingest
from ccstream.ops.settings import Settings
from tests.gateway.calls import call, post, running
from tests.gateway.conftest import until_ready
from tests.gateway.events import BATCH, cloud_event


@pytest.fixture
def broker() -> EmbeddedKafka:
    return EmbeddedKafka().start()


@pytest.fixture
async def app(broker: EmbeddedKafka) -> AsyncIterator[Any]:
    settings = Settings.load(
        kafka__bootstrap=broker.bootstrap,
        # Longer than the half-second after which librdkafka asks again for a producer's id.
        gateway={"ack_timeout_ms": 3_000, "drain_ms": 1_000},
    )
    async with running(make_app(settings, makers=(Ingest,))) as one:
        await until_ready(one)
        yield one


async def test_a_broker_that_dies_makes_answers_503_until_it_is_known_to_be_away(
    app: Any, broker: EmbeddedKafka
) -> None:
    assert (await post(app, cloud_event())).status == 202
    broker.stop()
    for event, media_type in ((cloud_event(), {}), ([cloud_event()] * 3, {"media_type": BATCH})):
        answer = await post(app, event, **media_type)
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    accepted = app.state.services.metrics.value(
        "ccstream_gateway_events_total", ("web", "accepted")
    )
    assert accepted == 1
    assert (await call(app, "GET", "/livez")).status == 200


async def test_a_gateway_whose_kafka_is_away_is_not_ready(app: Any, broker: EmbeddedKafka) -> None:
    assert (await call(app, "GET", "/readyz")).status == 200
    broker.stop()
    for _ in range(300):
        answer = await call(app, "GET", "/readyz")
        if answer.status != 200:
            break
        await asyncio.sleep(0.05)
    assert answer.json["reasons"] == ["Kafka is out of reach"]
    began = asyncio.get_running_loop().time()
    assert (await post(app, cloud_event())).problem == "unavailable"
    assert asyncio.get_running_loop().time() - began < 0.4  # it does not wait to find out again


async def test_beyond_its_bound_of_events_in_flight_it_sends_away(embedded_kafka: str) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka, gateway={"in_flight_max": 10})
    async with running(make_app(settings, makers=(Ingest,))) as app:
        await until_ready(app)
        answer = await post(app, [cloud_event() for _ in range(25)], BATCH)
        assert answer.status == 207
        statuses = [one["status"] for one in answer.json["events"]]
        assert statuses == [202] * 10 + [503] * 15
