"""The official CloudEvents package is a client: what it sends is taken as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from ccstream.domain.events import CartItemAdded
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from tests.gateway.calls import Answer, call
from tests.gateway.test_ingest import stored

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def app(shared_app: Any) -> Any:
    return shared_app


def mug(**attributes: Any) -> CloudEvent:
    return CloudEvent(
        attributes={
            "id": "sdk-1",
            "type": "ccstream.cart.v1.CartItemAdded",
            "source": "/web/shop-1",
            "subject": "customer:Zo\u00eb",
            "time": datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
            "datacontenttype": "application/json",
            "specversion": "1.0",
            **attributes,
        },
        data={"sku": "mug", "quantity": 2, "name": "Tasse \u201cZo\u00eb\u201d, 100 %"},
    )


async def sent(app: Any, message: HTTPMessage) -> Answer:
    return await call(app, "POST", "/v1/events", message.body, message.headers)


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
async def test_what_it_sends_arrives_as_it_was_meant(
    app: Any, settings: Settings, write: Any
) -> None:
    answer = await sent(app, write(mug()))
    assert answer.status == 202, answer
    assert answer.json["id"] == "sdk-1"
    record = stored(settings, app, answer.json["position"])
    assert Codec().decode_event(record.value()) == CartItemAdded(
        event_id="sdk-1",
        occurred_at=1_769_860_800_000,
        channel="web",
        source="shop-1",
        subject="customer:Zo\u00eb",
        sku="mug",
        quantity=2,
        name="Tasse \u201cZo\u00eb\u201d, 100 %",
    )


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
async def test_an_extension_of_its_own_does_no_harm(app: Any, write: Any) -> None:
    assert (await sent(app, write(mug(partitionkey="x", sequence="1")))).status == 202


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
async def test_what_is_wrong_in_it_is_told_by_its_names(app: Any, write: Any) -> None:
    answer = await sent(app, write(mug(source="/nowhere/shop")))
    assert answer.problem == "invalid-event"
    assert answer.json["errors"][0]["field"] == "source"
