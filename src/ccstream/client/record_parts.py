"""What is inside the records of ``records.py``: lines, touches, traits, links, interactions."""

from __future__ import annotations

from msgspec import Struct

from ccstream.domain.events import Campaign, Money

__all__ = [
    "CartConflict",
    "CartLine",
    "CartLineKey",
    "CartQuantitySetting",
    "IdentityLink",
    "Interaction",
    "ProfileTrait",
    "Touch",
    "TraitValue",
]


class CartLineKey(Struct, frozen=True, gc=False):
    """What makes two items the same line."""

    sku: str
    options_hash: str
    fulfilment: str
    store: str


class CartLine(Struct, frozen=True, gc=False):
    """One line of a cart. ``channel`` is the one that touched it last."""

    sku: str
    options_hash: str
    fulfilment: str
    store: str
    quantity: int
    unit_price: Money | None
    name: str | None
    added_at: int
    changed_at: int
    channel: str

    @property
    def key(self) -> CartLineKey:
        """The line's key, as ``CartSynced.removed`` names lines."""
        return CartLineKey(self.sku, self.options_hash, self.fulfilment, self.store)


class CartQuantitySetting(Struct, frozen=True, gc=False):
    """A quantity that somebody set."""

    event_id: str
    channel: str
    source: str
    quantity: int
    occurred_at: int


class CartConflict(Struct, frozen=True, gc=False):
    """Two quantities set for one line, neither author having seen the other's."""

    line: CartLineKey
    winner: CartQuantitySetting
    loser: CartQuantitySetting


class Touch(Struct, frozen=True, gc=False):
    """One contact of a customer with a channel."""

    event_id: str
    kind: str
    channel: str
    source: str
    occurred_at: int
    detail: str
    campaign: Campaign | None = None


class TraitValue(Struct, frozen=True, gc=False):
    """A trait's value and where it comes from."""

    value: str
    channel: str
    source: str
    occurred_at: int
    event_id: str
    verified: bool


class ProfileTrait(Struct, frozen=True, gc=False):
    """A trait; it has several values where its policy is union."""

    name: str
    values: tuple[TraitValue, ...]


class Interaction(Struct, frozen=True, gc=False):
    """One time that somebody served the customer; intent and outcome may be ciphertext."""

    event_id: str
    interaction_id: str
    kind: str
    channel: str
    source: str
    occurred_at: int
    topic: str
    intent: str | None = None
    outcome: str | None = None


class IdentityLink(Struct, frozen=True, gc=False):
    """Two identifiers were seen to be of one person; ``strength`` is how sure that is."""

    event_id: str
    occurred_at: int
    one: str
    other: str
    strength: str
