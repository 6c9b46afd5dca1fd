"""What a rule pack may say: one class a kind of rule, as it stands in the file.

A rule holds for one channel of contact from a day on, until (and without) another, both by
the recipient's calendar. Of each kind and channel at most one rule holds on a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Final, Literal, TypeVar

from msgspec import Meta, Struct, field

__all__ = [
    "DAYS",
    "Channel",
    "Frequency",
    "Pack",
    "Permission",
    "Region",
    "Rest",
    "Retention",
    "Rule",
    "Times",
    "rule_on",
    "span",
]

Channel = Literal["email", "sms", "phone", "push", "post", "chat", "social"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Relation = Literal["own_customer", "contract", "consent"]

DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Positive = Annotated[int, Meta(ge=1, le=3_650)]
Text = Annotated[str, Meta(min_length=1, max_length=1_000)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]
Hours = Annotated[
    str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every rule says. ``source`` is the text of law that it comes from."""

    channel: Channel
    valid_from: date = field(name="from")
    until: date | None = None
    source: Text


class Permission(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether marketing needs a consent (opt_in), or only no objection (opt_out).

    ``lifted_by`` says what stands for the consent; ``register`` names a list of people who
    are not to be contacted, ``register_lifted_by`` what makes up for being on it.
    """

    basis: Literal["opt_in", "opt_out"]
    lifted_by: tuple[Relation, ...] = ()
    register: Text | None = None
    register_lifted_by: tuple[Relation, ...] = ()
    opt_out_in_each_message: bool = False


class Times(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On which days and within which hours, by the recipient's clock.

    ``10:00-13:00`` begins at 10:00 and ends before 13:00. ``lifted_by`` says which agreement
    of the person lifts them: one to calls at any time, or one on this very time.
    """

    days: Annotated[tuple[Day, ...], Meta(min_length=1)]
    hours: Annotated[tuple[Hours, ...], Meta(min_length=1)]
    on_holidays: bool
    lifted_by: tuple[Literal["consent_to_any_time", "appointment"], ...] = ()

    def allow(self, minute: int) -> bool:
        """Whether a contact may begin at this minute of the day."""
        return any(start <= minute < end for start, end in map(span, self.hours))


class Frequency(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many contacts, tried ones among them, within how many calendar days."""

    contacts_max: Positive
    within_days: Positive


class Rest(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many full calendar days of peace follow a refusal during a contact."""

    days: Positive


class Retention(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a prospect may be contacted after the last contact of their own."""

    prospect_years: Annotated[int, Meta(ge=1, le=100)]


class Region(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a region differs: its time zone, and its name in the ``holidays`` package."""

    time_zone: str | None = None
    holidays: str | None = None


class Pack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one country. ``regions`` lists all, ``region`` those that differ."""

    country: Country
    name: Text
    notice: Text
    time_zone: Text
    regions: tuple[Text, ...] = ()
    region: Mapping[str, Region] = field(default_factory=dict)
    permission: tuple[Permission, ...]
    times: tuple[Times, ...] = ()
    frequency: tuple[Frequency, ...] = ()
    rest: tuple[Rest, ...] = ()
    retention: tuple[Retention, ...] = ()

    def kinds(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules by the name of their table in the file."""
        return {
            "permission": self.permission,
            "times": self.times,
            "frequency": self.frequency,
            "rest": self.rest,
            "retention": self.retention,
        }


_R = TypeVar("_R", bound=Rule)


def rule_on(rules: Iterable[_R], channel: str, day: date) -> _R | None:
    """The rule that holds for a channel on a day."""
    for rule in rules:
        ends = rule.until is not None and day >= rule.until
        if rule.channel == channel and rule.valid_from <= day and not ends:
            return rule
    return None


def span(hours: str) -> tuple[int, int]:
    """The minutes of the day at which a span as 10:00-13:00 begins and ends."""
    start, end = (int(time[:2]) * 60 + int(time[3:]) for time in hours.split("-"))
    return start, end
