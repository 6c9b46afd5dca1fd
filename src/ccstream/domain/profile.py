"""The traits of a profile, each with where it comes from and a policy that decides.

A channel *states* a trait: a value, or None to withdraw it. Every statement carries its
provenance: channel, source, when it was stated, the event, and whether it was verified.
What is kept of all statements of a trait is what its policy decides on:

* ``most_recent`` (default): the latest statement;
* ``most_trusted``: the statement of the most trusted origin, among equals the latest. Trust
  is a list of origins, the most trusted first: a channel (``store``), a source of a channel
  (``store/till:7``), or ``verified`` for any verified statement. Others come last;
* ``oldest``: the earliest statement of a value. It is for how something began (the first
  store, the day of joining), so a withdrawal does nothing to it;
* ``union``: each value stated, with the latest statement of it. A withdrawal takes out what
  was stated before it; an event that withdraws and states values replaces all.

"Latest" and "earliest" go by ``(occurred_at, event_id)``, and within one event by the place
in its list. A withdrawal is kept like a value, so that an older one that arrives late does
not come back.

*Law.* Whatever the order in which distinct events arrive, the profile is the same, as long
as it has no more than `TRAITS_MAX` traits; an event that would bring in more is rejected as
a whole. Of a union the `UNION_VALUES_MAX` latest values are kept, which is within the law.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct, field

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import ProfileUpdated
from ccstream.domain.limits import TRAITS_MAX, UNION_VALUES_MAX
from ccstream.domain.moment import Moment

__all__ = [
    "Policies",
    "Policy",
    "PolicyName",
    "Profile",
    "ProfileDelta",
    "Statement",
    "merge",
    "step",
]

PolicyName = Literal["most_recent", "most_trusted", "oldest", "union"]


class Policy(Struct, frozen=True):
    """How one trait is decided; ``trust`` is for ``most_trusted`` only (see the module)."""

    name: PolicyName = "most_recent"
    trust: tuple[str, ...] = ()


class Policies(Struct, frozen=True):
    """The configured policies: one a trait, and one for all others."""

    by_trait: Mapping[str, Policy] = field(default_factory=dict)
    default: Policy = Policy()

    def of(self, trait: str) -> Policy:
        return self.by_trait.get(trait, self.default)


class Statement(Struct, frozen=True, gc=False):
    """One trait as one event stated it; a value of None withdraws."""

    value: str | None
    channel: str
    source: str
    occurred_at: int
    event_id: str
    verified: bool


class Profile(Struct, frozen=True):
    """The row: what is kept of each trait's statements, withdrawals among them.

    A trait has one statement or, as a union, the latest withdrawal and one statement of each
    value since, in order of ``(occurred_at, event_id, value)``.
    """

    traits: dict[str, tuple[Statement, ...]]

    def values(self) -> dict[str, tuple[Statement, ...]]:
        """The traits that have a value, without the withdrawals."""
        stated = {
            name: tuple(one for one in kept if one.value is not None)
            for name, kept in self.traits.items()
        }
        return {name: kept for name, kept in stated.items() if kept}


class ProfileDelta(Struct, frozen=True):
    """The ``delta`` of the profile's ``Publish``: names of traits that are decided anew."""

    changed: tuple[str, ...]


_DEFAULT_POLICIES: Final = Policies()


def step(
    state: Profile | None,
    event: ProfileUpdated,
    at: Moment,
    policies: Policies = _DEFAULT_POLICIES,
) -> tuple[Profile | None, tuple[Effect, ...]]:
    """Take an event's statements in.

    Args:
        state: the subject's profile, None before the first statement.
        event: the statements; a later one of the same trait is the later one.
        at: its place in the log, which decides nothing here.
        policies: the configured policies.

    Returns:
        The profile, and `Publish` with what changed, nothing if nothing did, or `Reject`.
    """
    before = state.traits if state is not None else {}
    traits = dict(before)
    for trait in event.traits:
        statement = Statement(
            trait.value,
            event.channel,
            event.source,
            event.occurred_at,
            event.event_id,
            trait.verified,
        )
        kept = traits.get(trait.name, ())
        decided = _decide(policies.of(trait.name), kept, statement)
        if decided:
            traits[trait.name] = decided
    if len(traits) > TRAITS_MAX:
        return state, (
            Reject(reasons.TOO_MANY_TRAITS, f"the profile would have more than {TRAITS_MAX}"),
        )
    changed = tuple(name for name, kept in traits.items() if before.get(name) != kept)
    if not changed:
        return state, ()
    return Profile(traits), (Publish(ProfileDelta(changed)),)


def merge(ours: Profile | None, theirs: Profile, policies: Policies = _DEFAULT_POLICIES) -> Profile:
    """What both profiles have, each trait as its policy decides.

    Of more than `TRAITS_MAX` traits those of ``ours`` stay, and of the others the first by name.
    """
    traits = {} if ours is None else dict(ours.traits)
    for name, statements in sorted(theirs.traits.items()):
        if name not in traits and len(traits) >= TRAITS_MAX:
            continue
        kept = traits.get(name, ())
        for statement in statements:
            kept = _decide(policies.of(name), kept, statement)
        if kept:
            traits[name] = kept
    return Profile(traits)


def _decide(policy: Policy, kept: tuple[Statement, ...], new: Statement) -> tuple[Statement, ...]:
    """What to keep of the statements kept so far, perhaps under another policy, and a new one."""
    match policy.name:
        case "most_recent":
            return (max((new, *reversed(kept)), key=_stamp),)
        case "most_trusted":
            trust = policy.trust
            return (max((new, *reversed(kept)), key=lambda one: (_rank(one, trust), _stamp(one))),)
        case "oldest":
            values = [one for one in (*kept, new) if one.value is not None]
            return (min(values, key=_stamp),) if values else kept
        case "union":
            return _union((*kept, new))


def _stamp(one: Statement) -> tuple[int, str]:
    return one.occurred_at, one.event_id


def _rank(one: Statement, trust: tuple[str, ...]) -> int:
    """0 if nobody trusts the statement's origin, more the nearer it is to the list's head."""
    names = (one.channel, f"{one.channel}/{one.source}", "verified" if one.verified else "")
    return max((len(trust) - trust.index(name) for name in names if name in trust), default=0)


def _union(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    latest: dict[str | None, Statement] = {}
    for one in statements:
        known = latest.get(one.value)
        if known is None or _stamp(one) >= _stamp(known):
            latest[one.value] = one
    withdrawal = latest.pop(None, None)
    values = sorted(latest.values(), key=lambda one: (*_stamp(one), one.value or ""))
    if withdrawal is None:
        return tuple(values[-UNION_VALUES_MAX:])
    later = [one for one in values if _stamp(one) >= _stamp(withdrawal)]
    return (withdrawal, *later[-UNION_VALUES_MAX:])
