"""A log-in makes an identifier the alias of one account.

`IdentifiersLinked` of a subject that names exactly one account (``customer:...``) makes the
subject that account's alias: from then on its events belong to the account and are forwarded
to it. The subject itself may be among the identifiers; other identifiers that are no
accounts are not linked by this event, each speaks for itself.

*Law.* Of several links of one subject the one latest by ``(occurred_at, event_id)`` holds,
whatever the order in which they arrive. So a tablet in a household belongs to who logged in
last. What was forwarded before stays where it went.

An account is never an alias of another: that would be two people's data, or a mistake.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import IdentifiersLinked
from ccstream.domain.moment import Moment

__all__ = ["ACCOUNT_NAMESPACE", "Alias", "is_account", "step"]

ACCOUNT_NAMESPACE: Final = "customer:"


class Alias(Struct, frozen=True, gc=False):
    """The row: the subject is an alias of ``root``, by the link ``event_id`` of ``since``."""

    root: str
    since: int
    event_id: str


_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def is_account(key: str) -> bool:
    """Whether an entity's key is that of an account."""
    return key.startswith(ACCOUNT_NAMESPACE)


def step(
    state: Alias | None, event: IdentifiersLinked, at: Moment
) -> tuple[Alias | None, tuple[Effect, ...]]:
    """Link the subject to the account that the event names.

    Args:
        state: the subject's alias, None if it is its own root.
        event: the link.
        at: its place in the log, which decides nothing here.

    Returns:
        The alias and `Publish`; the one of a later link, unchanged; or `Reject`.
    """
    accounts = {key for key in event.identifiers if is_account(key)}
    if is_account(event.subject):
        if accounts - {event.subject}:
            return state, (
                Reject(reasons.ACCOUNTS_NEVER_LINK, "an account cannot be linked to another"),
            )
        return state, (Reject(reasons.LINK_TO_ITSELF, "an account needs no link to itself"),)
    if not accounts:
        return state, (Reject(reasons.LINK_WITHOUT_ACCOUNT, "no identifier is an account"),)
    if len(accounts) > 1:
        return state, (
            Reject(reasons.LINK_TO_SEVERAL_ACCOUNTS, f"{len(accounts)} accounts are named"),
        )
    if state is not None and (event.occurred_at, event.event_id) <= (state.since, state.event_id):
        return state, ()
    return Alias(accounts.pop(), event.occurred_at, event.event_id), _CHANGED
