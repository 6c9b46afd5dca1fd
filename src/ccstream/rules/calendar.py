"""The recipient's clock and calendar: from an instant to a local day and minute, and holidays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["LocalTime", "has_holidays", "holiday", "local_time", "years_later", "zone"]

YEARS_CACHED: Final = 256
"""Countries, regions and years asked for at a time; each has a dozen holidays."""

ZONES_CACHED: Final = 1_024
"""There are some 600 time zones; what is none is remembered, too."""


class LocalTime(NamedTuple):
    """The recipient's day, its place in the week (Monday is 0), and the minute of it."""

    day: date
    weekday: int
    minute: int


@lru_cache(ZONES_CACHED)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name, or None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # also names that are paths, or folders
        return None


def local_time(instant: int, where: ZoneInfo) -> LocalTime:
    """What calendar and clock show there.

    Args:
        instant: milliseconds since the epoch.
        where: the time zone; its summer time is kept.
    """
    there = datetime.fromtimestamp(instant // 1_000, UTC).astimezone(where)
    return LocalTime(there.date(), there.weekday(), there.hour * 60 + there.minute)


def holiday(country: str, region: str | None, day: date) -> str | None:
    """The public holiday of that day, by its name, or None.

    Args:
        country: as ISO 3166-1 names it with two letters.
        region: as the package ``holidays`` names it, None for the holidays of all regions.
        day: the day there.
    """
    return _holidays(country, region, day.year).get(day)


def has_holidays(country: str, region: str | None) -> bool:
    """Whether the package ``holidays`` knows the country, and the region in it."""
    try:
        _holidays(country, region, 2026)
    except NotImplementedError:
        return False
    return True


@lru_cache(YEARS_CACHED)
def _holidays(country: str, region: str | None, year: int) -> Mapping[date, str]:
    # Here, since workers, which ask for none, would begin a quarter of a second later for it.
    from holidays import country_holidays

    return dict(country_holidays(country, subdiv=region, years=year))


def years_later(day: date, years: int) -> date:
    """The same day so many years later; of 29 February, in a year without, the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
