"""Which class a record of the topics that readers follow is read as."""

from __future__ import annotations

from msgspec import Struct

from ccstream.client.records import (
    AliasSynced,
    Campaign,
    CartAbandoned,
    CartConflict,
    CartLine,
    CartLineKey,
    CartQuantitySetting,
    CartSynced,
    Cause,
    Consent,
    ConsentProof,
    ConsentSynced,
    IdentityConflictFound,
    IdentityLink,
    LastTouchSynced,
    Money,
    OrderLine,
    OrderSynced,
    ProfileMerged,
    ProfileSplit,
    ProfileSynced,
    ProfileTrait,
    QuietHours,
    StatedContactChoice,
    StatedFlag,
    StatedLanguage,
    StatedQuietHours,
    Touch,
    TraitValue,
)

__all__ = ["RECORD_CLASSES"]

RECORD_CLASSES: dict[str, type[Struct]] = {
    "ccstream.cart.v1.CartConflict": CartConflict,
    "ccstream.cart.v1.CartLine": CartLine,
    "ccstream.cart.v1.CartLineKey": CartLineKey,
    "ccstream.cart.v1.CartQuantitySetting": CartQuantitySetting,
    "ccstream.cart.v1.CartSynced": CartSynced,
    "ccstream.common.v1.Campaign": Campaign,
    "ccstream.common.v1.Cause": Cause,
    "ccstream.common.v1.Money": Money,
    "ccstream.consent.v1.Consent": Consent,
    "ccstream.consent.v1.ConsentProof": ConsentProof,
    "ccstream.consent.v1.ConsentSynced": ConsentSynced,
    "ccstream.consent.v1.QuietHours": QuietHours,
    "ccstream.consent.v1.StatedContactChoice": StatedContactChoice,
    "ccstream.consent.v1.StatedFlag": StatedFlag,
    "ccstream.consent.v1.StatedLanguage": StatedLanguage,
    "ccstream.consent.v1.StatedQuietHours": StatedQuietHours,
    "ccstream.identity.v1.AliasSynced": AliasSynced,
    "ccstream.identity.v1.IdentityConflictFound": IdentityConflictFound,
    "ccstream.identity.v1.IdentityLink": IdentityLink,
    "ccstream.identity.v1.ProfileMerged": ProfileMerged,
    "ccstream.identity.v1.ProfileSplit": ProfileSplit,
    "ccstream.order.v1.OrderLine": OrderLine,
    "ccstream.order.v1.OrderSynced": OrderSynced,
    "ccstream.profile.v1.ProfileSynced": ProfileSynced,
    "ccstream.profile.v1.ProfileTrait": ProfileTrait,
    "ccstream.profile.v1.TraitValue": TraitValue,
    "ccstream.signal.v1.CartAbandoned": CartAbandoned,
    "ccstream.touch.v1.LastTouchSynced": LastTouchSynced,
    "ccstream.touch.v1.Touch": Touch,
}
"""The class of each record by the full name of its schema."""
