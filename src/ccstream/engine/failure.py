"""What is said of an exception that concerns one event, row or timer, and not the partition."""

from __future__ import annotations

import traceback
from typing import Final

from ccstream.domain import reasons
from ccstream.domain.effects import Reject

__all__ = ["failure"]

_DETAIL_CHARS_MAX: Final = 4_000
"""Of a traceback, its end, which names the place."""


def failure(error: BaseException) -> Reject:
    """Why something is rejected: where it failed, and which exceptions, the last one last.

    What they say may quote the event or a row, and a dead letter outlives the erasure of whose it
    is.
    """
    told: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        told.append(f"{''.join(traceback.format_tb(one.__traceback__))}{type(one).__qualname__}\n")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    text = "followed by\n".join(reversed(told))
    detail = f"Traceback (most recent call last):\n{text}"
    return Reject(reasons.FAILED, detail[-_DETAIL_CHARS_MAX:])
