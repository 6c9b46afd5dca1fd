"""What ccstream publishes for readers, as typed records.

One class for each record of ``schemas/sync/`` and what is inside it (a test compares them
field by field). Times are milliseconds since the epoch, UTC. ``version`` compares within one
row only: the higher one is the later. ``base_version`` is the version that the delta of a
record builds on, 0 if there was no row: whoever has another one takes the whole row, which
every record carries.
"""

from __future__ import annotations

from msgspec import Struct

from ccstream.client.record_parts import (
    CartConflict,
    CartLine,
    CartLineKey,
    CartQuantitySetting,
    IdentityLink,
    Interaction,
    ProfileTrait,
    Touch,
    TraitValue,
)
from ccstream.domain.consent import (
    Consent,
    StatedContactChoice,
    StatedFlag,
    StatedLanguage,
    StatedQuietHours,
)
from ccstream.domain.events import Campaign, ConsentProof, Money, OrderLine, QuietHours

__all__ = [
    "AliasSynced",
    "Campaign",
    "CartAbandoned",
    "CartConflict",
    "CartLine",
    "CartLineKey",
    "CartQuantitySetting",
    "CartSynced",
    "Cause",
    "Change",
    "Consent",
    "ConsentProof",
    "ConsentSynced",
    "Gap",
    "IdentityConflictFound",
    "IdentityLink",
    "Interaction",
    "InteractionsSynced",
    "LastTouchSynced",
    "Money",
    "OrderLine",
    "OrderSynced",
    "ProfileMerged",
    "ProfileSplit",
    "ProfileSynced",
    "ProfileTrait",
    "QuietHours",
    "Removed",
    "StatedContactChoice",
    "StatedFlag",
    "StatedLanguage",
    "StatedQuietHours",
    "SyncRecord",
    "Touch",
    "TraitValue",
    "Unreadable",
]


class Cause(Struct, frozen=True, gc=False):
    """The event that a record was published for, and what came of it.

    ``outcome`` is applied, no_effect, duplicate, too_late, rejected, forwarded or merged: by this
    log-in an account has taken over what its alias had.
    """

    event_id: str
    event_type: str
    channel: str
    source: str
    occurred_at: int
    appended_at: int
    outcome: str


class CartSynced(Struct, frozen=True, gc=False):
    """A cart as it is now (``lines``) and how it changed (``upserted``, ``removed``).

    ``cart_number`` grows by one with each checkout; ``closed_order`` is the order that has
    just closed something. ``observed`` is the token that an event sends back to say that its
    author saw this cart.
    """

    subject: str
    version: int
    base_version: int
    cart_number: int
    cause: Cause
    currency: str | None
    lines: tuple[CartLine, ...]
    upserted: tuple[CartLine, ...]
    removed: tuple[CartLineKey, ...]
    conflicts: tuple[CartConflict, ...]
    closed_order: str | None
    observed: bytes


class LastTouchSynced(Struct, frozen=True, gc=False):
    """A customer's first and last touch, and the last one of each channel."""

    subject: str
    version: int
    base_version: int
    cause: Cause
    first: Touch
    last: Touch
    by_channel: tuple[Touch, ...]


class ProfileSynced(Struct, frozen=True, gc=False):
    """A customer's traits; ``changed`` names those that the cause changed."""

    subject: str
    version: int
    base_version: int
    cause: Cause
    traits: tuple[ProfileTrait, ...]
    changed: tuple[str, ...]


class InteractionsSynced(Struct, frozen=True, gc=False):
    """The latest interactions of a customer, in order of time."""

    subject: str
    version: int
    base_version: int
    cause: Cause
    interactions: tuple[Interaction, ...]


class OrderSynced(Struct, frozen=True, gc=False):
    """An order, as it was placed."""

    subject: str
    version: int
    base_version: int
    cause: Cause
    order_id: str
    event_id: str
    placed_at: int
    channel: str
    source: str
    lines: tuple[OrderLine, ...]
    total: Money
    campaign: Campaign | None = None


