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
    stories = [
        tell(session, subject, f"visitor:{run}-{number}") for number, subject in enumerate(subjects)
    ]
    told = await asyncio.gather(*stories, return_exceptions=True)
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
