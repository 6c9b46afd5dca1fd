"""Queries over HTTP, answered by the worker that owns the key, wherever that is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
import pytest_asyncio
import yaml

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.gateway.app import make_app
from ccstream.ops.settings import Settings
from tests.gateway.calls import Answer, call, post, running
from tests.gateway.conftest import until_ready
from tests.gateway.events import BATCH, cloud_event
from tests.integration.harness import Worker, make_topics, settings_for
from tests.integration.pipeline import new_subject
from tests.support.source import ROOT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


class Shop:
    """A worker and a gateway on one embedded broker."""

    def __init__(self, settings: Settings, app: Any) -> None:
        self.settings = settings
        self.app = app
        self.worker = Worker(settings)

    async def get(self, key: str, what: str = "", after: str = "", **headers: str) -> Answer:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        if after:
            named["ccstream-after"] = after
        return await call(self.app, "GET", f"/v1/profiles/{key}{what}", headers=named)

    async def put(self, subject: str, **fields: Any) -> str:
        """Publish an event; its position."""
        event = cloud_event(subject=subject, time=datetime.now(UTC).isoformat(), **fields)
        answer = await post(self.app, event)
        assert answer.status == 202, answer
        position: str = answer.json["position"]
        return position


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    with pytest.MonkeyPatch.context() as patch, EmbeddedKafka() as kafka:
        for name in [name for name in os.environ if name.startswith("CCSTREAM_")]:
            patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("shop"))
        settings = settings_for(kafka.bootstrap, "asked", kafka__fetch_wait_max_ms=5)
        await asyncio.to_thread(make_topics, settings)
        async with running(make_app(settings)) as app:
            made = Shop(settings, app)
            try:
                await asyncio.to_thread(made.worker.wait_ready)
                await until_ready(app)
                yield made
            finally:
                made.worker.close()


def quantities(cart: Any) -> dict[str, int]:
    return {} if cart is None else {line["sku"]: line["quantity"] for line in cart["lines"]}


@pytest.mark.parametrize("live", [False, True], ids=["committed", "live"])
async def test_who_sends_its_position_along_reads_what_it_wrote(shop: Shop, live: bool) -> None:
    key = new_subject()
    for number in range(1, 6):
        position = await shop.put(key)
        suffix = f"/cart?live={str(live).lower()}"
        answer = await shop.get(key, suffix, position)
        assert answer.status == 200, answer
        assert quantities(answer.json["cart"]) == {"mug": number}
        assert answer.json["as_of"]["live"] is live
        assert answer.json["as_of"]["offsets"]["channel.web.events.v1"] >= number - 1
        assert answer.json["version"] == answer.json["cart"]["version"]


async def test_what_is_held_already_is_not_sent_again(shop: Shop) -> None:
    key = new_subject()
    first = await shop.get(key, "/cart", await shop.put(key))
    tag = first.headers["etag"]
    assert tag == f'W/"{first.json["version"]}"'
    for held in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        again = await shop.get(key, "/cart", if_none_match=held)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    changed = await shop.get(key, "/cart", await shop.put(key), if_none_match=tag)
    assert changed.status == 200
    assert changed.headers["etag"] != tag


async def test_each_view_is_as_the_document_says(shop: Shop) -> None:
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    key = new_subject()
    await shop.put(key)
    position = await shop.put(
        key,
        type="ccstream.order.v1.OrderPlaced",
        data={
            "order_id": "o-1",
            "lines": [
                {"sku": "mug", "quantity": 1, "amount": {"amount_minor": 990, "currency": "EUR"}}
            ],
            "total": {"amount_minor": 990, "currency": "EUR"},
        },
    )
    said: dict[str, Any] = {}
    for view in ("", "/cart", "/last-touch", "/consents", "/orders", "/timeline"):
        answer = await shop.get(key, view, position)
        assert answer.status == 200, answer
        shown = document["paths"][f"/v1/profiles/{{key}}{view}"]["get"]["responses"]["200"]
        schema = shown["content"]["application/json"]["schema"]
        jsonschema_rs.validator_for({**schema, "components": document["components"]}).validate(
            answer.json
        )
        said[view] = answer.json
    assert [one["order_id"] for one in said["/orders"]["order"]] == ["o-1"]
    assert said["/last-touch"]["touch"]["last"]["kind"] == "OrderPlaced"
    assert [one["kind"] for one in said["/timeline"]["timeline"]] == ["visit", "touch", "order"]
    assert said[""]["order"] == said["/orders"]["order"]
    assert said["/consents"]["consent"] is None


async def test_a_key_that_nothing_is_known_of_has_nothing(shop: Shop) -> None:
    answer = await shop.get(new_subject())
    assert (answer.status, answer.json["version"], answer.json["cart"]) == (200, 0, None)
    assert (await shop.get("no-key")).problem == "invalid-request"
    assert (await shop.get(new_subject(), "?live=perhaps")).problem == "invalid-request"


async def test_after_a_log_in_the_visitor_is_the_account_with_what_was_in_the_basket(
    shop: Shop,
) -> None:
    visitor, account = new_subject(namespace="visitor"), new_subject()
    await shop.put(visitor)
    position = await shop.put(
        visitor, type="ccstream.identity.v1.IdentifiersLinked", data={"identifiers": [account]}
    )
    answer = await shop.get(visitor, "/cart", position)
    assert answer.status == 200, answer
    assert answer.json["subject"] == account
    assert quantities(answer.json["cart"]) == {"mug": 1}
    position = await shop.put(visitor, data__sku="teapot")  # sent on to the account
    for key in (visitor, account):
        answer = await shop.get(key, "/cart", position)
        assert quantities(answer.json["cart"]) == {"mug": 1, "teapot": 1}


async def test_several_positions_are_waited_for_and_forged_ones_refused(shop: Shop) -> None:
    key = new_subject()
    events = [
        cloud_event(subject=key, time=datetime.now(UTC).isoformat(), source=source)
        for source in ("/web/shop-1", "/app/phone-1", "/store/till-1")
    ]
    answers = (await post(shop.app, events, BATCH)).json["events"]
    after = ", ".join(one["position"] for one in answers)
    assert quantities((await shop.get(key, "/cart", after)).json["cart"]) == {"mug": 3}
    assert (await shop.get(key, "/cart", after[:-3])).problem == "invalid-position"
    assert (await shop.get(key, "/cart", ",".join(["x"] * 9))).problem == "invalid-position"


async def test_it_is_409_where_the_event_does_not_come_and_503_where_the_worker_is_gone(
    shop: Shop,
) -> None:
    """The last one: it ends the worker, and finds its successor."""
    key = new_subject()
    await shop.get(key, "/cart", await shop.put(key))
    os.kill(shop.worker.process.pid, 19)  # stopped: it answers nobody
    try:
        answer = await shop.get(key, "/cart")
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    finally:
        os.kill(shop.worker.process.pid, 18)
    await asyncio.to_thread(shop.worker.stop)
    shop.worker.close()
    position = await shop.put(key)
    assert (await shop.get(key, "/cart", position)).status == 503
    shop.worker = Worker(shop.settings)
    await asyncio.to_thread(shop.worker.wait_ready)
    answer = await shop.get(key, "/cart", position)
    assert answer.status == 200, answer
    assert quantities(answer.json["cart"]) == {"mug": 2}