class ConsentSynced(Struct, frozen=True, gc=False):
    """A customer's consents and contact preferences, each the latest word, with its event.

    Whether a contact is allowed does not follow from these alone: ask `ccstream.rules`.
    """

    subject: str
    version: int
    base_version: int
    cause: Cause
    consents: tuple[Consent, ...]
    channels: tuple[StatedContactChoice, ...]
    quiet_hours: StatedQuietHours | None = None
    language: StatedLanguage | None = None
    calls_at_any_time: StatedFlag | None = None
    objects_to_marketing: StatedFlag | None = None


class CartAbandoned(Struct, frozen=True, gc=False):
    """A cart in which something is left and nothing has happened since ``idle_since``.

    ``event_id`` names the fact: who acts on it does so once for each. ``version`` is that of the
    `CartSynced` that showed the cart. Whether the customer may be contacted is another question.
    """

    subject: str
    version: int
    event_id: str
    occurred_at: int
    cart_number: int
    idle_since: int
    currency: str | None
    lines: tuple[CartLine, ...]


class AliasSynced(Struct, frozen=True, gc=False):
    """Whom an identifier belongs to: the account ``root``, empty if none, ``since`` then."""

    subject: str
    version: int
    base_version: int
    cause: Cause
    root: str
    since: int


class ProfileMerged(Struct, frozen=True, gc=False):
    """The identifier ``subject`` is of another profile than before, whose root is ``root``.

    ``event_id`` names the fact: who acts on it does so once for each. ``version`` is that of the
    `AliasSynced` that said the same.
    """

    subject: str
    version: int
    event_id: str
    root: str
    former_root: str | None
    cause: Cause
    reason: str
    rule: str


class ProfileSplit(Struct, frozen=True, gc=False):
    """The identifier ``subject`` has left the profile of ``former_root``; its root is ``root``,
    itself if it is on its own. The rest is as in `ProfileMerged`.
    """

    subject: str
    version: int
    event_id: str
    root: str
    former_root: str
    cause: Cause
    reason: str
    rule: str


class IdentityConflictFound(Struct, frozen=True, gc=False):
    """``link`` is passed over: it would join two accounts, or what is never to go together.

    ``in_the_way`` are the links, all of them surer, by which its ends belong to these;
    ``kept_apart_by`` is the event that keeps a pair of them apart, None where it is two accounts.
    """

    subject: str
    version: int
    event_id: str
    link: IdentityLink
    one_root: str
    other_root: str
    in_the_way: tuple[IdentityLink, ...]
    kept_apart_by: str | None
    cause: Cause
    reason: str


class Removed(Struct, frozen=True, gc=False):
    """There is no such row, or no more: a tombstone."""


class Unreadable(Struct, frozen=True, gc=False):
    """A record that this version of ccstream cannot read; see ``reasons`` for ``reason``."""

    reason: str
    detail: str


SyncRecord = (
    CartSynced
    | CartAbandoned
    | LastTouchSynced
    | ProfileSynced
    | OrderSynced
    | ConsentSynced
    | AliasSynced
    | InteractionsSynced
    | ProfileMerged
    | ProfileSplit
    | IdentityConflictFound
    | Removed
    | Unreadable
)


class Change(Struct, frozen=True, gc=False):
    """One record of a sync topic.

    ``table`` is carts, touches, profiles, orders, consents, aliases or interactions, or signals or
    identity; ``key`` that of the row (an order's is ``subject#order_id``), a fact's is its subject.
    ``appended_at`` is when the broker took the record.
    """

    table: str
    key: str
    record: SyncRecord
    topic: str
    partition: int
    offset: int
    appended_at: int

    @property
    def subject(self) -> str:
        """Whose row it is."""
        return self.key.partition("#")[0]


class Gap(Struct, frozen=True, gc=False):
    """Records were deleted before they were read: ``first`` to ``resumed_at - 1`` are missing.

    With ``renewed`` the topic itself was made anew and its offsets mean other records.
    """

    topic: str
    partition: int
    first: int
    resumed_at: int
    renewed: bool
