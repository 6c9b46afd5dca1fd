"""Rules for one event by itself, whatever is already known about its subject.

A schema says that a quantity is a number; these say that it is between 1 and a million.
They run at the worker for each event, and in the client before an event is sent, so that a
mistake is found where it is made. Details never repeat a value: it may be personal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ccstream.domain import reasons
from ccstream.domain.consent import CONTACT_CHANNELS, CONTACT_POINT, LEGAL_BASES, STATUSES
from ccstream.domain.effects import Reject
from ccstream.domain.events import (
    Campaign,
    CampaignClicked,
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    ConsentChanged,
    ContactPreferencesChanged,
    ErasureRequested,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    LegalHoldChanged,
    MessageOpened,
    Money,
    OrderLine,
    OrderPlaced,
    PersonalKeyProvided,
    PostEngaged,
    ProductTried,
    ProductViewed,
    ProfileUpdated,
)
from ccstream.wire.personal import CIPHERTEXT_CHARS_MAX, KEY_ID_CHARS, is_ciphertext

__all__ = [
    "AHEAD_MS_MAX",
    "AMOUNT_MINOR_MAX",
    "DOTS_MAX",
    "ERASED_IDENTIFIERS_MAX",
    "IDENTIFIERS_MAX",
    "ID_CHARS_MAX",
    "LANGUAGE_CHARS_MAX",
    "ORDER_LINES_MAX",
    "QUANTITY_MAX",
    "TEXT_CHARS_MAX",
    "TRAITS_MAX",
    "is_entity_key",
    "validate",
    "validate_origin",
]

ID_CHARS_MAX: Final = 200
"""Ids are kept in windows and rows; a UUID has 36, a URL with a UUID fits."""
TEXT_CHARS_MAX: Final = 1_000
"""Names, pages, topics: shown to people, who read no more."""
QUANTITY_MAX: Final = 1_000_000
"""Above it is a mistake (a bar code scanned into the quantity field), never a basket."""
AMOUNT_MINOR_MAX: Final = 10**15
"""So that sums of a thousand lines stay exact in 64 bits and in a JavaScript number."""
AHEAD_MS_MAX: Final = 24 * 60 * 60 * 1000
"""Clocks go wrong by a time zone; more than a day ahead would win every later conflict."""
DOTS_MAX: Final = 64_000
"""All additions of the largest cart: 1,000 lines of 64."""
ORDER_LINES_MAX: Final = 5_000
"""A restaurant's weekly order has hundreds; above it the record is too big anyway."""
IDENTIFIERS_MAX: Final = 50
"""A household's cards and devices; more is a shared terminal, which links nobody."""
ERASED_IDENTIFIERS_MAX: Final = 500
"""Each is sent a letter with the request in it; a person has tens."""
TRAITS_MAX: Final = 200
"""More is a customer file sent in pieces too large."""

LANGUAGE_CHARS_MAX: Final = 35
"""The longest tag that BCP 47 asks software to hold."""

_DAY_MINUTES: Final = 24 * 60
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9_]{0,49}")
_KEY: Final = re.compile(
    r"(?!(?:email|phone):(?![0-9a-f]{64}$))[a-z][a-z0-9_]*:(?!\+)[^\s#@]{1,200}"
)
_NOT_A_KEY: Final = "is not namespace:value, or is an address or number that must be hashed"
"""Keys are in logs, metrics' labels of others, and file names: what is personal must not be."""
_CURRENCY: Final = re.compile(r"[A-Z]{3}")

_key_matches: Final = _KEY.fullmatch


_currencies: Final[set[str]] = set()
"""Those seen; there are no more than 17,576."""


def _is_currency(text: str) -> bool:
    if _CURRENCY.fullmatch(text) is None:
        return False
    _currencies.add(text)
    return True


def is_entity_key(text: str) -> bool:
    """Whether it is ``namespace:value`` as entities are keyed.

    An e-mail address or a phone number is not: anything with an ``@``, with a ``+`` in front, or
    under ``email`` and ``phone`` anything but a keyed hash.
    """
    return _key_matches(text) is not None


