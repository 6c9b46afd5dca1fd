"""What a visitor of the live page does and sees, by what is written on it."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, Page, expect

from ccstream.devkit.live_page import LivePage

__all__ = ["Device", "Visit", "opened", "visit"]

WAIT_MS = 20_000
"""For what takes milliseconds, on a machine with other work."""

expect.set_options(timeout=WAIT_MS)


class Device:
    """One of them."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.element = page.locator(f"#device-{name}")

    def button(self, name: str) -> Locator:
        return self.element.get_by_role("button", name=name, exact=True)

    def switch(self, name: str) -> Locator:
        return self.element.get_by_role("switch", name=name)

    async def add(self, article: str) -> None:
        await self.button(f"Add {article} to the basket").click()

    async def shows(self, **quantities: int) -> None:
        """Wait until the basket is exactly this."""
        lines = self.element.locator(".line")
        await expect(lines).to_have_count(len(quantities))
        for sku, quantity in quantities.items():
            line = self.element.locator(f'[data-line="{sku}"] .quantity')
            await expect(line).to_have_text(re.compile(rf"^(× )?{quantity}$"))

    async def is_live(self) -> None:
        await expect(self.element).to_have_attribute("data-state", "live")


class Visit:
    """All devices on one customer, each in a page of its own, or all in one.

    ``devices`` are those that have a basket.
    """

    def __init__(self, pages: dict[str, Page], customer: str) -> None:
        self.pages = pages
        self.customer = customer
        self.shop = Device(pages["web"], "web")
        self.app = Device(pages["app"], "app")
        self.till = Device(pages["till"], "till")
        self.marketing = Device(pages["marketing"], "marketing")

    @property
    def devices(self) -> tuple[Device, Device, Device]:
        return self.shop, self.app, self.till

    async def comes_in(self) -> None:
        """She signs in, and her card is scanned."""
        await self.shop.button("Sign in").click()
        await expect(self.shop.element).to_have_attribute("data-who", "customer")
        await self.till.button("Scan the card").click()
        await expect(self.till.element.locator("#till-who")).to_have_text("Camille Laurent")

    async def all_show(self, **quantities: int) -> None:
        for device in self.devices:
            await device.shows(**quantities)


async def opened(browser: Browser, address: str, width: int = 1440, height: int = 1000) -> Page:
    """A page in a window of its own, that fails the test if a script fails."""
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    page.on("pageerror", lambda error: page.evaluate(f"window.failed = {str(error)!r}"))
    await page.goto(address)
    return page


@asynccontextmanager
async def visit(
    browser: Browser,
    live: LivePage,
    *,
    together: bool = False,
    width: int = 1440,
    known: bool = True,
) -> AsyncIterator[Visit]:
    """All devices, live; in one page if ``together``, and the customer come in if ``known``."""
    customer = f"customer:{secrets.token_hex(4)}"
    address = f"{live.address}?customer={customer}"
    names = ("web", "app", "till", "marketing")
    if together:
        page = await opened(browser, address, width)
        pages = dict.fromkeys(names, page)
    else:
        pages = {name: await opened(browser, f"{address}&device={name}", 520) for name in names}
    made = Visit(pages, customer)
    try:
        for device in (*made.devices, made.marketing):
            await device.is_live()
        if known:
            await made.comes_in()
        yield made
        for page in pages.values():
            assert await page.evaluate("window.failed") is None
    finally:
        for page in set(pages.values()):
            await page.context.close()
