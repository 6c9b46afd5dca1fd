"""The SDK: publish a channel's events, follow what became of them.

See ``docs/sdk.md``. Everything that a channel or an app needs is here; what is in the
modules below may change.
"""

from __future__ import annotations

from ccstream.client.outbox import Parked
from ccstream.client.position import Position
from ccstream.client.publisher import ChannelPublisher
from ccstream.client.records import (
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
    "ContactPreferencesChanged",
    "Gap",
    "IdentifiersLinked",
    "InteractionLogged",
    "LastTouchSynced",
    "MessageOpened",
    "Money",
    "OrderLine",
    "OrderPlaced",
    "OrderSynced",
    "Parked",
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
