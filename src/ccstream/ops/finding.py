"""One line of what the doctor finds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Finding", "State"]

State = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True):
    """Which check, how it stands, what was found, and what to do if it is not well."""

    check: str
    state: State
    found: str
    advice: str = ""
