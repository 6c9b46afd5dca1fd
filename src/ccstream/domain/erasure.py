"""Erasing a person: what is asked, what holds it up, what is left, and when it is done.

::

    (nothing) --request--> erased --due--> completed
    (nothing) --hold--> open --request--> waiting --release--> erased

The row is kept under a fingerprint of the person's key, which needs a secret to be made. It says
when the person was erased, so that what occurred before and arrives late is known for what it is,
and it becomes the receipt when the logs have had the time to follow. A person who comes back,
by an event of their own that occurred after, begins with nothing and can be erased again.

*Laws.* A request that is repeated, by the same event or by another, erases nothing twice and
changes no receipt, unless the person has come back. A legal hold keeps all as it is; what was asked
meanwhile is done at its end. What is guarded against is never less than before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from ccstream.domain.effects import TimerEffect
from ccstream.domain.events import ErasureRequested, LegalHoldChanged
from ccstream.domain.moment import Instant
from ccstream.domain.timers import Timer

__all__ = [
    "RECEIPT_TIMER",
    "TRANSITIONS",
    "Erasure",
    "Said",
    "Verdict",
    "blank",
    "erased",
    "on_timer",
    "requested",
    "with_hold",
]

RECEIPT_TIMER: Final = "receipt"

Said = Literal["request", "hold", "release", "due"]
Verdict = Literal["nothing", "noted", "erase"]

TRANSITIONS: Final[Mapping[str, Mapping[Said, str]]] = MappingProxyType(
    {
        "": {"request": "erased", "hold": "open"},
        "open": {"request": "waiting", "hold": "open", "release": ""},
        "waiting": {"request": "waiting", "hold": "waiting", "release": "erased"},
        "erased": {"request": "erased", "hold": "open", "due": "completed"},
        "completed": {"request": "erased", "hold": "open"},
    }
)
"""The state after each word; a word that is not there changes nothing. A hold upon a person who
came back keeps what is known of the erasure before; without a request its end is that state."""


class Erasure(Struct, frozen=True):
    """The row; see ``schemas/state/ErasureRow.avsc``."""

    state: str
    key_id: str
    held: bool
    part_of: str
    request_id: str
    requested_at: Instant
    identifiers: tuple[str, ...]
    erased_at: Instant
    rows_deleted: int
    orders_kept: int
    identifiers_erased: int
    completed_at: Instant
    receipt: str
    signature: str


def blank(key_id: str) -> Erasure:
    """Of somebody of whom nothing of the kind is known."""
    return Erasure("", key_id, False, "", "", 0, (), 0, 0, 0, 0, 0, "", "")


def requested(
    state: Erasure, event: ErasureRequested, now: Instant, *, present: bool
) -> tuple[Erasure, Verdict]:
    """What a request comes to.

    Args:
        state: what is known, or `blank`.
        event: the request.
        now: when it was appended.
        present: whether anything has been taken in of the person since they were erased, or ever.
    """
    again = state.request_id == event.event_id or (state.erased_at > 0 and not present)
    if again and not state.held:
        return state, "nothing"
    if state.held and state.request_id == event.event_id:
        return state, "nothing"
    noted = replace(
        state,
        state=TRANSITIONS[state.state]["request"],
        part_of="",
        request_id=event.event_id,
        requested_at=now,
        identifiers=event.identifiers,
    )
    return noted, "noted" if state.held else "erase"


def with_hold(state: Erasure, event: LegalHoldChanged) -> tuple[Erasure, Verdict]:
    """What a legal hold, or its end, comes to."""
    if state.held == event.held:
        return state, "nothing"
    if event.held:
        return replace(state, held=True, state=TRANSITIONS[state.state]["hold"]), "noted"
    if state.state == "waiting":
        return replace(state, held=False), "erase"
    before = ("completed" if state.completed_at else "erased") if state.erased_at else ""
    return replace(state, held=False, state=before), "noted"


def erased(
    state: Erasure, now: Instant, *, rows_deleted: int, orders_kept: int, identifiers_erased: int
) -> Erasure:
    """After rows and keys are gone; the receipt is still to come."""
    return replace(
        state,
        state="erased",
        identifiers=(),
        erased_at=max(now, state.erased_at),
        rows_deleted=rows_deleted,
        orders_kept=orders_kept,
        identifiers_erased=identifiers_erased,
        completed_at=0,
        receipt="",
        signature="",
    )


def on_timer(
    state: Erasure | None,
    timer: Timer,
    now: Instant,
    receipt_of: Callable[[Erasure, str], tuple[str, str]],
) -> tuple[Erasure | None, tuple[TimerEffect, ...]]:
    """The logs have had their time: the receipt is made, once.

    Args:
        state: the row.
        timer: that of the receipt; its key is the fingerprint.
        now: when it was due.
        receipt_of: the text of a receipt for a fingerprint, and its signature.
    """
    if timer.name != RECEIPT_TIMER or state is None or not state.erased_at or state.receipt:
        return state, ()
    done = replace(state, completed_at=now)
    text, signature = receipt_of(done, timer.key)
    after = TRANSITIONS["erased"]["due"] if state.state == "erased" else state.state
    return replace(done, state=after, receipt=text, signature=signature), ()