def validate(event: Event, appended_at: int) -> Reject | None:
    """The first rule that the event breaks by itself, or None.

    Args:
        event: as decoded, so that its fields have the right types.
        appended_at: when the broker appended it (ms); for one not yet sent, now.
    """
    if not 0 < len(event.event_id) <= ID_CHARS_MAX:
        return _invalid_id("event_id")
    if not 0 < len(event.source) <= ID_CHARS_MAX:
        return _invalid_id("source")
    if not 0 < len(event.channel) <= ID_CHARS_MAX:
        return _invalid_id("channel")
    if _key_matches(event.subject) is None:
        return Reject(reasons.INVALID_KEY, f"the subject {_NOT_A_KEY}")
    if event.occurred_at > appended_at + AHEAD_MS_MAX:
        return Reject(reasons.INVALID_TIME, "occurred_at is more than a day ahead of the broker")
    if event.occurred_at < 0:
        return Reject(reasons.INVALID_TIME, "occurred_at is before 1970")
    if event.session_id is not None and len(event.session_id) > ID_CHARS_MAX:
        return _invalid_id("session_id")
    if event.campaign is not None:
        rejection = _campaign(event.campaign)
        if rejection is not None:
            return rejection
    rules = _RULES.get(type(event))
    if rules is None:
        return Reject(reasons.NOT_AN_EVENT, f"{type(event).__name__} is not what channels publish")
    return rules(event)


def validate_origin(event: Event, key: bytes | None, channel: str | None) -> Reject | None:
    """Whether the event came the way it says: keyed by its subject, on its channel's topic.

    ``channel`` is that of the topic; None skips that rule, for a topic of no channel.
    """
    if key != event.subject.encode():
        return Reject(reasons.KEY_MISMATCH, "the Kafka key is not the event's subject in UTF-8")
    if channel is not None and channel != event.channel:
        return Reject(
            reasons.CHANNEL_MISMATCH, f"the event names another channel than its topic's, {channel}"
        )
    return None


def _invalid_id(name: str) -> Reject:
    return Reject(reasons.INVALID_ID, f"{name} is empty or longer than {ID_CHARS_MAX} characters")


def _id(text: str, name: str) -> Reject | None:
    return None if 0 < len(text) <= ID_CHARS_MAX else _invalid_id(name)


def _text(text: str | None, name: str) -> Reject | None:
    if text is None or len(text) <= TEXT_CHARS_MAX:
        return None
    return Reject(reasons.INVALID_TEXT, f"{name} is longer than {TEXT_CHARS_MAX} characters")


def _personal(text: str | None, name: str) -> Reject | None:
    """A text that may be ciphertext, which is longer than what it says."""
    if text is None or len(text) <= TEXT_CHARS_MAX:
        return None
    if len(text) <= CIPHERTEXT_CHARS_MAX and is_ciphertext(text):
        return None
    return _text(text, name)


def _key_provided(event: PersonalKeyProvided) -> Reject | None:
    if _BASE64URL.fullmatch(event.key_id) is None or len(event.key_id) != KEY_ID_CHARS:
        return Reject(reasons.INVALID_ID, f"key_id is not {KEY_ID_CHARS} characters of base64url")
    if _BASE64URL.fullmatch(event.wrapped) is None:
        return Reject(reasons.INVALID_TEXT, "wrapped is no base64url")
    if event.entity is not None and not is_entity_key(event.entity):
        return Reject(reasons.INVALID_KEY, f"the entity {_NOT_A_KEY}")
    return _id(event.master_id, "master_id") or _text(event.wrapped, "wrapped")


def _erasure(event: ErasureRequested) -> Reject | None:
    if len(event.identifiers) > ERASED_IDENTIFIERS_MAX:
        return _invalid_list("identifiers", 0, ERASED_IDENTIFIERS_MAX)
    if not all(map(is_entity_key, event.identifiers)):
        return Reject(reasons.INVALID_KEY, f"an identifier {_NOT_A_KEY}")
    return _text(event.reason, "reason")


