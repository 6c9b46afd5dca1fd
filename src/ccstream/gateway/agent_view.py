"""A customer as the service staff sees them: who, what they do, whether they may be contacted.

Personal values are masked unless the reader may read profiles anyway: enough is left to compare
with what the caller says, and nothing of what was written down of a call. Pure: records go in, with
personal fields in plain as far as they can be read. Of the others nothing is shown but that they
are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from ccstream.client.records import Interaction, ProfileTrait
from ccstream.domain.consent import CONTACT_CHANNELS, Consents
from ccstream.domain.identifiers import IdentifierRules
from ccstream.gateway.aliases import Link
from ccstream.rules import SERVICE, Context, may_contact
from ccstream.wire.personal import is_ciphertext

__all__ = ["OPEN_TRAITS", "agent_view", "masked_key", "masked_text"]

MASK: Final = "•••"
SHOWN_CHARS: Final = 4
"""Of an identifier, the last: as on a receipt. Of one that is no longer than twice that, half."""

PLACE: Final = ("country", "region", "time_zone")
OPEN_TRAITS: Final = frozenset({*PLACE, "language", "currency", "segment", "tier"})
"""Traits that say nothing about who somebody is; all others are masked."""

MARKETING: Final = "marketing"
PURPOSES_MAX: Final = 6
"""Shown; each is decided for every channel."""


_ADDRESS: Final = re.compile(r"([^\s@])[^\s@]*@((?:[\w-]+\.)+[^\W\d_][\w-]*)")
"""One address and nothing else. What is taken for one is shown from its ``@`` on, so that what may
be none is not: a sentence with an address in it, two of them, a domain that ends in a number."""


def masked_text(text: str) -> str:
    """A value of which its owner knows the beginning; of an address, the domain as well."""
    address = _ADDRESS.fullmatch(text)
    return f"{address[1]}{MASK}@{address[2]}" if address else f"{text[:1]}{MASK}"


def masked_key(key: str) -> str:
    """An identifier of which the end is shown."""
    namespace, _, value = key.partition(":")
    shown = min(SHOWN_CHARS, len(value) // 2)
    return f"{namespace}:{MASK}{value[len(value) - shown :]}"


def agent_view(
    *,
    key: str,
    subject: str,
    records: Mapping[str, Any],
    links: Sequence[Link],
    rules: IdentifierRules,
    now_ms: int,
    masked: bool,
) -> dict[str, Any]:
    """The view, as JSON has it.

    Args:
        key: what was asked for.
        subject: the profile that it leads to.
        records: by aggregate, as told in JSON.
        links: the identifiers that lead to the profile.
        rules: the classes of identifiers.
        now_ms: the time for which it is decided whether a contact is allowed.
        masked: whether personal values are hidden.
    """
    profile, cart, consent = records["profile"], records["cart"], records["consent"]
    traits: Sequence[ProfileTrait] = () if profile is None else profile["traits"]
    return {
        "masked": masked,
        "traits": [_trait(trait, masked=masked) for trait in traits],
        "identifiers": [
            {
                "key": _key(one, asked=key, masked=masked),
                "class": rules.class_of(one),
                "since": since,
                "evidence": evidence,
            }
            for one, since, evidence in [
                (subject, None, None),
                *((link.key, link.since, link.event_id) for link in links),
            ]
        ],
        "cart": None if cart is None else {name: cart[name] for name in ("currency", "lines")},
        "orders": [
            {name: order[name] for name in ("order_id", "placed_at", "channel", "lines", "total")}
            for order in records["order"]
        ],
        "interactions": [
            _interaction(one, masked=masked)
            for one in reversed((records["interaction"] or {}).get("interactions", ()))
        ],
        "consents": [_consent(one, masked=masked) for one in (consent or {}).get("consents", ())],
        "may_contact": _contacts(consent, traits, now_ms),
    }


def _key(key: str, *, asked: str, masked: bool) -> str:
    # Whoever asked by an identifier knows it already.
    return masked_key(key) if masked and key != asked else key


def _trait(trait: ProfileTrait, *, masked: bool) -> dict[str, Any]:
    hidden = masked and trait.name not in OPEN_TRAITS
    return {
        "name": trait.name,
        "values": [
            {
                "value": _shown(said.value, hidden=hidden),
                "readable": not is_ciphertext(said.value),
                "channel": said.channel,
                "occurred_at": said.occurred_at,
                "verified": said.verified,
                "evidence": said.event_id,
            }
            for said in trait.values
        ],
    }


def _shown(value: str, *, hidden: bool) -> str | None:
    if is_ciphertext(value):
        return None
    return masked_text(value) if hidden else value


def _told(text: str | None, *, hidden: bool) -> str | None:
    """What somebody wrote down of a customer, who would not know how it begins: all or nothing."""
    if not text or is_ciphertext(text):
        return None
    return MASK if hidden else text


def _interaction(one: Interaction, *, masked: bool) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "channel": one.channel,
        "occurred_at": one.occurred_at,
        "topic": one.topic,
        "intent": _told(one.intent, hidden=masked),
        "outcome": _told(one.outcome, hidden=masked),
        "evidence": one.event_id,
    }


def _consent(consent: Any, *, masked: bool) -> dict[str, Any]:
    point = consent.contact_point
    return {
        "contact_point": f"{MASK}{point[-SHOWN_CHARS:]}" if masked else point,
        "channel": consent.contact_channel,
        "purpose": consent.purpose,
        "status": consent.status,
        "legal_basis": consent.legal_basis,
        "stated_at": consent.stated_at,
        "valid_until": consent.valid_until,
        "evidence": consent.event_id,
    }


def _contacts(
    consent: Mapping[str, Any] | None, traits: Sequence[ProfileTrait], now_ms: int
) -> list[dict[str, Any]]:
    said = (
        Consents()
        if consent is None
        else Consents(**{name: consent[name] for name in Consents.__struct_fields__})
    )
    known = {trait.name: trait.values[-1].value for trait in traits if trait.values}
    where = {name: known[name] for name in PLACE if name in known}
    sealed = tuple(name for name, value in where.items() if is_ciphertext(value))
    context = structs.replace(Context(), **{**where, **dict.fromkeys(sealed)}, unreadable=sealed)
    purposes = {one.purpose for one in said.consents} - {SERVICE, MARKETING}
    shown = [SERVICE, MARKETING, *sorted(purposes)][:PURPOSES_MAX]
    decided = []
    for channel in CONTACT_CHANNELS:
        for purpose in shown:
            decision = may_contact(said, channel, purpose, now_ms, context)
            decided.append(
                {
                    "channel": channel,
                    "purpose": purpose,
                    "allowed": decision.allowed,
                    "reason": decision.reason,
                    "detail": decision.detail,
                    "evidence": decision.evidence,
                    "rule": decision.source,
                }
            )
    return decided
