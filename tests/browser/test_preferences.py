"""From a link in a message to every screen: in a real browser, with a worker behind."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from ccstream.devkit.live_page import LivePage
from tests.browser.demo import opened, visit
from tests.browser.looks import looks_well

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.long,
    pytest.mark.timeout(120),
]

WIDTHS = (360, 1440)


async def links(page: Page, live: LivePage, customer: str) -> dict[str, str]:
    """The addresses that a message to the customer of the demo has in it."""
    root = live.address.removesuffix("/demo")
    asked = {
        "subject": customer,
        "contact_point": hashlib.sha256(customer.encode()).hexdigest(),
        "contact_channel": "email",
        "purpose": "newsletter",
    }
    answer = await page.request.post(f"{root}/v1/preferences/links", data=asked)
    made: dict[str, str] = await answer.json()
    return {name: root + path for name, path in made.items()}


async def choose(page: Page, question: str, answer: str) -> None:
    group = page.get_by_role("group", name=question, exact=True)
    await group.get_by_role("radio", name=answer).check()


async def shows(page: Page, question: str, answer: str) -> None:
    group = page.get_by_role("group", name=question, exact=True)
    await expect(group.get_by_role("radio", name=answer)).to_be_checked()


async def test_what_is_said_by_a_link_is_seen_at_the_till_and_the_other_way_round(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live) as made:
        till = made.till.element.locator("#till-consent")
        address = await links(made.till.page, live, made.customer)
        page = await opened(browser, address["preferences"])
        await shows(page, "Newsletter by e-mail", "Yes")
        for answer, told in (("No", "No, withdrawn"), ("Yes", "Yes, e-mail agreed")):
            await choose(page, "Newsletter by e-mail", answer)
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_role("status")).to_contain_text("Saved")
            await shows(page, "Newsletter by e-mail", answer)
            await expect(till).to_have_text(told)

        letter = await opened(browser, address["unsubscribe"])
        await expect(letter.get_by_role("heading", level=1)).to_contain_text("newsletter by e-mail")
        await expect(till).to_have_text("Yes, e-mail agreed")  # to look is not to say
        await letter.get_by_role("button", name="Unsubscribe").click()
        await expect(letter.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
        await expect(till).to_have_text("No, withdrawn")

        await made.app.switch("News by e-mail").click()
        await expect(till).to_have_text("Yes, e-mail agreed")
        await page.goto(address["preferences"])
        await shows(page, "Newsletter by e-mail", "Yes")
        await page.context.close()
        await letter.context.close()


async def test_a_page_that_was_open_takes_nothing_back_that_it_did_not_know(
    browser: Browser, live: LivePage
) -> None:
    async with visit(browser, live) as made:
        address = await links(made.till.page, live, made.customer)
        page = await opened(browser, address["preferences"])
        await shows(page, "Newsletter by e-mail", "Yes")
        await made.app.switch("News by e-mail").click()
        till = made.till.element.locator("#till-consent")
        await expect(till).to_have_text("No, withdrawn")
        await choose(page, "Text message", "No")
        await page.get_by_role("button", name="Save").click()
        await shows(page, "Newsletter by e-mail", "No")
        await shows(page, "Text message", "No")
        await expect(till).to_have_text("No, withdrawn")
        await page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_pages_fit_are_accessible_and_have_their_pictures_taken(
    browser: Browser, live: LivePage, pictures: Path, width: int
) -> None:
    customer = f"customer:{secrets.token_hex(4)}"
    page = await opened(browser, live.address, width)
    address = await links(page, live, customer)
    await page.goto(address["preferences"])
    await choose(page, "Newsletter by e-mail", "Yes")
    await choose(page, "Telephone", "No")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    await looks_well(page, pictures / f"preferences-{width}.png")
    await page.goto(address["unsubscribe"])
    await looks_well(page, pictures / f"unsubscribe-{width}.png")
    await page.goto(address["unsubscribe"] + "x")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")
    await looks_well(page, pictures / f"gone-{width}.png")
    await page.context.close()
