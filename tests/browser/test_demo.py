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

SETTLED_COLOUR = """async (one) => {  // not a shade on the way to it, while it fades
    while (one.getAnimations().length) await new Promise(requestAnimationFrame);
    return getComputedStyle(one).backgroundColor;
}"""


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
        await expect(answer).to_have_text("Yes, e-mail agreed")
        await app.switch("News by e-mail").click()
        await expect(answer).to_have_text("No, withdrawn")
        await app.switch("News by e-mail").click()
        await expect(answer).to_have_text("Yes, e-mail agreed")

        await shop.button("One Cup less").click()
        await made.all_show(kettle=2, tin=1)
        await till.button("Take payment").click()
        await made.all_show()
        await expect(app.element.locator("#app-order")).to_contain_text("from the till")


async def test_a_till_without_a_network_looks_nobody_up_until_it_is_back(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live) as made:
        shop, app, till = made.devices
        who = till.element.locator("#till-who")
        await shop.add("Kettle")
        await made.all_show(kettle=1)

        asked: list[str] = []
        till.page.on("request", lambda request: asked.append(request.url))
        await till.switch("Network").click()
        await till.button("Next person").click()
        await expect(who).to_have_text("Nobody yet")
        await till.button("Scan the card").click()
        await shop.add("Cup")
        await app.shows(kettle=1, cup=1)
        await expect(who).to_have_text("Looking up")
        await till.shows()
        await expect(till.element).to_have_attribute("data-state", "offline")
        assert asked == []

        await till.switch("Network").click()
        await expect(who).to_have_text("Camille Laurent")
        assert ["/stream?" in url for url in asked] == [True]
        await made.all_show(kettle=1, cup=1)


async def test_a_visitors_basket_comes_along_to_the_app_and_to_the_till_that_scans_the_card(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live, known=False) as made:
        shop, app, till = made.devices
        await expect(shop.element).to_have_attribute("data-who", "visitor")
        await shop.add("Kettle")
        await shop.add("Cup")
        await shop.shows(kettle=1, cup=1)
        await till.button("Scan the card").click()
        await expect(till.element.locator("#till-who")).to_have_text("Camille Laurent")
        await app.shows()  # nobody knows yet whose the visitor's basket is
        await till.shows()
        await till.button("Next person").click()
        await expect(till.element.locator("#till-who")).to_have_text("Nobody yet")

        await shop.button("Sign in").click()
        await app.shows(kettle=1, cup=1)
        await till.shows()
        await expect(till.button("Scan a tea tin")).to_be_disabled()
        await till.button("Scan the card").click()
        await made.all_show(kettle=1, cup=1)
        await till.button("Scan a tea tin").click()
        await made.all_show(kettle=1, cup=1, tin=1)
        # A reload is the same visitor, and so the same customer.
        await shop.page.reload()
        await made.all_show(kettle=1, cup=1, tin=1)


async def test_marketing_goes_grey_when_consent_is_withdrawn_in_the_app(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live, together=True) as made:
        desk = made.marketing.element.locator("#marketing-desk")
        await expect(desk).to_have_attribute("data-answer", "yes")
        coloured = await desk.evaluate(SETTLED_COLOUR)
        await made.app.switch("News by e-mail").click()
        await expect(desk).to_have_attribute("data-answer", "no")
        await expect(desk).to_contain_text("Not to be sent")
        await expect(desk.locator("#marketing-why")).not_to_be_empty()
        await expect(desk).to_have_css("background-color", "rgb(220, 220, 218)")
        assert coloured != "rgb(220, 220, 218)"
        await made.app.switch("News by e-mail").click()
        await expect(desk).to_have_attribute("data-answer", "yes")
        await expect(desk).to_have_css("background-color", coloured)
        await made.shop.add("Kettle")
        await expect(desk).to_contain_text("We have kept your basket: kettle.")


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
    async with visit(browser, live, together=True, width=width, known=False) as made:
        page = made.shop.page
        desk = made.marketing.element.locator("#marketing-desk")
        await looks_well(page, pictures / f"demo-empty-{width}.png")
        for article in ("Kettle", "Cup", "Tea tin"):
            await made.shop.add(article)
        await made.shop.shows(kettle=1, cup=1, tin=1)
        await made.comes_in()
        await made.all_show(kettle=1, cup=1, tin=1)
        await made.app.switch("News by e-mail").click()
        await expect(desk).to_have_css("background-color", "rgb(220, 220, 218)")
        await expect(page.locator(".steps [data-done]")).to_have_count(4)
        await page.mouse.move(0, 0)
        await looks_well(page, pictures / f"demo-grey-{width}.png")
        await made.app.switch("News by e-mail").click()
        await expect(desk).to_have_attribute("data-answer", "yes")
        await expect(made.till.element.locator("#till-consent")).to_have_text("Yes, e-mail agreed")
        await page.mouse.move(0, 0)
        await looks_well(page, pictures / f"demo-{width}.png")
        if width == max(WIDTHS) and os.environ.get("CCSTREAM_TEST_PICTURES"):  # for the README
            await page.screenshot(path=ROOT / "docs" / "demo.png", full_page=True)


async def test_the_client_is_under_a_hundred_lines() -> None:
    path = ROOT / "src/ccstream/gateway/pages/static/client.js"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100