def _campaign(campaign: Campaign) -> Reject | None:
    if not 0 < len(campaign.id) <= ID_CHARS_MAX:
        return _invalid_id("campaign.id")
    return _text(campaign.medium, "medium") or _text(campaign.content, "content")


def _line(line: Any) -> Reject | None:
    if not 0 < len(line.sku) <= ID_CHARS_MAX:
        return _invalid_id("sku")
    if (
        len(line.options_hash) > ID_CHARS_MAX
        or len(line.fulfilment) > ID_CHARS_MAX
        or len(line.store) > ID_CHARS_MAX
    ):
        return Reject(reasons.INVALID_ID, "options_hash, fulfilment or store is too long")
    return None


def _quantity(quantity: int, least: int) -> Reject | None:
    if least <= quantity <= QUANTITY_MAX:
        return None
    return Reject(reasons.INVALID_QUANTITY, f"the quantity is not {least} to {QUANTITY_MAX:,}")


def _money(money: Money | None) -> Reject | None:
    if money is None:
        return None
    if money.currency not in _currencies and not _is_currency(money.currency):
        return Reject(reasons.INVALID_MONEY, "the currency is not three capital letters")
    if not -AMOUNT_MINOR_MAX <= money.amount_minor <= AMOUNT_MINOR_MAX:
        return Reject(reasons.INVALID_MONEY, f"an amount is beyond {AMOUNT_MINOR_MAX:,}")
    return None


def _dots(dots: tuple[str, ...]) -> Reject | None:
    if not dots:
        return None
    if len(dots) > DOTS_MAX:
        return _invalid_list("dots", 0, DOTS_MAX)
    if not all(0 < len(dot) <= ID_CHARS_MAX for dot in dots):
        return _invalid_id("an entry of dots")
    return None


def _invalid_list(name: str, least: int, most: int) -> Reject:
    return Reject(reasons.INVALID_LIST, f"{name} must have {least} to {most:,} entries")


def _added(event: CartItemAdded) -> Reject | None:
    return (
        _line(event)
        or _quantity(event.quantity, 1)
        or _money(event.unit_price)
        or _text(event.name, "name")
    )


def _removed(event: CartItemRemoved) -> Reject | None:
    return _line(event) or _dots(event.dots)


def _quantity_set(event: CartItemQuantitySet) -> Reject | None:
    return (
        _line(event)
        or _quantity(event.quantity, 0)
        or _money(event.unit_price)
        or _text(event.name, "name")
        or _dots(event.dots)
    )


def _cleared(event: CartCleared) -> Reject | None:
    return _dots(event.dots)


def _order_line(line: OrderLine) -> Reject | None:
    return _line(line) or _quantity(line.quantity, 0) or _money(line.amount)


def _ordered(event: OrderPlaced) -> Reject | None:
    if not 0 < len(event.lines) <= ORDER_LINES_MAX:
        return _invalid_list("lines", 1, ORDER_LINES_MAX)
    for line in event.lines:
        rejection = _order_line(line)
        if rejection is not None:
            return rejection
    if any(line.amount.currency != event.total.currency for line in event.lines):
        return Reject(reasons.INVALID_MONEY, "the order's lines and total differ in currency")
    return _id(event.order_id, "order_id") or _money(event.total) or _dots(event.dots)


def _identifiers(event: IdentifiersLinked | IdentifierUnlinked, least: int) -> Reject | None:
    if not least <= len(event.identifiers) <= IDENTIFIERS_MAX:
        return _invalid_list("identifiers", least, IDENTIFIERS_MAX)
    if not all(map(is_entity_key, event.identifiers)):
        return Reject(reasons.INVALID_KEY, f"an identifier {_NOT_A_KEY}")
    return _text(event.reason, "reason")


def _profiled(event: ProfileUpdated) -> Reject | None:
    if not 0 < len(event.traits) <= TRAITS_MAX:
        return _invalid_list("traits", 1, TRAITS_MAX)
    for trait in event.traits:
        rejection = _id(trait.name, "name") or _personal(trait.value, "value")
        if rejection is not None:
            return rejection
    return None


