"""``ccstream demo``: see it work, or have it checked."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ccstream.cli.console import data, line, say, table, talk
from ccstream.cli.exits import ExitCode
from ccstream.cli.options import Bootstrap, Json

if TYPE_CHECKING:
    from ccstream.devkit.demo_check import CheckReport

__all__ = ["app"]

FRAMES_PER_SECOND = 12

app = typer.Typer()


@app.command()
def demo(
    bootstrap: Bootstrap = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Tell a fixed story, compare every channel's view, and end."),
    ] = False,
    terminal: Annotated[
        bool,
        typer.Option("--terminal", help="Show simulated shoppers in the terminal, no page."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the page; 0 takes a free one.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="What the simulated shoppers do.")] = 7,
    json: Json = False,
) -> int:
    """See it work: a web shop, a phone app, a till and marketing in the browser, on one customer.

    Starts a broker inside this program (or uses a real cluster), a worker and a gateway, and
    prints the address of a page with all four, until Ctrl-C. With --terminal it shows
    simulated shoppers on four channels side by side instead. Without a terminal, or with
    --check, it tells a fixed story through every channel, compares what each of them shows
    with what was expected by hand, and ends with one line of JSON: events, p50_ms, p99_ms,
    converged.

    For example:

        ccstream demo
        ccstream demo --terminal
        ccstream demo --check
        ccstream demo --bootstrap kafka:9092
    """
    if check or json or not sys.stdout.isatty():
        return asyncio.run(_check(bootstrap, only_json=json))
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_show(bootstrap, seed) if terminal else _serve(bootstrap, port))
    return ExitCode.INTERRUPTED


async def _check(bootstrap: str | None, *, only_json: bool) -> int:
    from ccstream.devkit.demo_check import check
    from ccstream.devkit.demo_session import DemoSession

    say(_where(bootstrap))
    async with DemoSession(bootstrap) as session:
        say("telling the story of eight customers through ten channels …")
        report = await check(session)
    if not only_json:
        _print(report)
    data(
        {
            "events": report.events,
            "p50_ms": report.p50_ms,
            "p99_ms": report.p99_ms,
            "converged": report.converged,
        }
    )
    return ExitCode.OK if report.converged else ExitCode.NEGATIVE


def _print(report: CheckReport) -> None:
    rows = [
        (
            one.channel,
            f"{one.right} of {report.customers}",
            "" if one.p50_ms is None else f"{one.p50_ms:.1f}",
            "" if one.p99_ms is None else f"{one.p99_ms:.1f}",
            one.difference or "ok",
        )
        for one in report.channels
    ]
    table(("channel", "customers as expected", "p50 ms", "p99 ms", "difference"), rows)


async def _serve(bootstrap: str | None, port: int) -> None:
    from ccstream.devkit.live_page import LivePage

    with talk.status(_where(bootstrap)):
        page = LivePage(bootstrap, port or None)
        await page.__aenter__()
    try:
        say("One customer in four channels. Open this in a browser; Ctrl-C ends it:")
        line(page.address)
        while True:
            await asyncio.sleep(1)
            page.check()
    finally:
        await page.__aexit__(None, None, None)


async def _show(bootstrap: str | None, seed: int) -> None:
    from rich.live import Live

    from ccstream.devkit.demo_screen import draw
    from ccstream.devkit.demo_session import DemoSession
    from ccstream.devkit.shoppers import MARKETING, SHOPPERS, SHOPPING_CHANNELS, shop

    run = secrets.token_hex(4)
    shoppers = {f"customer:{run}-{number}": name for number, name in enumerate(SHOPPERS)}
    with talk.status(_where(bootstrap)):
        session = DemoSession(bootstrap, (*SHOPPING_CHANNELS, MARKETING))
        await session.__aenter__()
    try:
        shopping = asyncio.ensure_future(shop(session, list(shoppers), seed))
        with Live(screen=True, auto_refresh=False) as live:
            while not shopping.done():
                live.update(draw(session, shoppers, live.console.width), refresh=True)
                await asyncio.sleep(1 / FRAMES_PER_SECOND)
        await shopping
    finally:
        await session.__aexit__(None, None, None)


def _where(bootstrap: str | None) -> str:
    if bootstrap is None:
        return "starting an embedded broker and a worker (a few seconds) …"
    return f"starting a worker on {bootstrap} …"
