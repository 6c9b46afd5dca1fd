"""Times as options give them: so far back, or a moment."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

__all__ = ["Since", "instant_ms", "since_ms"]

UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Since = Annotated[
    str,
    typer.Option(
        metavar="WHEN",
        help="30m, 24h or 7d back, a time as 2026-11-26T20:00Z (UTC, if it names no zone), or "
        "beginning.",
    ),
]


def since_ms(text: str) -> int | None:
    """The time in milliseconds, None for the beginning.

    Raises:
        typer.BadParameter: it is none.
    """
    if text == "beginning":
        return None
    if back := re.fullmatch(r"(\d{1,9})([smhd])", text):
        return int((time.time() - int(back[1]) * UNITS[back[2]]) * 1000)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither 30m, 24h or 7d, nor a time as 2026-11-26T20:00Z, nor beginning"
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def instant_ms(text: str) -> int:
    """A moment in milliseconds. It has to name its zone: an hour more or less may be the law's.

    Raises:
        typer.BadParameter: it is none, or names no zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time as 2026-11-26T20:00Z") from None
    if at.tzinfo is None:
        given = at.isoformat(timespec="minutes")
        raise typer.BadParameter(
            f"{text!r} names no zone: add Z for UTC, or how far it is from there, as {given}+01:00"
        )
    return int(at.timestamp() * 1000)
