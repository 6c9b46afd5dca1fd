"""Consents of a person, and how the person wants to be contacted.

A *consent* is the latest word about one contact point, channel of contact and purpose. A
*preference* is the latest word about one matter of contact as such: a channel opted out of,
quiet hours, the language, calls at any time, the objection to all marketing.

Which of two words is the later goes by event time. A **grant** counts from when it was
captured, at the latest from when its event occurred; **anything else** counts from when its
event occurred. So a form signed in March and typed in in May does not undo what was
withdrawn in April, and a mistake in either time errs to no. Of two words of the same time
the more restrictive holds: withdrawn, refused, pending, granted; of two grants the one that
ends earlier; then the greater ``event_id``. Missing is no word at all, which for marketing
mostly means no (see `ccstream.rules`).

*Laws.* Whatever the order in which distinct events arrive, and however often, the state is
the same: it is the join of a semilattice. So `merge` of two states is commutative,
associative and idempotent, and folding the events of both gives the merged state.

*Exception.* What would make more consents than `CONSENTS_MAX` is rejected if it is a grant
or pending, so which ones those are depends on the order. A refusal or withdrawal has room
beyond, up to `NOES_MAX`: to forget a no would be worse than to forget a yes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.effects import Effect, Publish, Reject
from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    ContactPreferencesChanged,
    QuietHours,
)
from ccstream.domain.limits import CONSENTS_MAX, NOES_MAX
from ccstream.domain.moment import Moment

__all__ = [
    "CONTACT_CHANNELS",
    "CONTACT_POINT",
    "LEGAL_BASES",
    "STATUSES",
    "Consent",
    "Consents",
    "StatedContactChoice",
    "StatedFlag",
    "StatedLanguage",
    "StatedQuietHours",
    "merge",
    "step",
]

CONTACT_CHANNELS: Final = ("email", "sms", "phone", "push", "post", "chat", "social")
"""How a person can be contacted. Not the channels that publish events, though some share a
name: a consent to e-mails may be given at a till."""

STATUSES: Final = ("granted", "pending", "refused", "withdrawn")
"""The more restrictive the later in this list."""

LEGAL_BASES: Final = ("consent", "legitimate_interest", "contract", "legal_obligation")

CONTACT_POINT: Final = re.compile(r"[0-9a-f]{32,128}")
"""A contact point, as its keyed hash."""

_FOREVER: Final = 1 << 63
_DAY_MINUTES: Final = 24 * 60
_CHANGED: Final[tuple[Effect, ...]] = (Publish(),)


class Consent(Struct, frozen=True, gc=False):
    """The latest word; ``stated_at`` is when it counts from (see the module)."""

    contact_point: str
    contact_channel: str
    purpose: str
    status: str
    legal_basis: str
    proof: ConsentProof
    valid_until: int | None
    stated_at: int
    event_id: str


class StatedContactChoice(Struct, frozen=True, gc=False):
    contact_channel: str
    opted_out: bool
    stated_at: int
    event_id: str


class StatedQuietHours(Struct, frozen=True, gc=False):
    hours: QuietHours
    stated_at: int
    event_id: str


class StatedLanguage(Struct, frozen=True, gc=False):
    language: str
    stated_at: int
    event_id: str


class StatedFlag(Struct, frozen=True, gc=False):
    value: bool
    stated_at: int
    event_id: str


class Consents(Struct, frozen=True):
    """The row. Both tuples are sorted by what their entries are about."""

    consents: tuple[Consent, ...] = ()
    channels: tuple[StatedContactChoice, ...] = ()
    quiet_hours: StatedQuietHours | None = None
    language: StatedLanguage | None = None
    calls_at_any_time: StatedFlag | None = None
    objects_to_marketing: StatedFlag | None = None


_NOTHING: Final = Consents()


def step(
    state: Consents | None, event: ConsentChanged | ContactPreferencesChanged, at: Moment
) -> tuple[Consents | None, tuple[Effect, ...]]:
    """Take an event's words in.

    Args:
        state: the subject's consents, None before the first word.
        event: one consent, or any number of preferences.
        at: its place in the log, which decides nothing here.

    Returns:
        The consents, and `Publish` if anything changed, or `Reject`.
    """
    before = state or _NOTHING
    said = _consent_of(event) if isinstance(event, ConsentChanged) else _preferences_of(event)
    after = merge(before, said)
    if after == before:
        return state, ()
    if len(after.consents) > len(before.consents):
        is_no = said.consents[0].status in {"refused", "withdrawn"}
        most = NOES_MAX if is_no else CONSENTS_MAX
        if len(after.consents) > most:
            return state, (
                Reject(reasons.TOO_MANY_CONSENTS, f"there would be more than {most} consents"),
            )
    return after, _CHANGED


def merge(one: Consents, other: Consents) -> Consents:
    """What both say together: of each matter the later word, of two as late the stricter.

    For two profiles that turn out to be one person. It has no bound of its own.
    """
    return Consents(
        _latest((*one.consents, *other.consents), _about, _consent_rank),
        _latest((*one.channels, *other.channels), _channel, _choice_rank),
        _later(one.quiet_hours, other.quiet_hours, _quiet_rank),
        _later(one.language, other.language, _language_rank),
        _later(one.calls_at_any_time, other.calls_at_any_time, _permission_rank),
        _later(one.objects_to_marketing, other.objects_to_marketing, _objection_rank),
    )


def _consent_of(event: ConsentChanged) -> Consents:
    granted = event.status == "granted"
    stated_at = min(event.occurred_at, event.proof.captured_at) if granted else event.occurred_at
    return Consents(
        (
            Consent(
                event.contact_point,
                event.contact_channel,
                event.purpose,
                event.status,
                event.legal_basis,
                event.proof,
                event.valid_until,
                stated_at,
                event.event_id,
            ),
        )
    )


def _preferences_of(event: ContactPreferencesChanged) -> Consents:
    when, who = event.occurred_at, event.event_id
    choices = [
        StatedContactChoice(choice.contact_channel, choice.opted_out, when, who)
        for choice in event.channels
    ]
    hours, language = event.quiet_hours, event.language
    calls, objects = event.calls_at_any_time, event.objects_to_marketing
    return Consents(
        (),
        _latest(choices, _channel, _choice_rank),
        None if hours is None else StatedQuietHours(hours, when, who),
        None if language is None else StatedLanguage(language, when, who),
        None if calls is None else StatedFlag(calls, when, who),
        None if objects is None else StatedFlag(objects, when, who),
    )


_T = TypeVar("_T")
_Rank = tuple[Any, ...]


def _latest(
    words: Iterable[_T], about: Callable[[_T], Any], rank: Callable[[_T], _Rank]
) -> tuple[_T, ...]:
    """Of each matter the word of the highest rank, sorted by the matter."""
    kept: dict[Any, _T] = {}
    for word in words:
        known = kept.get(about(word))
        if known is None or rank(word) > rank(known):
            kept[about(word)] = word
    return tuple(kept[matter] for matter in sorted(kept))


def _later(one: _T | None, other: _T | None, rank: Callable[[_T], _Rank]) -> _T | None:
    if one is None or other is None:
        return other if one is None else one
    return one if rank(one) >= rank(other) else other


def _about(word: Consent) -> tuple[str, str, str]:
    return word.contact_point, word.contact_channel, word.purpose


def _channel(word: StatedContactChoice) -> str:
    return word.contact_channel


# Ranks end in everything that a word holds, so that two different words are never equal, even
# where two authors have used the same event id.


def _consent_rank(word: Consent) -> _Rank:
    strictness = STATUSES.index(word.status) if word.status in STATUSES else len(STATUSES)
    ends = _FOREVER if word.valid_until is None else word.valid_until
    proof = word.proof
    return (
        *(word.stated_at, strictness, -ends, word.event_id, word.status, word.legal_basis),
        *(proof.form_version, proof.source_channel, proof.captured_at),
    )


def _choice_rank(word: StatedContactChoice) -> _Rank:
    return word.stated_at, word.opted_out, word.event_id


def _quiet_rank(word: StatedQuietHours) -> _Rank:
    start, end = word.hours.from_minute, word.hours.until_minute
    return word.stated_at, (end - start) % _DAY_MINUTES, word.event_id, start, end


def _language_rank(word: StatedLanguage) -> _Rank:
    return word.stated_at, word.event_id, word.language


def _permission_rank(word: StatedFlag) -> _Rank:
    return word.stated_at, not word.value, word.event_id


def _objection_rank(word: StatedFlag) -> _Rank:
    return word.stated_at, word.value, word.event_id
