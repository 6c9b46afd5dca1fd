"""The live page in a real browser: its story by clicks, and how it looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from ccstream.devkit.live_page import LivePage
from tests.browser.demo import visit
from tests.browser.looks import looks_well
from tests.support.source import ROOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.long,
    pytest.mark.timeout(180),
]

WIDTHS = (360, 768, 1440)


async def test_the_whole_story_by_clicks_in_three_pages_at_once(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live) as made:
        shop, app, till = made.devices
        await shop.add("Kettle")
        await made.all_show(kettle=1)
        await app.button("One Kettle more").click()
        await made.all_show(kettle=2)

        # The till has no network: it shows nothing new, and keeps what it scans.
        await till.switch("Network").click()
        await till.button("Scan a tea tin").click()
        await expect(till.element.locator("#till-waiting")).to_be_visible()
        await shop.add("Cup")
        await app.shows(kettle=2, cup=1)
        await till.shows(kettle=2)
        await till.switch("Network").click()
        await made.all_show(kettle=2, cup=1, tin=1)
        await expect(till.element).to_have_attribute("data-hello", "resumed")

        # Whoever uses the shop after her sees nothing of hers, until she is back.
        await shop.button("Sign out").click()
        await shop.shows()
        await till.shows(kettle=2, cup=1, tin=1)
        await shop.button("Sign in").click()
        await shop.shows(kettle=2, cup=1, tin=1)

        answer = till.element.locator("#till-consent")
        await app.switch("News by e-mail").click()
        await expect(answer).to_have_text("Yes, e-mail agreed")
        await app.switch("News by e-mail").click()
        await expect(answer).to_have_text("No, withdrawn")

        await shop.button("One Cup less").click()
        await made.all_show(kettle=2, tin=1)
        await till.button("Take payment").click()
        await made.all_show()
        await expect(app.element.locator("#app-order")).to_contain_text("from the till")


async def test_with_its_connection_cut_a_device_does_not_change(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live) as made:
        await made.pages["app"].route("**/stream*", lambda route: route.abort())
        await made.pages["app"].reload()
        await made.shop.add("Tray")
        await made.till.shows(tray=1)
        await expect(made.app.element).to_have_attribute("data-state", "connecting")
        await made.app.shows()
        await made.pages["app"].unroute("**/stream*")
        await made.app.shows(tray=1)


async def test_after_a_restart_of_the_gateway_every_device_resumes(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live) as made:
        await made.shop.add("Kettle")
        await made.all_show(kettle=1)
        live.stop_gateway()
        await made.shop.add("Whisk")  # it waits in the shop
        await expect(made.shop.element.locator(".device-state")).to_contain_text("1 waiting")
        await live.start_gateway()
        await made.all_show(kettle=1, whisk=1)
        for device in made.devices:
            await expect(device.element).to_have_attribute("data-hello", "resumed")


async def test_it_can_be_used_by_keyboard_and_says_how_long_it_took(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live, together=True) as made:
        await made.shop.button("Add Teapot to the basket").focus()
        await made.shop.page.keyboard.press("Enter")
        await made.all_show(teapot=1)
        await expect(made.shop.page.locator("#median")).not_to_have_text("–")
        await expect(made.shop.page.locator(".feed-seen").first).to_contain_text("ms")


@pytest.mark.parametrize("width", WIDTHS)
async def test_it_fits_is_accessible_and_has_its_picture_taken(
    browser: Browser, live: LivePage, pictures: Path, width: int
) -> None:
    async with visit(browser, live, together=True, width=width) as made:
        page = made.shop.page
        for article in ("Kettle", "Cup", "Tea tin"):
            await made.shop.add(article)
        await made.app.switch("News by e-mail").click()
        await made.all_show(kettle=1, cup=1, tin=1)
        await expect(made.till.element.locator("#till-consent")).to_have_text("Yes, e-mail agreed")
        await page.mouse.move(0, 0)
        await looks_well(page, pictures / f"demo-{width}.png")
        if width == max(WIDTHS) and os.environ.get("CCSTREAM_TEST_PICTURES"):  # for the README
            await page.screenshot(path=ROOT / "docs" / "demo.png", full_page=True)


async def test_the_client_is_under_a_hundred_lines() -> None:
    path = ROOT / "src/ccstream/gateway/pages/static/client.js"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100
