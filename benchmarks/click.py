"""How long from a click in the shop to its being seen at the till, in a real browser?

Shop and till of the live page, each a page of its own in one Chromium; a real Kafka, a worker and a
gateway, all on this machine. Timed by the browser's own clock from the click to the change of the
till's document. Beside it ``websocket``: a message from one page to another through a server that
does nothing but send it on.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable
from typing import Any

from playwright.async_api import Browser, Error, Page, async_playwright

from benchmarks.budget import rounds
from benchmarks.instruments import pacer
from benchmarks.latency import INPUT, WARM_UP_RATE
from benchmarks.peers import bare_socket
from benchmarks.processes import Instrument, kafka
from benchmarks.records import BenchmarkError
from benchmarks.results import Result, median_of
from ccstream.devkit.live_page import LivePage
from ccstream.devkit.ports import LOOPBACK, free_port

__all__ = ["run"]

QUESTION = "click-to-seen"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CLICKS = 100
SETTLE = 20
"""The first clicks, not counted: pages compile their scripts, connections are made."""
PAUSE_MS = 150
"""Between two clicks, shortened or lengthened by up to a half: nobody clicks in step."""
LAST_MS = 3_000
"""For the last to be seen."""
LIVE_MS_MAX = 30_000
RESULT_S_MAX = 120.0

WARM_UP_S = 40.0
"""At the rate of `latency`; a broker's JVM has compiled most of what a transaction takes then."""

_CLOCK = "performance.timeOrigin + performance.now()"

_WATCH = f"""() => {{
  const basket = document.querySelector("#device-till .basket");
  window.seen = {{}};
  new MutationObserver(() => {{
    const found = basket.querySelector('[data-line="kettle"] .quantity');
    if (found) window.seen[found.textContent.replace(/\\D/g, "")] ??= {_CLOCK};
  }}).observe(basket, {{ childList: true, subtree: true, characterData: true }});
}}"""

_CLICK = f"""async ([clicks, pause]) => {{
  const button = document.querySelector('[data-sku="kettle"] button');
  const done = {{}};
  for (let n = 1; n <= clicks; n++) {{
    done[n] = {_CLOCK};
    if (button) button.click(); else window.socket.send(String(n));
    await new Promise((go) => setTimeout(go, pause * (0.5 + Math.random())));
  }}
  return done;
}}"""

_CONNECT = f"""(address) => new Promise((opened, failed) => {{
  window.seen = {{}};
  window.socket = new WebSocket(address);
  window.socket.onopen = () => opened();
  window.socket.onerror = () => failed(new Error("no connection"));
  window.socket.onmessage = (said) => {{ window.seen[said.data] ??= {_CLOCK}; }};
}})"""


def run(
    *,
    clicks: int = CLICKS,
    warm_up_s: float = WARM_UP_S,
    runs: int = 3,
    budget_s: float = 360.0,
    say: Callable[[str], None] = print,
) -> list[Result]:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise BenchmarkError("there is no Chromium to click in")
    began = time.monotonic()
    found: dict[str, list[list[float]]] = {}
    with kafka() as broker:
        asyncio.run(
            _rounds(
                broker.bootstrap,
                browser,
                clicks,
                warm_up_s,
                lambda: rounds(QUESTION, runs, budget_s, say, began=began),
                found,
                say,
            )
        )
    return [
        median_of(QUESTION, subject, f"p{share}", "ms", [_at(one, share) for one in taken])
        for subject, taken in found.items()
        for share in (50, 99)
    ]


async def _rounds(
    bootstrap: str,
    browser: str,
    clicks: int,
    warm_up_s: float,
    numbers: Callable[[], Any],
    found: dict[str, list[list[float]]],
    say: Callable[[str], None],
) -> None:
    async with async_playwright() as playwright, LivePage(bootstrap) as live:
        await asyncio.to_thread(_warm_up, bootstrap, warm_up_s)
        # As root, as in containers, Chromium has no sandbox of its own.
        chromium = await playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        try:
            for _ in numbers():
                for subject, measure in (("websocket", _echoed), ("ccstream", _clicked)):
                    one = await measure(chromium, live, clicks)
                    found.setdefault(subject, []).append(one)
                    say(
                        f"{QUESTION}: {subject} p50 {_at(one, 50):.1f} ms, "
                        f"p90 {_at(one, 90):.1f} ms, p99 {_at(one, 99):.1f} ms"
                    )
        finally:
            await chromium.close()


def _warm_up(bootstrap: str, seconds: float) -> None:
    pacing = Instrument(pacer.__name__, bootstrap, INPUT, "warm", WARM_UP_RATE, seconds)
    try:
        pacing.result(seconds + RESULT_S_MAX)
    finally:
        pacing.stop()


async def _clicked(browser: Browser, live: LivePage, clicks: int) -> list[float]:
    customer = f"customer:{secrets.token_hex(4)}"
    pages = await _opened(browser), await _opened(browser)
    try:
        for page, device in zip(pages, ("web", "till"), strict=True):
            await page.goto(f"{live.address}?customer={customer}&device={device}")
            ready = f'#device-{device}[data-state="live"]'
            await page.wait_for_selector(ready, timeout=LIVE_MS_MAX)
        shop, till = pages
        await shop.click("#shop-sign")
        await shop.wait_for_selector('#device-web[data-who="customer"]', timeout=LIVE_MS_MAX)
        await till.click("#till-card")
        await till.wait_for_selector("#till-scan:enabled", timeout=LIVE_MS_MAX)
        await pages[1].evaluate(_WATCH)
        return await _timed(*pages, clicks)
    except Error as error:
        raise BenchmarkError(f"the browser: {error.message.splitlines()[0]}") from error
    finally:
        for page in pages:
            await page.context.close()


async def _echoed(browser: Browser, _live: LivePage, clicks: int) -> list[float]:
    port = free_port()
    server = Instrument(bare_socket.__name__, port)
    pages = await _opened(browser), await _opened(browser)
    try:
        for page in pages:
            await page.evaluate(_CONNECT, f"ws://{LOOPBACK}:{port}/")
        return await _timed(*pages, clicks)
    except Error as error:
        raise BenchmarkError(f"the browser: {error.message.splitlines()[0]}") from error
    finally:
        for page in pages:
            await page.context.close()
        server.stop()


async def _opened(browser: Browser) -> Page:
    """A page in a window of its own: one that is hidden holds no connection."""
    context = await browser.new_context()
    return await context.new_page()


async def _timed(here: Page, there: Page, clicks: int) -> list[float]:
    """Milliseconds of each click but the first ones, in order of length."""
    done: dict[str, float] = await here.evaluate(_CLICK, [SETTLE + clicks, PAUSE_MS])
    await there.wait_for_timeout(LAST_MS)
    seen: dict[str, float] = await there.evaluate("window.seen")
    took = []
    for number in range(SETTLE + 1, SETTLE + clicks + 1):
        # Two clicks that are seen at once show only the later number.
        later = [at for shown, at in seen.items() if int(shown) >= number]
        if not later:
            raise BenchmarkError(f"click {number} was not seen within {LAST_MS} ms")
        took.append(min(later) - done[str(number)])
    return sorted(took)


def _at(ordered: list[float], share: int) -> float:
    return ordered[len(ordered) * share // 100]
