"""The page of operations in a real browser: what it says, to whom, and how it looks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from ccstream.devkit.live_page import LivePage
from tests.browser.demo import opened
from tests.browser.looks import looks_well
from tests.gateway.test_operations import OneWorker, workers
from tests.support.source import ROOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.long,
    pytest.mark.timeout(120),
]

WIDTHS = (360, 768, 1440)
CHANNELS = ("web", "app", "store")


def busy(one: OneWorker, events: int) -> None:
    """Some seconds' work of a worker."""
    metrics = one.metrics
    metrics.add("ccstream_events_consumed_total", ("web",), events)
    for table, latencies in (("carts", (0.004, 0.02, 0.3)), ("touches", (0.02, 0.05, 0.2))):
        for seconds in latencies:
            metrics.observe_many(
                "ccstream_sync_latency_seconds", ("web", table), [seconds] * (events // 3)
            )
    metrics.observe_many("ccstream_commit_duration_seconds", (), [0.018] * 20)


async def always_busy(*each: OneWorker) -> None:
    while True:
        for number, one in enumerate(each):
            busy(one, 420 + 60 * number)
        await asyncio.sleep(0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def troubled() -> AsyncIterator[str]:
    """The address of a gateway whose workers have a bad day; stubs, so that it is always that."""
    from ccstream.ops.settings import Settings
    from tests.gateway.serving import serving_app

    with workers((0, 1, 2), (3, 4)) as (first, second):
        second.metrics.set("ccstream_lag_seconds", ("4",), 12.4)
        second.metrics.set("ccstream_lag_records", ("channel.web.events.v1", "4"), 18_240)
        second.metrics.add("ccstream_rejected_total", ("too_late",), 31)
        second.metrics.add("ccstream_rejected_total", ("unknown_schema",), 4)
        third = OneWorker()
        third.state = {"state": "taking partitions over"}
        third.metrics.set("ccstream_restore_remaining_records", ("carts", "5"), 412_000)
        with third.health:
            addresses = ",".join([first.address, second.address, third.address, "127.0.0.1:9"])
            settings = Settings.load(gateway={"workers": addresses}, kafka__partitions=8)
            async with serving_app(settings) as port:
                page_address = f"http://127.0.0.1:{port}/ops"
                work = asyncio.create_task(always_busy(first, second))
                yield page_address
                work.cancel()


async def until_known(page: Page) -> None:
    await expect(page.locator("#asked")).to_contain_text("of the last")


@pytest.mark.parametrize("width", WIDTHS)
async def test_it_fits_is_accessible_and_says_what_is_wrong(
    browser: Browser, troubled: str, pictures: Path, width: int
) -> None:
    page = await opened(browser, troubled, width)
    await until_known(page)
    await expect(page.locator("#verdict")).to_have_text("Something is wrong")
    await expect(page.locator("#served")).to_have_text("5 of 8")
    await expect(page.locator("#count")).to_have_text("3 of 4")
    concerns = page.locator("#concerns")
    await expect(concerns).to_contain_text("Partitions 6, 7 are served by no worker")
    await expect(concerns).to_contain_text("Partition 4 is behind, by 12 s at most.")
    await expect(page.locator('.cell[data-state="restoring"]')).to_contain_text("412,000")
    await expect(page.locator("#rejected")).to_contain_text("too_late")
    await expect(page.locator("#latency")).to_contain_text("300 ms")
    await expect(page.locator("#slowest")).to_have_text("300 ms")
    await looks_well(page, pictures / f"ops-{width}.png")
    if width == max(WIDTHS) and os.environ.get("CCSTREAM_TEST_PICTURES"):  # for the docs
        await page.screenshot(path=ROOT / "docs" / "ops.png", full_page=True)
    assert await page.evaluate("window.failed") is None
    await page.context.close()


async def test_a_worker_and_its_gateway_are_well_and_seen_to_be(
    browser: Browser, live: LivePage
) -> None:
    page = await opened(browser, live.address.replace("/demo", "/ops"))
    await until_known(page)
    await expect(page.locator("#verdict")).to_have_text("All is well")
    await expect(page.locator("#served")).to_have_text("4 of 4")
    live.stop_gateway()
    await expect(page.locator("#verdict")).to_have_text("The gateway does not answer")
    await live.start_gateway()
    await expect(page.locator("#verdict")).to_have_text("All is well")
    await page.context.close()


async def test_without_a_key_it_shows_nothing_and_asks_for_one(
    browser: Browser, troubled: str
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    refused = '{"detail": "It takes the scope operate, which is missing."}'

    async def answer(route: object) -> None:
        request = route.request  # type: ignore[attr-defined]
        if request.headers.get("authorization") == "Bearer ccs_right":
            await route.continue_()  # type: ignore[attr-defined]
        else:
            await route.fulfill(status=403, body=refused)  # type: ignore[attr-defined]

    await page.route("**/v1/operations", answer)
    await page.goto(troubled)
    await expect(page.locator("#verdict")).to_have_text("Who asks?")
    await expect(page.locator("#board")).to_be_hidden()
    key = page.get_by_label("A key or token")
    await key.fill("ccs_wrong")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#key-why")).to_contain_text("scope operate")
    await key.fill("ccs_right")
    await page.keyboard.press("Enter")
    await expect(page.locator("#board")).to_be_visible()
    await context.close()
