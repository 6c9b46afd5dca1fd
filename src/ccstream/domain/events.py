"""The facts that channels publish, as immutable records.

One class an Avro schema of the same name under ``schemas/events/`` (a test compares
the two field by field). Names are past-tense facts. Every event begins with the same
metadata; ``occurred_at`` is what the channel's clock said, in milliseconds since the
epoch (UTC), and only orders facts: it never decides by itself what time it is now.
"""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "Campaign",
    "CampaignClicked",
    "CartCleared",
    "CartItemAdded",
    "CartItemQuantitySet",
    "CartItemRemoved",
    "ChannelVisited",
    "ConsentChanged",
    "ConsentProof",
    "ContactChoice",
    "ContactPreferencesChanged",
    "ErasureRequested",
    "Event",
    "IdentifierUnlinked",
    "IdentifiersLinked",
    "InteractionLogged",
    "LegalHoldChanged",
    "MessageOpened",
    "Money",
    "OrderLine",
    "OrderPlaced",
    "PersonalKeyProvided",
    "PostEngaged",
    "ProductTried",
    "ProductViewed",
    "ProfileUpdated",
    "QuietHours",
    "Trait",
]


class Money(Struct, frozen=True, gc=False):
    """An amount in the minor unit of an ISO 4217 currency: 19.99 EUR is (1999, "EUR")."""

    amount_minor: int
    currency: str


class Campaign(Struct, frozen=True, gc=False):
    """What brought the customer here, as the channel knows it (UTM parameters, for one)."""

    id: str
    medium: str | None = None
    content: str | None = None


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """What every event carries. Not published by itself."""

    event_id: str
    occurred_at: int
    channel: str
    source: str
    subject: str
    observed: bytes | None = None
    session_id: str | None = None
    campaign: Campaign | None = None


# cart


class CartItemAdded(Event, frozen=True, kw_only=True, gc=False):
    sku: str
    options_hash: str = ""
    fulfilment: str = ""
    store: str = ""
    quantity: int
    unit_price: Money | None = None
    name: str | None = None


class CartItemRemoved(Event, frozen=True, kw_only=True, gc=False):
    sku: str
    options_hash: str = ""
    fulfilment: str = ""
    store: str = ""
    dots: tuple[str, ...] = ()


class CartItemQuantitySet(Event, frozen=True, kw_only=True, gc=False):
    sku: str
    options_hash: str = ""
    fulfilment: str = ""
    store: str = ""
    quantity: int
    unit_price: Money | None = None
    name: str | None = None
    dots: tuple[str, ...] = ()


class CartCleared(Event, frozen=True, kw_only=True, gc=False):
    dots: tuple[str, ...] = ()


# order


class OrderLine(Struct, frozen=True, kw_only=True, gc=False):
    sku: str
    options_hash: str = ""
    fulfilment: str = ""
    store: str = ""
    quantity: int
    amount: Money


class OrderPlaced(Event, frozen=True, kw_only=True, gc=False):
    order_id: str
    lines: tuple[OrderLine, ...]
    total: Money
    dots: tuple[str, ...] = ()


# identity


class IdentifiersLinked(Event, frozen=True, kw_only=True, gc=False):
    identifiers: tuple[str, ...]
    reason: str = "log_in"


class IdentifierUnlinked(Event, frozen=True, kw_only=True, gc=False):
    reason: str = "log_out"
    identifiers: tuple[str, ...] = ()
    never_again: bool = False


# profile


class Trait(Struct, frozen=True, gc=False):
    """One trait as stated by a channel; a value of None withdraws it."""

    name: str
    value: str | None
    verified: bool = False


class ProfileUpdated(Event, frozen=True, kw_only=True, gc=False):
    traits: tuple[Trait, ...]


# consent


class ConsentProof(Struct, frozen=True, gc=False):
    """How a consent can be shown: the wording, where it was captured, and when."""

    form_version: str
    source_channel: str
    captured_at: int


class ConsentChanged(Event, frozen=True, kw_only=True, gc=False):
    contact_point: str
    contact_channel: str
    purpose: str
    status: str
    legal_basis: str = "consent"
    proof: ConsentProof
    valid_until: int | None = None


class ContactChoice(Struct, frozen=True, gc=False):
    """Whether a person wants to be reached on a channel of contact at all."""

    contact_channel: str
    opted_out: bool


class QuietHours(Struct, frozen=True, gc=False):
    """Minutes of the day, by the person's clock; over midnight if they end before they begin."""

    from_minute: int
    until_minute: int


class ContactPreferencesChanged(Event, frozen=True, kw_only=True, gc=False):
    channels: tuple[ContactChoice, ...] = ()
    quiet_hours: QuietHours | None = None
    language: str | None = None
    calls_at_any_time: bool | None = None
    objects_to_marketing: bool | None = None


# touch


class ChannelVisited(Event, frozen=True, kw_only=True, gc=False):
    medium: str | None = None
    referrer: str | None = None
    page: str | None = None


class ProductViewed(Event, frozen=True, kw_only=True, gc=False):
    sku: str


class ProductTried(Event, frozen=True, kw_only=True, gc=False):
    sku: str
    store: str = ""


class CampaignClicked(Event, frozen=True, kw_only=True, gc=False):
    campaign_id: str
    link: str | None = None


class MessageOpened(Event, frozen=True, kw_only=True, gc=False):
    message_id: str


class PostEngaged(Event, frozen=True, kw_only=True, gc=False):
    network: str
    post_id: str
    action: str = "click"


# service


class InteractionLogged(Event, frozen=True, kw_only=True, gc=False):
    interaction_id: str
    kind: str
    topic: str
    intent: str | None = None
    outcome: str | None = None


# privacy


class PersonalKeyProvided(Event, frozen=True, kw_only=True, gc=False):
    key_id: str
    master_id: str
    wrapped: str
    entity: str | None = None


class ErasureRequested(Event, frozen=True, kw_only=True, gc=False):
    identifiers: tuple[str, ...] = ()
    reason: str = "request"


class LegalHoldChanged(Event, frozen=True, kw_only=True, gc=False):
    held: bool
    reason: str = ""
