"""What is said of an exception that concerns one event, row or timer, and not the partition."""

from __future__ import annotations

import traceback
from typing import Final

from ccstream.domain import reasons
from ccstream.domain.effects import Reject

__all__ = ["failure"]

_DETAIL_CHARS_MAX: Final = 4_000
"""Of a traceback, its end, which names the place."""


def failure() -> Reject:
    """The exception that is being handled, as why something is rejected."""
    return Reject(reasons.FAILED, traceback.format_exc()[-_DETAIL_CHARS_MAX:])
