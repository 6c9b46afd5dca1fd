"""Events in over HTTP: what is taken, what is answered, and what then is in Kafka."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from ccstream.domain.events import CartItemAdded, Event, Money
from ccstream.gateway.ingest import Ingest
from ccstream.gateway.positions import position_of
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from ccstream.wire.headers import header
from tests.gateway.calls import call, post
from tests.gateway.events import BATCH, as_cloud_event, cloud_event
from tests.ops.test_tracing import Recorder
from tests.wire.samples import SAMPLES

codec = Codec()

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def app(shared_app: Any) -> Any:
    return shared_app


def stored(settings: Settings, app: Any, token: str) -> Any:
    """The record at a position that was handed out."""
    position = position_of(app.state.services.signer, token)
    assert position is not None
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": "look",
            "fetch.wait.max.ms": 5,
            "auto.offset.reset": "error",
        }
    )
    try:
        place = TopicPartition(position.topic, position.partition, position.offset)
        consumer.assign([place])
        record = consumer.poll(10)
        assert record is not None
        assert record.error() is None, record.error()
        return record
    finally:
        consumer.close()


async def test_an_event_is_answered_with_its_id_and_where_it_is(
    app: Any, settings: Settings
) -> None:
    answer = await post(
        app,
        cloud_event(
            id="e1", sessionid="visit-7", data__unit_price={"amount_minor": 990, "currency": "EUR"}
        ),
    )
    assert answer.status == 202
    assert answer.json["id"] == "e1"
    record = stored(settings, app, answer.json["position"])
    assert record.topic() == "channel.web.events.v1"
    assert record.key() == b"customer:42"
    assert codec.decode_event(record.value()) == CartItemAdded(
        event_id="e1",
        occurred_at=1_795_771_800_000,
        channel="web",
        source="shop-1",
        subject="customer:42",
        session_id="visit-7",
        sku="mug",
        quantity=1,
        unit_price=Money(990, "EUR"),
    )


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
async def test_each_type_of_event_arrives_as_it_was_meant(
    app: Any, settings: Settings, event: Event
) -> None:
    answer = await post(app, as_cloud_event(event))
    assert answer.status == 202, answer
    assert codec.decode_event(stored(settings, app, answer.json["position"]).value()) == event


async def test_binary_mode_has_attributes_as_headers_and_the_fields_as_the_body(
    app: Any, settings: Settings
) -> None:
    event = cloud_event(subject="customer:Zo\u00eb", source="/store/till%201")
    attributes = {f"ce-{name}": text for name, text in event.items() if name != "data"}
    attributes["ce-subject"] = "customer:Zo%C3%AB"
    answer = await call(
        app,
        "POST",
        "/v1/events",
        json.dumps(event["data"]).encode(),
        {"content-type": "application/json; charset=utf-8", **attributes},
    )
    assert answer.status == 202, answer
    record = stored(settings, app, answer.json["position"])
    taken = codec.decode_event(record.value())
    assert (taken.channel, taken.source, taken.subject) == ("store", "till 1", "customer:Zo\u00eb")


async def test_a_batch_tells_of_each_event(app: Any, settings: Settings) -> None:
    answer = await post(app, [cloud_event(id="a"), cloud_event(id="b", source="/app/x")], BATCH)
    assert answer.status == 202
    first, second = answer.json["events"]
    assert [first["id"], second["id"]] == ["a", "b"]
    assert [first["status"], second["status"]] == [202, 202]
    assert stored(settings, app, second["position"]).topic() == "channel.app.events.v1"


async def test_a_bad_event_of_a_batch_does_not_keep_the_others_out(app: Any) -> None:
    metrics = app.state.services.metrics
    name = "ccstream_gateway_events_total"
    accepted, refused = ("web", "accepted"), ("other", "refused")
    before = metrics.value(name, accepted), metrics.value(name, refused)
    batch = [cloud_event(), cloud_event(data__quantity=0), 7, cloud_event(type="Nonsense")]
    answer = await post(app, batch, BATCH)
    assert answer.status == 207
    results = answer.json["events"]
    assert [result["status"] for result in results] == [202, 422, 422, 422]
    assert results[1]["problem"]["errors"][0]["field"] == "data.quantity"
    assert results[3]["problem"]["type"].endswith("unknown-type")
    assert metrics.value(name, accepted) == before[0] + 1
    assert metrics.value(name, refused) == before[1] + 3


async def test_an_empty_batch_is_a_batch(app: Any) -> None:
    answer = await post(app, [], BATCH)
    assert (answer.status, answer.json) == (202, {"events": []})


async def test_events_of_a_subject_are_stored_in_the_order_of_their_batch(app: Any) -> None:
    answer = await post(app, [cloud_event() for _ in range(50)], BATCH)
    signer = app.state.services.signer
    positions = [position_of(signer, one["position"]) for one in answer.json["events"]]
    places = [(one.topic, one.partition, one.offset) for one in positions if one]
    assert len(places) == 50
    assert places == sorted(places)
    assert len({place[:2] for place in places}) == 1


async def test_without_ids_an_idempotency_key_makes_the_same_ones_each_time(app: Any) -> None:
    batch = [cloud_event(id=None), cloud_event(id=None)]
    once, again = [await post(app, batch, BATCH, idempotency_key="k1") for _ in range(2)]
    other = await post(app, batch, BATCH, idempotency_key="k2")
    ids = [[one["id"] for one in answer.json["events"]] for answer in (once, again, other)]
    assert ids[0] == ids[1]
    assert len({*ids[0], *ids[2]}) == 4


async def test_an_event_without_id_or_idempotency_key_is_refused(app: Any) -> None:
    answer = await post(app, cloud_event(id=None))
    assert answer.problem == "invalid-event"
    assert answer.json["errors"][0]["field"] == "id"


async def test_an_id_that_is_given_stands_beside_an_idempotency_key(app: Any) -> None:
    answer = await post(app, cloud_event(id="mine"), idempotency_key="k")
    assert answer.json["id"] == "mine"


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_TRACE = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("event", "request_header", "carried"),
    [
        (None, None, None),
        (None, TRACE, TRACE),
        (OTHER_TRACE, TRACE, OTHER_TRACE),
        ("nonsense", TRACE, TRACE),
        (None, "nonsense", None),
    ],
)
async def test_the_trace_of_an_event_goes_before_that_of_the_request(
    app: Any, settings: Settings, event: Any, request_header: Any, carried: Any
) -> None:
    headers = {} if request_header is None else {"traceparent": request_header}
    answer = await post(app, cloud_event(traceparent=event), **headers)
    found = header(stored(settings, app, answer.json["position"]).headers(), "traceparent")
    assert found == (None if carried is None else carried.encode())


async def test_with_tracing_events_carry_the_span_of_their_request(
    app: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    services = app.state.services
    monkeypatch.setattr(
        next(part for part in app.state.parts if isinstance(part, Ingest)),
        "_services",
        replace(services, tracing=recorder.tracing),
    )
    batch = [cloud_event(), cloud_event(traceparent=OTHER_TRACE)]
    answer = await post(app, batch, BATCH, traceparent=TRACE)
    (span,) = recorder.spans
    assert f"{span.context.trace_id:032x}" in TRACE
    assert span.attributes["messaging.batch.message_count"] == 2
    positions = [one["position"] for one in answer.json["events"]]
    first, second = (
        header(stored(settings, app, one).headers(), "traceparent") for one in positions
    )
    assert first == TRACE.replace("b7ad6b7169203331", f"{span.context.span_id:016x}").encode()
    assert second == OTHER_TRACE.encode()


async def test_extensions_that_nobody_knows_are_taken_and_dropped(app: Any) -> None:
    assert (await post(app, cloud_event(tenant="x", dataschema="https://x/y"))).status == 202
    assert (await post(app, cloud_event(datacontenttype="application/json"))).status == 202


async def test_a_position_is_signed(app: Any) -> None:
    token = (await post(app, cloud_event())).json["position"]
    signer = app.state.services.signer
    assert position_of(signer, token) is not None
    forged = ("A" if token[0] != "A" else "B") + token[1:]
    for text in (forged, token[:-1], token + "A", "", "\u00e9", "x" * 10_000):
        assert position_of(signer, text) is None
    assert signer.verify("cursor", token) is None