def _tried(event: ProductTried) -> Reject | None:
    return _id(event.sku, "sku") or _text(event.store, "store")


def _invalid_consent(sentence: str) -> Reject:
    return Reject(reasons.INVALID_CONSENT, sentence)


def _consented(event: ConsentChanged) -> Reject | None:
    if CONTACT_POINT.fullmatch(event.contact_point) is None:
        return _invalid_consent(
            "contact_point is not a keyed hash in 32 to 128 lower-case hexadecimal digits"
        )
    if event.contact_channel not in CONTACT_CHANNELS:
        return _invalid_consent(f"contact_channel is none of {', '.join(CONTACT_CHANNELS)}")
    if _PURPOSE.fullmatch(event.purpose) is None:
        return _invalid_consent("purpose is not a name in lower-case letters, digits and _")
    if event.status not in STATUSES:
        return _invalid_consent(f"status is none of {', '.join(STATUSES)}")
    if event.legal_basis not in LEGAL_BASES:
        return _invalid_consent(f"legal_basis is none of {', '.join(LEGAL_BASES)}")
    if not 0 <= event.proof.captured_at <= event.occurred_at:
        return Reject(reasons.INVALID_TIME, "captured_at is before 1970 or after occurred_at")
    if event.valid_until is not None and event.valid_until < 0:
        return Reject(reasons.INVALID_TIME, "valid_until is before 1970")
    return _id(event.proof.form_version, "form_version") or _id(
        event.proof.source_channel, "source_channel"
    )


def _preferred(event: ContactPreferencesChanged) -> Reject | None:
    if len(event.channels) > len(CONTACT_CHANNELS):
        return _invalid_list("channels", 0, len(CONTACT_CHANNELS))
    for choice in event.channels:
        if choice.contact_channel not in CONTACT_CHANNELS:
            return _invalid_consent(f"a contact_channel is none of {', '.join(CONTACT_CHANNELS)}")
    hours = event.quiet_hours
    if hours is not None and not (
        0 <= hours.from_minute < _DAY_MINUTES and 0 <= hours.until_minute < _DAY_MINUTES
    ):
        return Reject(reasons.INVALID_TIME, "quiet_hours are not minutes of a day, 0 to 1439")
    if event.language is not None and len(event.language) > LANGUAGE_CHARS_MAX:
        return Reject(
            reasons.INVALID_TEXT, f"language is longer than {LANGUAGE_CHARS_MAX} characters"
        )
    return None


_RULES: Final[dict[type[Event], Callable[[Any], Reject | None]]] = {
    CartItemAdded: _added,
    CartItemRemoved: _removed,
    CartItemQuantitySet: _quantity_set,
    CartCleared: _cleared,
    OrderPlaced: _ordered,
    IdentifiersLinked: lambda e: _identifiers(e, 1),
    IdentifierUnlinked: lambda e: _identifiers(e, 1 if e.never_again else 0),
    ProfileUpdated: _profiled,
    ConsentChanged: _consented,
    ContactPreferencesChanged: _preferred,
    ChannelVisited: lambda e: (
        _text(e.medium, "medium") or _text(e.referrer, "referrer") or _text(e.page, "page")
    ),
    ProductViewed: lambda e: _id(e.sku, "sku"),
    ProductTried: _tried,
    CampaignClicked: lambda e: _id(e.campaign_id, "campaign_id") or _text(e.link, "link"),
    MessageOpened: lambda e: _id(e.message_id, "message_id"),
    PostEngaged: lambda e: (
        _id(e.network, "network") or _id(e.post_id, "post_id") or _text(e.action, "action")
    ),
    InteractionLogged: lambda e: (
        _id(e.interaction_id, "interaction_id")
        or _id(e.kind, "kind")
        or _text(e.topic, "topic")
        or _personal(e.intent, "intent")
        or _personal(e.outcome, "outcome")
    ),
    PersonalKeyProvided: _key_provided,
    ErasureRequested: _erasure,
    LegalHoldChanged: lambda e: _text(e.reason, "reason"),
}
"""One entry for each type of event; a test compares it with the catalogue."""
