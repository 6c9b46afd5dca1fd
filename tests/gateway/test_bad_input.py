"""Each kind of bad input has its status and its problem, and stores nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ccstream.gateway.app import make_app
from ccstream.gateway.ingest import Ingest
from ccstream.ops.settings import Settings
from tests.gateway.calls import call, post, running
from tests.gateway.conftest import until_ready
from tests.gateway.events import BATCH, STRUCTURED, cloud_event

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def app(shared_app: Any) -> Any:
    return shared_app


@pytest.fixture(autouse=True)
def nothing_is_stored(app: Any) -> Iterator[None]:
    metrics = app.state.services.metrics
    yield
    for channel in ("web", "store"):
        assert metrics.value("ccstream_gateway_events_total", (channel, "accepted")) == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"a": 1} x', b"\xff\xfe", b"[" * 100_000, b'"\\ud800"'],
    ids=["empty", "cut", "nonsense", "more", "not utf-8", "deep", "surrogate"],
)
async def test_what_is_no_json(app: Any, body: bytes) -> None:
    answer = await post(app, body)
    assert (answer.status, answer.problem) == (400, "invalid-json")


@pytest.mark.parametrize("value", [{}, "x", 7, None])
async def test_a_batch_that_is_no_array(app: Any, value: Any) -> None:
    answer = await post(app, value, BATCH)
    assert (answer.status, answer.problem) == (400, "invalid-json")


@pytest.mark.parametrize("value", [[], "x", 7, None])
async def test_an_event_that_is_no_object(app: Any, value: Any) -> None:
    answer = await post(app, value)
    assert (answer.status, answer.problem) == (422, "invalid-event")


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/plain",
        "application/json",  # without attributes as headers
        "application/x-www-form-urlencoded",
        "application/cloudevents+avro",
        f"{STRUCTURED}; charset=utf-16",
        "multipart/form-data; boundary=x",
    ],
)
async def test_another_media_type(app: Any, media_type: str) -> None:
    answer = await post(app, cloud_event(), media_type)
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")


async def test_a_compressed_body(app: Any) -> None:
    answer = await post(app, cloud_event(), content_encoding="gzip")
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")


@pytest.mark.parametrize("pieces", [False, True], ids=["stated", "in pieces"])
async def test_a_body_over_the_limit(app: Any, pieces: bool) -> None:
    body = b" " * 1_000_001
    answer = await call(
        app,
        "POST",
        "/v1/events",
        [body[:600_000], body[600_000:]] if pieces else body,
        {"content-type": STRUCTURED},
    )
    assert (answer.status, answer.problem) == (413, "body-too-large")
    assert answer.headers["connection"] == "close"


async def test_ten_thousand_events_in_a_batch(app: Any) -> None:
    answer = await post(app, [{}] * 10_000, BATCH)
    assert (answer.status, answer.problem) == (413, "batch-too-large")


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"specversion": "0.3"}, "specversion"),
    ({"specversion": None}, "specversion"),
    ({"source": None}, "source"),
    ({"source": 7}, "source"),
    ({"source": "web"}, "source"),
    ({"source": "/web/shop/1"}, "source"),
    ({"source": "/web/%ff"}, "source"),
    ({"source": "/nowhere/shop"}, "source"),
    ({"source": "//["}, "source"),
    ({"source": "/web/" + "x" * 300}, "source"),
    ({"id": ""}, "id"),
    ({"id": 7}, "id"),
    ({"id": "x" * 300}, "id"),
    ({"subject": None}, "subject"),
    ({"subject": "nobody"}, "subject"),
    ({"subject": 42}, "subject"),
    ({"time": "yesterday"}, "time"),
    ({"time": "2026-11-27T09:30:00"}, "time"),
    ({"time": 1_795_771_800_000}, "time"),
    ({"time": "2126-11-27T09:30:00Z"}, "time"),
    ({"datacontenttype": "application/xml"}, "datacontenttype"),
    ({"datacontenttype": 7}, "datacontenttype"),
    ({"data": None}, "data"),
    ({"data": [1]}, "data"),
    ({"data_base64": "e30="}, "data_base64"),
    ({"data__quantity": 0}, "data.quantity"),
    ({"data__quantity": "two"}, "data.quantity"),
    ({"data__quantity": None}, "data.quantity"),
    ({"data__quantity": 2**70}, "data.quantity"),
    ({"data__quantitiy": 1}, "data.quantitiy"),
    ({"data__sku": ""}, "data.sku"),
    (
        {"data__unit_price": {"amount_minor": "x", "currency": "EUR"}},
        "data.unit_price.amount_minor",
    ),
    ({"data__unit_price": {"amount_minor": 1}}, "data.unit_price.currency"),
    ({"data__unit_price": {"amount_minor": 1, "currency": "EUR", "x": 1}}, "data.unit_price.x"),
    ({"data__observed": "no hex"}, "data.observed"),
    ({"data__event_id": "x"}, "data.event_id"),
    ({"data__channel": "web"}, "data.channel"),
    ({"data__session_id": "x" * 300}, "data.session_id"),
    ({"sessionid": 7}, "data.session_id"),
]


@pytest.mark.parametrize(("changed", "field"), FIELDS, ids=lambda value: str(value)[:40])
async def test_an_error_names_the_field(app: Any, changed: dict[str, Any], field: str) -> None:
    answer = await post(app, cloud_event(**changed))
    assert (answer.status, answer.problem) == (422, "invalid-event")
    assert [error["field"] for error in answer.json["errors"]] == [field]


@pytest.mark.parametrize("name", [None, 7, "", "CartItemStolen", "ccstream.sync.v1.CartSynced"])
async def test_an_unknown_type(app: Any, name: Any) -> None:
    answer = await post(app, cloud_event(type=name))
    assert (answer.status, answer.problem) == (422, "unknown-type")
    assert answer.json["errors"][0]["field"] == "type"


async def test_a_header_that_is_not_utf_8(app: Any) -> None:
    answer = await call(
        app,
        "POST",
        "/v1/events",
        b"{}",
        {"content-type": "application/json", "ce-subject": "customer:%ff"},
    )
    assert (answer.status, answer.problem) == (422, "invalid-event")


async def test_an_event_that_does_not_fit_into_a_record(embedded_kafka: str, app: Any) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka, kafka__max_message_bytes=16_384)
    async with running(make_app(settings, makers=(Ingest,))) as small:
        await until_ready(small)
        lines = [
            {"sku": f"s{n}" * 20, "quantity": 1, "amount": {"amount_minor": 1, "currency": "EUR"}}
            for n in range(600)
        ]
        order = {"order_id": "o", "lines": lines, "total": {"amount_minor": 1, "currency": "EUR"}}
        answer = await post(small, cloud_event(type="OrderPlaced", data=order))
        assert (answer.status, answer.problem) == (422, "invalid-event")
        assert "kafka.max_message_bytes" in answer.json["detail"]


@pytest.mark.parametrize("key", ["", "x" * 300])
async def test_an_idempotency_key_that_is_none(app: Any, key: str) -> None:
    answer = await post(app, cloud_event(), idempotency_key=key)
    assert (answer.status, answer.problem) == (400, "invalid-request")


async def test_a_path_that_is_not_there(app: Any) -> None:
    assert (await call(app, "GET", "/v1/nothing")).problem == "not-found"
    assert (await call(app, "POST", "/v1/events/", b"{}")).problem == "not-found"


async def test_a_method_that_is_not_the_paths(app: Any) -> None:
    answer = await call(app, "GET", "/v1/events")
    assert answer.problem == "method-not-allowed"
    assert answer.headers["allow"] == "POST"


async def test_no_answer_quotes_more_than_a_name_of_what_was_sent(app: Any) -> None:
    for changed in (
        {"data__quantity": "zoe@example.com"},
        {"subject": "zoe@example.com"},
        {"data__name": ["zoe@example.com"]},
    ):
        answer = await post(app, cloud_event(**changed))
        assert answer.status == 422
        assert b"zoe" not in answer.body


async def test_a_name_that_is_too_long_is_cut(app: Any) -> None:
    answer = await post(app, cloud_event(**{f"data__{'x' * 5_000}": 1}))
    assert answer.status == 422
    assert len(json.dumps(answer.json["detail"])) < 1_000
