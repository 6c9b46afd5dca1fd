"""The client for browsers, in one, with a stream that says what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from ccstream.gateway.profiles import AGGREGATES
from tests.support.source import ROOT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

ADDRESS = "http://localhost/"

STREAM = """
globalThis.EventSource = class {
  constructor() { this.listeners = {}; globalThis.stream = this; }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  close() {}
};
"""

FOLLOW = """
const { follow } = await import("/client.js");
globalThis.profile = follow("visitor:1").profile;
"""

SAY = """([kind, data]) => {
  globalThis.stream.listeners[kind]({ data: JSON.stringify(data), lastEventId: "" });
  return globalThis.profile;
}"""

UNCONNECTED = """async (key) => {
  const { follow } = await import("/client.js");
  globalThis.stream = null;
  const unconnected = follow(key, { connected: false });
  const before = globalThis.stream !== null;
  unconnected.open();
  return [before, globalThis.stream !== null];
}"""


class Follower:
    """A page that follows one key."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def told(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Its copy of the profile after the stream has said this."""
        copy: dict[str, Any] = await self._page.evaluate(SAY, [kind, data])
        return copy

    async def follows_unconnected(self, key: str) -> list[bool]:
        """Whether a stream of the key is there before it is opened, and after."""
        opened: list[bool] = await self._page.evaluate(UNCONNECTED, key)
        return opened


@asynccontextmanager
async def following(browser: Browser) -> AsyncIterator[Follower]:
    async def serve(route: Route) -> None:
        if route.request.url == ADDRESS:
            await route.fulfill(body="", content_type="text/html")
        else:
            path = ROOT / "src/ccstream/gateway/pages/static/client.js"
            await route.fulfill(path=path, content_type="text/javascript")

    page = await browser.new_page()
    try:
        await page.route("**/*", serve)
        await page.goto(ADDRESS)
        await page.evaluate(f"async () => {{ {STREAM} {FOLLOW} }}")
        yield Follower(page)
    finally:
        await page.close()


def rows(version: int) -> dict[str, Any]:
    """A row of this version of everything that is followed."""
    row = {"version": version}
    return {name: [row] if name == "order" else row for name in AGGREGATES}


def nothing() -> dict[str, Any]:
    return {name: [] if name == "order" else None for name in AGGREGATES}


def held(copy: dict[str, Any]) -> dict[str, Any]:
    return {name: copy[name] for name in AGGREGATES}


async def test_a_snapshot_brings_all_that_is_followed_and_takes_nothing_newer_back(
    browser: Browser,
) -> None:
    async with following(browser) as follower:
        assert held(await follower.told("hello", {"profile": "visitor:1"})) == nothing()
        assert held(await follower.told("snapshot", rows(9))) == rows(9)
        await follower.told("hello", {"profile": "visitor:1"})
        again = await follower.told("snapshot", rows(8))
        assert held(again) == {**rows(9), "order": [{"version": 8}]}


async def test_who_moves_to_another_profile_has_nothing_of_the_one_before_and_hears_what_changes(
    browser: Browser,
) -> None:
    async with following(browser) as follower:
        await follower.told("hello", {"profile": "visitor:1"})
        await follower.told("snapshot", rows(9))
        # Versions compare within one profile: those of the next may be lower.
        await follower.told("moved", {"profile": "customer:1"})
        assert held(await follower.told("snapshot", rows(2))) == rows(2)
        row = {"version": 3}
        for name in AGGREGATES:
            change = {"aggregate": name, "row": "", "whole": True, "record": row}
            copy = await follower.told("change", change)
            assert copy[name] == ([row, {"version": 2}] if name == "order" else row), name
        await follower.told("moved", {"profile": "customer:2"})
        assert held(await follower.told("snapshot", nothing())) == nothing()


async def test_who_has_no_network_asks_for_nobody_until_it_opens_the_stream(
    browser: Browser,
) -> None:
    async with following(browser) as follower:
        opened = await follower.follows_unconnected("visitor:2")
        assert opened == [False, True]
