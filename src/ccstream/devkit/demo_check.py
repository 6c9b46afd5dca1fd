"""The fixed scenario, told for several customers at once, and compared screen by screen."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from msgspec import Struct

from ccstream.devkit.demo_session import DemoSession
from ccstream.devkit.scenario import EXPECTED, WAIT_S, difference, tell

__all__ = ["ChannelReport", "CheckReport", "check"]

CUSTOMERS: Final = 8
"""Stories told side by side: enough for a 99th percentile, over all partitions."""

PAUSE_S: Final = 0.05
"""Between two things that a customer does. Told without, all of it is one burst of some 800
events/s within a quarter of a second, and what is measured is how long an event waits for those
before it: from 50 ms to half a second, by what else the machine does."""


class ChannelReport(Struct, frozen=True):
    """One channel's screens: how many customers they show rightly, and the first difference."""

    channel: str
    right: int
    difference: str | None
    p50_ms: float | None
    p99_ms: float | None


class CheckReport(Struct, frozen=True):
    """What ``ccstream demo --check`` found."""

    events: int
    p50_ms: float | None
    p99_ms: float | None
    converged: bool
    customers: int
    channels: tuple[ChannelReport, ...]


async def check(session: DemoSession) -> CheckReport:
    """Tell the story for `CUSTOMERS` customers and compare every channel's view of each."""
    run = secrets.token_hex(4)
    subjects = [f"customer:{run}-{number}" for number in range(CUSTOMERS)]

    async def story(number: int) -> None:
        # Customers do not act in step either.
        await asyncio.sleep(number * PAUSE_S / CUSTOMERS)
        await tell(session, subjects[number], f"visitor:{run}-{number}", PAUSE_S)

    told = await asyncio.gather(*map(story, range(CUSTOMERS)), return_exceptions=True)
    stuck = next((error for error in told if isinstance(error, BaseException)), None)
    if stuck is not None and not isinstance(stuck, TimeoutError):
        raise stuck
    channels = [await _compare(session, channel, subjects) for channel in session.views]
    latencies = session.latencies
    return CheckReport(
        events=session.published,
        p50_ms=_rounded(latencies.quantile(0.5)),
        p99_ms=_rounded(latencies.quantile(0.99)),
        converged=all(report.right == CUSTOMERS for report in channels),
        customers=CUSTOMERS,
        channels=tuple(channels),
    )


async def _compare(session: DemoSession, channel: str, subjects: list[str]) -> ChannelReport:
    view = session.views[channel]
    right, first = 0, None
    for subject in subjects:
        found = difference(view, subject, EXPECTED)
        if found is not None:
            try:
                await view.until(
                    subject,
                    lambda v, s=subject: difference(v, s, EXPECTED) is None,  # type: ignore[misc]
                    timeout_s=WAIT_S,
                )
                found = None
            except TimeoutError:
                found = difference(view, subject, EXPECTED)
        right += found is None
        first = first or (found and f"{subject}: {found}")
    latencies = session.latencies
    return ChannelReport(
        channel,
        right,
        first,
        _rounded(latencies.quantile(0.5, channel)),
        _rounded(latencies.quantile(0.99, channel)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
