"""How every page has to look, whatever is on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

__all__ = ["looks_well"]


async def looks_well(page: Page, picture: Path) -> None:
    """Nothing is wider than the window, axe finds nothing serious, and a picture is taken.

    Without motion: what axe meets while it fades is too pale, for a moment.
    """
    await page.emulate_media(reduced_motion="reduce")
    beyond = await page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
            .map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert not beyond
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: Any = await Axe().run(page)
    serious = [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert not serious
    await page.screenshot(path=picture, full_page=True)
    await page.emulate_media(reduced_motion="no-preference")
