"""Whether a person may be contacted now, why, and by which word of theirs.

What the person said comes first: an objection, an opt-out or a withdrawal is a no whatever the
law would allow. Then the law of the country where they live, on that day. Whatever is not known
is decided as if it spoke against the contact: no country, no rule of that day, a region or time
zone that does not exist, a register that nobody looked into, a prospect of whom nobody knows when
they last got in touch.

Messages of the purpose `SERVICE` (an order is ready, a delivery is late) need no consent and
meet no law of marketing; an opt-out of the channel, a withdrawal and quiet hours hold for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from ccstream.domain.consent import CONTACT_CHANNELS, Consent, Consents
from ccstream.errors import RulesError
from ccstream.rules.calendar import LocalTime, holiday, local_time, years_later, zone
from ccstream.rules.loading import Packs, shipped_packs
from ccstream.rules.pack import DAYS, Pack, Permission, rule_on

__all__ = ["APPOINTMENT_MS", "DENIALS", "SERVICE", "Context", "Decision", "may_contact"]

SERVICE: Final = "service"
"""The one purpose that is not marketing."""

APPOINTMENT_MS: Final = 15 * 60 * 1000
"""How far from the time agreed a call still is the one that was agreed."""

DENIALS: Final = (
    *("objected", "channel_opted_out", "refused", "withdrawn", "quiet_hours"),  # their own word
    *("no_consent", "pending", "not_yet", "expired", "not_consent"),
    *("on_register", "register_unknown"),
    *("last_contact_unknown", "data_too_old", "resting", "too_often", "holiday", "day", "hour"),
    *("no_rules", "region_unknown", "time_zone_unknown", "unreadable"),
)
"""All reasons of a no."""

COUNTRY: Final = re.compile("[A-Z]{2}")

_UNDISTURBED: Final = ("email", "sms", "phone", "push", "chat", "social")
"""What may ring or light up; a letter keeps no hours."""


class Context(Struct, frozen=True, kw_only=True):
    """What is known of the recipient beside their consents. All times in ms since the epoch.

    Args:
        country: where they live, as ISO 3166-1 names it with two letters.
        region: their region, as the country's pack lists it; None if not known, then a
            holiday of any region is one.
        time_zone: theirs; None for that of the region or country.
        unreadable: which of these three is known, but as ciphertext that cannot be read here.
        contact_point: which one is to be used, as its keyed hash; None for any.
        own_customer: whether they bought similar products from the same company.
        contract: whether a contract is in progress, and the contact is about it.
        registers: the lists of people not to be contacted that they are on, as the packs name
            them, in capitals or not: bloctel.
        not_on_registers: those that were looked up, and they are not on.
        past_contacts: when they were contacted on this channel, in vain among them.
        last_refusal_at: when they last refused during such a contact.
        appointment_at: for when they agreed to exactly this contact.
        last_own_contact_at: when they last got in touch themselves.
    """

    country: str | None = None
    region: str | None = None
    time_zone: str | None = None
    unreadable: tuple[str, ...] = ()
    contact_point: str | None = None
    own_customer: bool = False
    contract: bool = False
    registers: frozenset[str] = frozenset()
    not_on_registers: frozenset[str] = frozenset()
    past_contacts: tuple[int, ...] = ()
    last_refusal_at: int | None = None
    appointment_at: int | None = None
    last_own_contact_at: int | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """The answer. ``evidence`` is the event that decided it, if one did; ``source`` the law.

    An allowed contact is to ``contact_point`` (None: whichever), and under ``obligations``.
    """

    verdict: Literal["allow", "deny"]
    reason: str
    detail: str
    evidence: str | None = None
    source: str | None = None
    contact_point: str | None = None
    obligations: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.verdict == "allow"


def may_contact(
    consents: Consents | None,
    channel: str,
    purpose: str,
    now: int,
    context: Context,
    packs: Packs | None = None,
) -> Decision:
    """Decide on one contact.

    Args:
        consents: the person's row, None if there is none.
        channel: the channel of contact, one of `CONTACT_CHANNELS`.
        purpose: what for, as in the consents; any but `SERVICE` is marketing.
        now: when, in milliseconds since the epoch.
        context: what else is known.
        packs: the rules; those in the wheel if None.

    Raises:
        RulesError: there is no such channel, or a register that no rule knows.
    """
    if channel not in CONTACT_CHANNELS:
        raise RulesError(f"there is no channel {channel}; there are {', '.join(CONTACT_CHANNELS)}")
    known = shipped_packs() if packs is None else packs
    _check_registers(known, context)
    said = consents or Consents()
    word = _word(said, channel, purpose, now, context.contact_point)
    decided = _own_no(said, word, channel, purpose)
    if decided is not None:
        return decided
    pack = known.get(context.country or "")
    where = _where(pack, context)
    if purpose == SERVICE:
        return _undisturbed(said, channel, now, where) or Decision(
            verdict="allow",
            reason="service",
            detail="service needs no consent",
            contact_point=context.contact_point,
        )
    if context.unreadable:
        what = " and ".join(context.unreadable).replace("_", " ")
        return _deny("unreadable", f"{what}: stored encrypted, and cannot be read here")
    if pack is None:
        return _deny("no_rules", _no_country(context.country))
    if context.region is not None and context.region not in pack.regions:
        return _deny("region_unknown", f"{pack.country} has no such region")
    if where is None:
        return _deny("time_zone_unknown", "there is no such time zone")
    there = local_time(now, where)
    permission = rule_on(pack.permission, channel, there.day)
    if permission is None:
        return _deny("no_rules", f"{pack.country} has no rule for {channel} on {there.day}")
    found = _permitted(permission, word, now, context)
    if not found.allowed:
        return found
    return (
        _too_old(pack, said, channel, there, where, context)
        or _pestered(pack, channel, now, there, where, context)
        or _untimely(pack, said, channel, now, there, context)
        or _undisturbed(said, channel, now, where)
        or found
    )


def _check_registers(packs: Packs, context: Context) -> None:
    """One that is misspelt would be one that nobody is on."""
    given = {*context.registers, *context.not_on_registers}
    if not given:
        return
    names = {rule.register for pack in packs.values() for rule in pack.permission if rule.register}
    unknown = _folded(given) - _folded(names)
    if unknown:
        raise RulesError(
            f"no rule knows a register {', '.join(sorted(unknown))}; "
            f"there are: {', '.join(sorted(names)) or 'none'}"
        )


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


def _deny(
    reason: str, detail: str, evidence: str | None = None, source: str | None = None
) -> Decision:
    return Decision(verdict="deny", reason=reason, detail=detail, evidence=evidence, source=source)


def _word(
    said: Consents, channel: str, purpose: str, now: int, point: str | None
) -> Consent | None:
    """The word that speaks for or against: a grant in force, else the latest of the others."""
    words = [
        word
        for word in said.consents
        if word.contact_channel == channel
        and word.purpose == purpose
        and point in {None, word.contact_point}
    ]
    in_force = [word for word in words if _in_force(word, now)]
    noes = [word for word in words if word.status in {"refused", "withdrawn"}]
    return max(
        in_force or noes or words,
        key=lambda word: (word.legal_basis == "consent", word.stated_at),
        default=None,
    )


def _in_force(word: Consent, now: int) -> bool:
    ended = word.valid_until is not None and now >= word.valid_until
    return word.status == "granted" and word.stated_at <= now and not ended


def _own_no(said: Consents, word: Consent | None, channel: str, purpose: str) -> Decision | None:
    objection = said.objects_to_marketing
    if purpose != SERVICE and objection is not None and objection.value:
        return _deny("objected", "the person objects to all marketing", objection.event_id)
    for choice in said.channels:
        if choice.contact_channel == channel and choice.opted_out:
            return _deny("channel_opted_out", f"the person opted out of {channel}", choice.event_id)
    if word is not None and word.status in {"refused", "withdrawn"}:
        return _deny(word.status, f"{purpose} by {channel} is {word.status}", word.event_id)
    return None


def _no_country(country: str | None) -> str:
    # What is no code may be anything, and is not repeated.
    if not country:
        return "nobody knows the country where the person lives"
    if COUNTRY.fullmatch(country) is None:
        return "the country is not in two capital letters, as FR is"
    return f"there are no rules for the country {country}"


def _where(pack: Pack | None, context: Context) -> ZoneInfo | None:
    if context.unreadable:
        return None
    if context.time_zone is not None:
        return zone(context.time_zone)
    if pack is None:
        return None
    region = pack.region.get(context.region or "")
    return zone((region and region.time_zone) or pack.time_zone)


def _permitted(rule: Permission, word: Consent | None, now: int, context: Context) -> Decision:
    """What permits the contact, or what is lacking."""
    in_force = word if word is not None and _in_force(word, now) else None
    consented = in_force is not None and in_force.legal_basis == "consent"
    relations = {
        name
        for name, holds in (
            ("consent", consented),
            ("own_customer", context.own_customer),
            ("contract", context.contract),
        )
        if holds
    }
    evidence = word.event_id if word is not None else None
    register = None if relations.intersection(rule.register_lifted_by) else rule.register
    if register is not None and register.casefold() in _folded(context.registers):
        return _deny("on_register", f"the person is on {register}", source=rule.source)
    lifting = [name for name in rule.lifted_by if name in relations]
    if consented:
        reason, detail = "consent", "the person has consented"
    elif rule.basis == "opt_out":
        reason, detail = "not_objected", "no consent is needed, and there is no objection"
    elif lifting:
        reason, detail = lifting[0], f"no consent is needed: {lifting[0]}"
    else:
        return _deny(*_lacking(word, now), evidence, rule.source)
    if register is not None and register.casefold() not in _folded(context.not_on_registers):
        asked = f"nobody has looked up whether the person is on {register}"
        return _deny("register_unknown", asked, source=rule.source)
    point = context.contact_point if in_force is None else in_force.contact_point
    return Decision(
        verdict="allow",
        reason=reason,
        detail=detail,
        evidence=evidence if consented else None,
        source=rule.source,
        contact_point=point,
        obligations=("opt_out_in_each_message",) if rule.opt_out_in_each_message else (),
    )


def _lacking(word: Consent | None, now: int) -> tuple[str, str]:
    if word is None:
        return "no_consent", "consent is needed, and nobody has asked"
    if word.status != "granted":
        return "pending", "the consent is not confirmed yet"
    if word.stated_at > now:
        return "not_yet", "the consent was given later than that"
    if not _in_force(word, now):
        return "expired", "the consent has expired"
    return "not_consent", f"consent is needed, and {word.legal_basis} is none"


def _too_old(
    pack: Pack, said: Consents, channel: str, there: LocalTime, where: ZoneInfo, context: Context
) -> Decision | None:
    rule = rule_on(pack.retention, channel, there.day)
    if rule is None or context.own_customer or context.contract:
        return None
    grants = [word.stated_at for word in said.consents if word.status == "granted"]
    own = [at for at in (*grants, context.last_own_contact_at) if at is not None]
    if not own:
        detail = "nobody knows when the person last got in touch"
        return _deny("last_contact_unknown", detail, source=rule.source)
    last = local_time(max(own), where).day
    if there.day < years_later(last, rule.prospect_years):
        return None
    detail = f"the person last got in touch {rule.prospect_years} years ago, or before"
    return _deny("data_too_old", detail, source=rule.source)


def _pestered(
    pack: Pack, channel: str, now: int, there: LocalTime, where: ZoneInfo, context: Context
) -> Decision | None:
    """Whether there were too many contacts, or a refusal not long ago."""
    rest = rule_on(pack.rest, channel, there.day)
    if rest is not None and context.last_refusal_at is not None:
        refused = local_time(context.last_refusal_at, where).day
        if (there.day - refused).days <= rest.days:
            until = refused + timedelta(days=rest.days + 1)
            return _deny(
                "resting", f"after a refusal there is peace until {until}", None, rest.source
            )
    often = rule_on(pack.frequency, channel, there.day)
    if often is not None:
        first = there.day - timedelta(days=often.within_days - 1)
        days = [local_time(at, where).day for at in context.past_contacts if at <= now]
        if sum(day >= first for day in days) >= often.contacts_max:
            detail = f"{often.contacts_max} contacts within {often.within_days} days are made"
            return _deny("too_often", detail, source=often.source)
    return None


def _untimely(
    pack: Pack, said: Consents, channel: str, now: int, there: LocalTime, context: Context
) -> Decision | None:
    """Whether the law forbids the day or the hour."""
    rule = rule_on(pack.times, channel, there.day)
    if rule is None:
        return None
    any_time, agreed = said.calls_at_any_time, context.appointment_at
    lifted = {
        "consent_to_any_time": any_time is not None
        and any_time.value
        and any_time.stated_at <= now,
        "appointment": agreed is not None and abs(now - agreed) <= APPOINTMENT_MS,
    }
    if any(lifted[name] for name in rule.lifted_by):
        return None
    name = None if rule.on_holidays else _holiday(pack, context.region, there.day)
    if name is not None:
        return _deny("holiday", f"{there.day} is a public holiday: {name}", source=rule.source)
    if DAYS[there.weekday] not in rule.days:
        return _deny("day", f"not on a {DAYS[there.weekday]}", source=rule.source)
    if not rule.allow(there.minute):
        detail = f"only {' and '.join(rule.hours)} by the recipient's clock"
        return _deny("hour", detail, source=rule.source)
    return None


def _holiday(pack: Pack, region: str | None, day: date) -> str | None:
    """The holiday where the person lives; in any region, if that is not known."""
    if region is not None:
        differs = pack.region.get(region)
        return holiday(pack.country, differs.holidays if differs else None, day)
    regions = {one.holidays for one in pack.region.values()} | {None}
    names = (holiday(pack.country, one, day) for one in sorted(regions, key=lambda one: one or ""))
    return next((name for name in names if name is not None), None)


def _undisturbed(said: Consents, channel: str, now: int, where: ZoneInfo | None) -> Decision | None:
    """Whether the person's own quiet hours forbid it."""
    quiet = said.quiet_hours
    if quiet is None or channel not in _UNDISTURBED:
        return None
    start, end = quiet.hours.from_minute, quiet.hours.until_minute
    if start == end:
        return None
    if where is None:
        return _deny("time_zone_unknown", "nobody knows the hour there", quiet.event_id)
    minute = local_time(now, where).minute
    within = start <= minute < end if start < end else minute >= start or minute < end
    return _deny("quiet_hours", "the person's quiet hours", quiet.event_id) if within else None
