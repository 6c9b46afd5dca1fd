"""The agents' page in a real browser: found, followed while they talk, and how it looks."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from ccstream.devkit.live_page import LivePage
from tests.browser.demo import opened
from tests.browser.looks import looks_well
from tests.gateway.events import cloud_event
from tests.support.source import ROOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.long,
    pytest.mark.timeout(180),
]

WIDTHS = (360, 768, 1440)


class Customer:
    """Somebody who does things in several channels."""

    def __init__(self, live: LivePage) -> None:
        self.name = secrets.token_hex(3)
        self.key = f"customer:{self.name}"
        self.card = f"loyalty:77{self.name}"
        self._base = live.address.removesuffix("/demo")

    @property
    def page(self) -> str:
        return f"{self._base}/agents/{self.key}"

    @property
    def search_page(self) -> str:
        return f"{self._base}/agents"

    async def does(
        self, kind: str, source: str, data: Any, ago: timedelta = timedelta(), subject: str = ""
    ) -> None:
        at = datetime.now(UTC) - ago
        event = cloud_event(
            id=secrets.token_hex(8),
            type=f"ccstream.{kind}",
            source=source,
            subject=subject or self.key,
            time=at.isoformat(),
            data=data,
        )
        await asyncio.to_thread(self._post, event)

    def _post(self, event: Any) -> None:
        request = urllib.request.Request(
            f"{self._base}/v1/events",
            json.dumps(event).encode(),
            {"Content-Type": "application/cloudevents+json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 202

    async def adds(self, sku: str, name: str, price: int, source: str, **ago: int) -> None:
        data = {
            "sku": sku,
            "quantity": 1,
            "name": name,
            "unit_price": {"amount_minor": price, "currency": "EUR"},
        }
        await self.does("cart.v1.CartItemAdded", source, data, timedelta(**ago))

    async def has_a_history(self) -> None:
        await self.does(
            "identity.v1.IdentifiersLinked",
            "/store/till-3",
            {"identifiers": [self.key], "reason": "card_scanned"},
            timedelta(days=21),
            self.card,
        )
        traits = {
            "given_name": "Camille",
            "family_name": "Laurent",
            "email": "camille@example.org",
            "country": "FR",
        }
        await self.does(
            "profile.v1.ProfileUpdated",
            "/web/shop-1",
            {
                "traits": [
                    {"name": name, "value": value, "verified": name == "email"}
                    for name, value in traits.items()
                ]
            },
            timedelta(days=20),
        )
        await self.does(
            "touch.v1.ChannelVisited",
            "/web/shop-1",
            {"medium": "newsletter", "page": "/tea"},
            timedelta(days=12),
        )
        line = {
            "sku": "kettle",
            "quantity": 1,
            "amount": {"amount_minor": 4990, "currency": "EUR"},
        }
        await self.does(
            "order.v1.OrderPlaced",
            "/store/till-3",
            {
                "order_id": "F-20931",
                "lines": [line],
                "total": {"amount_minor": 4990, "currency": "EUR"},
            },
            timedelta(days=9),
        )
        await self.does(
            "service.v1.InteractionLogged",
            "/call_centre/desk-2",
            {"interaction_id": "c-1", "kind": "call", "topic": "delivery", "outcome": "promised"},
            timedelta(days=2),
        )
        captured = int((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1000) - 1_000
        proof = {"form_version": "news-1", "source_channel": "app", "captured_at": captured}
        for channel, status in (("email", "granted"), ("sms", "withdrawn")):
            await self.does(
                "consent.v1.ConsentChanged",
                "/app/phone-1",
                {
                    "contact_point": "ab" * 32,
                    "contact_channel": channel,
                    "purpose": "marketing",
                    "status": status,
                    "legal_basis": "consent",
                    "proof": proof,
                },
                timedelta(days=1),
            )
        # The later one arrives first: what is shown goes by when they were put in.
        await self.adds("cup", "Cup", 1450, "/app/phone-1", minutes=8)
        await self.adds("teapot", "Teapot", 3800, "/web/shop-1", hours=3)


async def test_a_customer_is_found_by_a_card_and_followed_while_they_talk(
    browser: Browser, live: LivePage
) -> None:
    customer = Customer(live)
    await customer.has_a_history()
    page = await opened(browser, customer.search_page)
    try:
        box = page.get_by_role("searchbox")
        await box.fill("nobody-at-all")
        await page.get_by_role("button", name="Find").click()
        await expect(page.locator("#notice")).to_have_text("Nobody is known by that.")
        await box.fill(customer.card.partition(":")[2])
        await page.get_by_role("button", name="Find").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Camille Laurent")
        await expect(page).to_have_url(
            f"{customer.search_page}/{customer.card.replace(':', '%3A')}"
        )
        await expect(page.locator("#came-by")).to_have_text(customer.card)
        await expect(page.locator("#live")).to_have_text("Live")
        await expect(page.locator("#basket .row-what")).to_have_text(["1 × Teapot", "1 × Cup"])
        await expect(page.locator("#story")).to_contain_text("Ordered F-20931")
        await expect(page.locator("#story")).to_contain_text("Talked to us: delivery")
        await expect(page.locator("#interactions .row-what")).to_have_text("Delivery")
        await expect(page.locator("#interactions")).to_contain_text("outcome: promised")
        await expect(page.locator("#identifiers")).to_contain_text(customer.card)

        await customer.adds("whisk", "Whisk", 2200, "/store/till-3")
        await expect(page.locator("#basket")).to_contain_text("1 × Whisk")
        await expect(page.locator("#basket .fresh")).to_contain_text("in a store")
        assert await page.evaluate("window.failed") is None
    finally:
        await page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
async def test_it_fits_is_accessible_and_has_its_picture_taken(
    browser: Browser, live: LivePage, pictures: Path, width: int
) -> None:
    customer = Customer(live)
    await customer.has_a_history()
    page = await opened(browser, customer.page, width)
    try:
        await expect(page.locator("#basket .row-what")).to_have_text(["1 × Teapot", "1 × Cup"])
        await expect(page.locator("#live")).to_have_text("Live")
        await looks_well(page, pictures / f"agent-{width}.png")
        if width == max(WIDTHS) and os.environ.get("CCSTREAM_TEST_PICTURES"):  # for the docs
            await page.screenshot(path=ROOT / "docs" / "agent.png", full_page=True)
        assert await page.evaluate("window.failed") is None
    finally:
        await page.context.close()
