"""What the instruments of merges agree on: a load in which guests turn out to be customers.

Of each twenty events one fills a guest's basket, one an account's, and one says that the guest of
a hundred twenties before is that account's; the others are plain additions of other customers.
Every other guest is a visitor, who logs in; the rest are loyalty cards, which are scanned.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.instruments.paced import additions, paced_event
from benchmarks.load import CHANNEL, SOURCE
from ccstream.domain.events import Event, IdentifiersLinked

__all__ = ["CARD", "SETTLING", "VISITOR", "account_of", "guest_of", "merging", "plain"]

GROUP = 20
"""One in so many events is a log-in: 5 %."""
LEAD = 100
"""Groups between filling and log-in: at 1,000 events/s 2 s, so that nothing is on its way."""
SETTLING = GROUP * LEAD
"""Events at the beginning, without a log-in and not counted."""

VISITOR, CARD = "visitor", "loyalty"


def guest_of(run: str, group: int) -> str:
    """Who fills a basket before it is known who it is."""
    return f"{CARD if group % 2 else VISITOR}:{run}-{group}"


def account_of(run: str, group: int) -> str:
    """Who that turns out to be."""
    return f"customer:{run}-{group}"


def plain(run: str) -> str:
    """The namespace of the customers whose additions are counted."""
    return f"plain_{run}"


def merging(run: str, rate: int) -> Callable[[int, int], Event]:
    """Makes the n-th event of a run, to be handed over at this nanosecond; in order."""
    settling, counted = additions(f"settling_{run}", rate), additions(plain(run), rate)

    def make(number: int, at_ns: int) -> Event:
        group, place = divmod(number, GROUP)
        if place == 0:
            return paced_event(number, at_ns, guest_of(run, group), "guest")
        if place == 1:
            return paced_event(number, at_ns, account_of(run, group), "account")
        if number < SETTLING:
            return paced_event(number, at_ns, *next(settling))
        if place > 2:
            return paced_event(number, at_ns, *next(counted))
        guest = guest_of(run, group - LEAD)
        return IdentifiersLinked(
            event_id=f"{at_ns:019d}-{number:016d}",
            occurred_at=at_ns // 1_000_000,
            channel=CHANNEL,
            source=SOURCE,
            subject=guest,
            identifiers=(account_of(run, group - LEAD),),
            reason="card_scanned" if guest.startswith(CARD) else "log_in",
        )

    return make
