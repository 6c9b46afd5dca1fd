"""A log-in makes an identifier the alias of one account, until a log-out.

`IdentifiersLinked` of a subject that names exactly one account (``customer:...``; see
``identifiers.py``) makes the subject that account's alias: its events belong to the account, and
so does what it had of its own. `IdentifierUnlinked` ends that: what the subject does from then on
is its own again, beginning with nothing. The subject itself may be among the identifiers; other
identifiers that are no accounts are not linked by this event, each speaks for itself.

*Laws.* Log-ins and log-outs of a subject make a sequence of *tenures*, ordered by
``(occurred_at, event_id)``, a log-out before a log-in of the same time. The latest says whom
the subject belongs to now, whatever the order in which they arrive: a tablet in a household is
the one's who logged in last. An event belongs to whom the subject belonged to when it
*occurred*; one from before a log-in, at a time when it belonged to nobody, to whom logged in
next, who took over what there was (`holder_at`).

*Exceptions.* What has been folded is not moved again by a log-in or log-out that arrives after a
later one, nor by one that ends a tenure and arrives after events from behind that end. Of more
than `TENURES_MAX` the earliest is forgotten, and so is that of who was erased (`forget`); from when
on all are known is kept. What occurred before somebody's end who was erased, and has not come by
then, may be theirs: it is nobody's (`is_of_erased`), whoever else had the subject in that time.

An account is never an alias of another: that would be two people's data, or a mistake. Nor is what
many people use at a time, or what only looks like an identifier; of those that have belonged to
more accounts than their class may, the next log-in is rejected, which one depends on the order.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.identifiers import DEFAULT_RULES, IdentifierRules
from ccstream.domain.limits import TENURES_MAX
from ccstream.domain.moment import Moment

__all__ = [
    "NOBODY",
    "Alias",
    "Tenure",
    "began",
    "forget",
    "holder_at",
    "is_of_erased",
    "known_from",
    "step",
]

NOBODY: Final = ""
"""The root of a subject that belongs to no account."""


class Tenure(Struct, frozen=True, gc=False):
    """From ``since`` on the subject belonged to ``root``, by the event ``event_id``."""

    root: str
    since: int
    event_id: str


class Alias(Struct, frozen=True):
    """The row: the latest tenure, and those before it, the earliest first.

    ``known_from`` is the time before which some are forgotten, 0 if none is, None if that was not
    noted: by an earlier version, or where links decide. ``erased_until`` is the time before which
    it belonged to somebody who was erased, 0 if it did not as far as is known.
    """

    root: str
    since: int
    event_id: str
    earlier: tuple[Tenure, ...] = ()
    known_from: int | None = None
    erased_until: int = 0


_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


def step(
    state: Alias | None,
    event: IdentifiersLinked | IdentifierUnlinked,
    at: Moment,
    rules: IdentifierRules = DEFAULT_RULES,
) -> tuple[Alias | None, tuple[Effect, ...]]:
    """Link the subject to the account that the event names, or to none.

    Args:
        state: the subject's tenures, None if it never belonged to an account.
        event: a log-in or a log-out.
        at: its place in the log; of that it decides only when the subject was erased.
        rules: the configured rules about identifiers.

    Returns:
        The alias and `Publish`; the one as it was, if it knows the event; or `Reject`.
    """
    known = () if state is None else _tenures(state)
    if isinstance(event, IdentifierUnlinked):
        root = NOBODY
        if rules.class_of(event.subject) == "account":
            return state, (Reject(reasons.LINK_TO_ITSELF, "an account belongs to nobody else"),)
        if event.never_again:
            return state, (Reject(reasons.DEVICES_ARE_HELD, "whose it is, log-ins say"),)
    else:
        accounts = {key for key in event.identifiers if rules.class_of(key) == "account"}
        refusal = _refusal(event.subject, accounts, known, rules)
        if refusal is not None:
            return state, (refusal,)
        root = accounts.pop()
    tenure = Tenure(root, event.occurred_at, event.event_id)
    if tenure in known:
        return state, ()
    tenures = sorted((*known, tenure), key=_stamp)
    erased_until = _after(at.erased_at) if state is None else state.erased_until
    noted = erased_until if state is None else state.known_from
    if len(tenures) > TENURES_MAX:
        tenures = tenures[-TENURES_MAX:]
        noted = max(tenures[0].since, noted or 0)
    *earlier, latest = tenures
    return Alias(
        latest.root, latest.since, latest.event_id, tuple(earlier), noted, erased_until
    ), _CHANGED


def _refusal(
    subject: str, accounts: set[str], known: tuple[Tenure, ...], rules: IdentifierRules
) -> Reject | None:
    """Why a subject that had these tenures cannot be linked to these accounts."""
    kind = rules.class_of(subject)
    if kind == "account":
        if accounts - {subject}:
            return Reject(reasons.ACCOUNTS_NEVER_LINK, "an account cannot be linked to another")
        return Reject(reasons.LINK_TO_ITSELF, "an account needs no link to itself")
    if not accounts:
        return Reject(reasons.LINK_WITHOUT_ACCOUNT, "no identifier is an account")
    if len(accounts) > 1:
        return Reject(reasons.LINK_TO_SEVERAL_ACCOUNTS, f"{len(accounts)} accounts are named")
    if kind == "shared":
        return Reject(reasons.SHARED_NEVER_LINKS, "the subject is of a class that many people use")
    if rules.is_blocked(subject) or any(map(rules.is_blocked, accounts)):
        return Reject(reasons.IDENTIFIER_BLOCKED, "an identifier has a value that says nothing")
    most = rules.accounts_max.get(kind)
    if most is not None and len(accounts | {one.root for one in known if one.root}) > most:
        return Reject(
            reasons.TOO_MANY_ACCOUNTS,
            f"the subject has belonged to {most} accounts, the most for a {kind} identifier",
        )
    return None


def holder_at(alias: Alias, when: int) -> str:
    """The account that an event of the subject belongs to, `NOBODY` if it is the subject's own.

    Args:
        alias: the subject's tenures.
        when: the event's ``occurred_at``.
    """
    if when >= alias.since:
        return alias.root
    next_root = alias.root
    for tenure in reversed(alias.earlier):
        if tenure.since <= when:
            return tenure.root or next_root
        next_root = tenure.root or next_root
    return next_root


def is_of_erased(alias: Alias, when: int) -> bool:
    """Whether an event of the subject from then may be of somebody who was erased.

    Args:
        alias: the subject's tenures.
        when: the event's ``occurred_at``.
    """
    return when < alias.erased_until


def forget(alias: Alias, account: str) -> Alias:
    """The alias without that it once belonged to an account, which it does not now.

    What remains would give the account's time to who had it before or after, so from then on
    nothing is known of any time before the account's end, and what is late is not taken in. Where
    no tenure of the account is known, but some were forgotten, it may have been one of these.
    """
    ends = [after.since for one, after in pairwise(_tenures(alias)) if one.root == account]
    end = ends[-1] if ends else known_from(alias)
    if not ends and end <= alias.erased_until:
        return alias
    earlier = tuple(one for one in alias.earlier if one.root != account)
    since = max(end, alias.known_from or 0)
    erased_until = max(end, alias.erased_until)
    return Alias(alias.root, alias.since, alias.event_id, earlier, since, erased_until)


def known_from(alias: Alias) -> int:
    """From when on all tenures are known, 0 if none is forgotten."""
    if alias.known_from is None and len(alias.earlier) + 1 == TENURES_MAX:
        return alias.earlier[0].since  # of an earlier version, which may have forgotten some
    return alias.known_from or 0


def began(alias: Alias) -> int:
    """When what the latest log-in took over had been begun: at the log-out after the log-in
    before, 0 if there was none.
    """
    since, held = 0, False
    for tenure in alias.earlier:
        if tenure.root:
            since, held = 0, True
        elif held:
            since, held = tenure.since, False
    return since


def _after(erased_at: int) -> int:
    """From when on nothing is an erased one's; what is of that very millisecond still is."""
    return erased_at + 1 if erased_at else 0


def _tenures(alias: Alias) -> tuple[Tenure, ...]:
    return (*alias.earlier, Tenure(alias.root, alias.since, alias.event_id))


def _stamp(tenure: Tenure) -> tuple[int, bool, str]:
    return tenure.since, bool(tenure.root), tenure.event_id
