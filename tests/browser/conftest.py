"""A real browser on the live page, with a worker and a gateway behind it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from ccstream.devkit.live_page import LivePage

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The system's Chromium, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium: `apt-get install chromium`")
    # As root, as in containers, Chromium has no sandbox of its own.
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield started
        finally:
            await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[LivePage]:
    async with LivePage(None) as page:
        yield page


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots of a run are."""
    return tmp_path_factory.mktemp("pictures")
