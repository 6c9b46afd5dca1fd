"""The SDK: publish a channel's events, follow what became of them.

See ``docs/sdk.md``. Everything that a channel or an app needs is here; what is in the
modules below may change.
"""

from __future__ import annotations

from ccstream.client.contact_points import ContactPoints
from ccstream.client.outbox import Parked
from ccstream.client.personal_reader import PersonalReader
from ccstream.client.position import Position
from ccstream.client.publisher import ChannelPublisher
from ccstream.client.records import (
    AliasSynced,
    CartAbandoned,
    CartConflict,
    CartLine,
    CartLineKey,
    CartSynced,
    Cause,
    Change,
    Consent,
    ConsentSynced,
    Gap,
    LastTouchSynced,
    OrderSynced,
    ProfileSynced,
    Removed,
    Touch,
    Unreadable,
)
from ccstream.client.subscriber import SyncReader, SyncSubscriber
from ccstream.client.view import SyncView
from ccstream.domain.events import (
    Campaign,
    CampaignClicked,
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    ConsentChanged,
    ConsentProof,
    ContactChoice,
    ContactPreferencesChanged,
    IdentifiersLinked,
    IdentifierUnlinked,
    InteractionLogged,
    MessageOpened,
    Money,
    OrderLine,
    OrderPlaced,
    PostEngaged,
    ProductTried,
    ProductViewed,
    ProfileUpdated,
    QuietHours,
    Trait,
)

__all__ = [
    "AliasSynced",
    "Campaign",
    "CampaignClicked",
    "CartAbandoned",
    "CartCleared",
    "CartConflict",
    "CartItemAdded",
    "CartItemQuantitySet",
    "CartItemRemoved",
    "CartLine",
    "CartLineKey",
    "CartSynced",
    "Cause",
    "Change",
    "ChannelPublisher",
    "ChannelVisited",
    "Consent",
    "ConsentChanged",
    "ConsentProof",
    "ConsentSynced",
    "ContactChoice",
    "ContactPoints",
    "ContactPreferencesChanged",
    "Gap",
    "IdentifierUnlinked",
    "IdentifiersLinked",
    "InteractionLogged",
    "LastTouchSynced",
    "MessageOpened",
    "Money",
    "OrderLine",
    "OrderPlaced",
    "OrderSynced",
    "Parked",
    "PersonalReader",
    "Position",
    "PostEngaged",
    "ProductTried",
    "ProductViewed",
    "ProfileSynced",
    "ProfileUpdated",
    "QuietHours",
    "Removed",
    "SyncReader",
    "SyncSubscriber",
    "SyncView",
    "Touch",
    "Trait",
    "Unreadable",
]
