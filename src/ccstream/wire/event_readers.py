"""Readers of today's events, one function a schema.

Made from ``schemas/events`` by ``make generate``; not to be edited. They stand in a module so
that they can be compiled with the rest of the hot path; `reader` says what they promise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

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
    ErasureRequested,
    Event,
    IdentifierUnlinked,
    IdentifiersLinked,
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
    QuietHours,
    Trait,
)
from ccstream.wire.varint import Malformed, long, long_length

__all__ = ["EVENT_READERS"]


def _0_CartItemAdded(b: bytes, p: int) -> CartItemAdded:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v25 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v26 = (n >> 1) ^ -(n & 1)
    else: v26, p = long(b, p - 1)
    v27: None | Money
    n = b[p]; p += 1
    if n == 2:
        n = b[p]; p += 1
        if n < 128: v28 = (n >> 1) ^ -(n & 1)
        else: v28, p = long(b, p - 1)
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v29 = b[p:q].decode(); p = q
        v30 = Money(amount_minor=v28, currency=v29)
        v27 = v30
    elif n == 0:
        v27 = None
    else: raise Malformed('a union index that does not exist')
    v32: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v33 = b[p:q].decode(); p = q
        v32 = v33
    elif n == 0:
        v32 = None
    else: raise Malformed('a union index that does not exist')
    v35 = CartItemAdded(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, sku=v22, options_hash=v23, fulfilment=v24, store=v25, quantity=v26, unit_price=v27, name=v32)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v35


def _1_CartItemRemoved(b: bytes, p: int) -> CartItemRemoved:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v25 = b[p:q].decode(); p = q
    v26: list[str] = []
    while b[p]:
        v27, p = long(b, p)
        if v27 < 0:
            v27 = -v27; n, p = long_length(b, p)
        if v27 > len(b) - p: raise IndexError('cut short')
        while v27:
            v27 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v28 = b[p:q].decode(); p = q
            v26.append(v28)
    p += 1
    v29 = CartItemRemoved(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, sku=v22, options_hash=v23, fulfilment=v24, store=v25, dots=tuple(v26))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v29


def _2_CartItemQuantitySet(b: bytes, p: int) -> CartItemQuantitySet:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v25 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v26 = (n >> 1) ^ -(n & 1)
    else: v26, p = long(b, p - 1)
    v27: None | Money
    n = b[p]; p += 1
    if n == 2:
        n = b[p]; p += 1
        if n < 128: v28 = (n >> 1) ^ -(n & 1)
        else: v28, p = long(b, p - 1)
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v29 = b[p:q].decode(); p = q
        v30 = Money(amount_minor=v28, currency=v29)
        v27 = v30
    elif n == 0:
        v27 = None
    else: raise Malformed('a union index that does not exist')
    v32: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v33 = b[p:q].decode(); p = q
        v32 = v33
    elif n == 0:
        v32 = None
    else: raise Malformed('a union index that does not exist')
    v35: list[str] = []
    while b[p]:
        v36, p = long(b, p)
        if v36 < 0:
            v36 = -v36; n, p = long_length(b, p)
        if v36 > len(b) - p: raise IndexError('cut short')
        while v36:
            v36 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v37 = b[p:q].decode(); p = q
            v35.append(v37)
    p += 1
    v38 = CartItemQuantitySet(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, sku=v22, options_hash=v23, fulfilment=v24, store=v25, quantity=v26, unit_price=v27, name=v32, dots=tuple(v35))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v38


def _3_CartCleared(b: bytes, p: int) -> CartCleared:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    v22: list[str] = []
    while b[p]:
        v23, p = long(b, p)
        if v23 < 0:
            v23 = -v23; n, p = long_length(b, p)
        if v23 > len(b) - p: raise IndexError('cut short')
        while v23:
            v23 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v24 = b[p:q].decode(); p = q
            v22.append(v24)
    p += 1
    v25 = CartCleared(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, dots=tuple(v22))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v25


def _4_OrderPlaced(b: bytes, p: int) -> OrderPlaced:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    v23: list[OrderLine] = []
    while b[p]:
        v24, p = long(b, p)
        if v24 < 0:
            v24 = -v24; n, p = long_length(b, p)
        if v24 > len(b) - p: raise IndexError('cut short')
        while v24:
            v24 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v25 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v26 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v27 = b[p:q].decode(); p = q
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v28 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n < 128: v29 = (n >> 1) ^ -(n & 1)
            else: v29, p = long(b, p - 1)
            n = b[p]; p += 1
            if n < 128: v30 = (n >> 1) ^ -(n & 1)
            else: v30, p = long(b, p - 1)
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v31 = b[p:q].decode(); p = q
            v32 = Money(amount_minor=v30, currency=v31)
            v33 = OrderLine(sku=v25, options_hash=v26, fulfilment=v27, store=v28, quantity=v29, amount=v32)
            v23.append(v33)
    p += 1
    n = b[p]; p += 1
    if n < 128: v34 = (n >> 1) ^ -(n & 1)
    else: v34, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v35 = b[p:q].decode(); p = q
    v36 = Money(amount_minor=v34, currency=v35)
    v37: list[str] = []
    while b[p]:
        v38, p = long(b, p)
        if v38 < 0:
            v38 = -v38; n, p = long_length(b, p)
        if v38 > len(b) - p: raise IndexError('cut short')
        while v38:
            v38 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v39 = b[p:q].decode(); p = q
            v37.append(v39)
    p += 1
    v40 = OrderPlaced(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, order_id=v22, lines=tuple(v23), total=v36, dots=tuple(v37))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v40


def _5_IdentifiersLinked(b: bytes, p: int) -> IdentifiersLinked:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    v22: list[str] = []
    while b[p]:
        v23, p = long(b, p)
        if v23 < 0:
            v23 = -v23; n, p = long_length(b, p)
        if v23 > len(b) - p: raise IndexError('cut short')
        while v23:
            v23 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v24 = b[p:q].decode(); p = q
            v22.append(v24)
    p += 1
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v25 = b[p:q].decode(); p = q
    v26 = IdentifiersLinked(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, identifiers=tuple(v22), reason=v25)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v26


def _6_IdentifierUnlinked(b: bytes, p: int) -> IdentifierUnlinked:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    v23: list[str] = []
    while b[p]:
        v24, p = long(b, p)
        if v24 < 0:
            v24 = -v24; n, p = long_length(b, p)
        if v24 > len(b) - p: raise IndexError('cut short')
        while v24:
            v24 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v25 = b[p:q].decode(); p = q
            v23.append(v25)
    p += 1
    n = b[p]; p += 1
    if n > 1: raise Malformed('a boolean that is neither')
    v26 = n == 1
    v27 = IdentifierUnlinked(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, reason=v22, identifiers=tuple(v23), never_again=v26)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v27


def _7_ProfileUpdated(b: bytes, p: int) -> ProfileUpdated:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    v22: list[Trait] = []
    while b[p]:
        v23, p = long(b, p)
        if v23 < 0:
            v23 = -v23; n, p = long_length(b, p)
        if v23 > len(b) - p: raise IndexError('cut short')
        while v23:
            v23 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v24 = b[p:q].decode(); p = q
            v25: None | str
            n = b[p]; p += 1
            if n == 2:
                n = b[p]
                if n & 0x81: n, p = long_length(b, p)
                else: n >>= 1; p += 1
                q = p + n; v26 = b[p:q].decode(); p = q
                v25 = v26
            elif n == 0:
                v25 = None
            else: raise Malformed('a union index that does not exist')
            n = b[p]; p += 1
            if n > 1: raise Malformed('a boolean that is neither')
            v28 = n == 1
            v29 = Trait(name=v24, value=v25, verified=v28)
            v22.append(v29)
    p += 1
    v30 = ProfileUpdated(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, traits=tuple(v22))
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v30


def _8_ChannelVisited(b: bytes, p: int) -> ChannelVisited:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    v22: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v23 = b[p:q].decode(); p = q
        v22 = v23
    elif n == 0:
        v22 = None
    else: raise Malformed('a union index that does not exist')
    v25: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v26 = b[p:q].decode(); p = q
        v25 = v26
    elif n == 0:
        v25 = None
    else: raise Malformed('a union index that does not exist')
    v28: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v29 = b[p:q].decode(); p = q
        v28 = v29
    elif n == 0:
        v28 = None
    else: raise Malformed('a union index that does not exist')
    v31 = ChannelVisited(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, medium=v22, referrer=v25, page=v28)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v31


def _9_ProductViewed(b: bytes, p: int) -> ProductViewed:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    v23 = ProductViewed(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, sku=v22)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v23


def _10_ProductTried(b: bytes, p: int) -> ProductTried:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    v24 = ProductTried(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, sku=v22, store=v23)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v24


def _11_CampaignClicked(b: bytes, p: int) -> CampaignClicked:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    v23: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v24 = b[p:q].decode(); p = q
        v23 = v24
    elif n == 0:
        v23 = None
    else: raise Malformed('a union index that does not exist')
    v26 = CampaignClicked(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, campaign_id=v22, link=v23)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v26


def _12_MessageOpened(b: bytes, p: int) -> MessageOpened:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    v23 = MessageOpened(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, message_id=v22)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v23


def _13_PostEngaged(b: bytes, p: int) -> PostEngaged:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    v25 = PostEngaged(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, network=v22, post_id=v23, action=v24)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v25


def _14_InteractionLogged(b: bytes, p: int) -> InteractionLogged:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    v25: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v26 = b[p:q].decode(); p = q
        v25 = v26
    elif n == 0:
        v25 = None
    else: raise Malformed('a union index that does not exist')
    v28: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v29 = b[p:q].decode(); p = q
        v28 = v29
    elif n == 0:
        v28 = None
    else: raise Malformed('a union index that does not exist')
    v31 = InteractionLogged(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, interaction_id=v22, kind=v23, topic=v24, intent=v25, outcome=v28)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v31


def _15_ConsentChanged(b: bytes, p: int) -> ConsentChanged:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v25 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v26 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v27 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v28 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v29 = (n >> 1) ^ -(n & 1)
    else: v29, p = long(b, p - 1)
    v30 = ConsentProof(form_version=v27, source_channel=v28, captured_at=v29)
    v31: None | int
    n = b[p]; p += 1
    if n == 2:
        n = b[p]; p += 1
        if n < 128: v32 = (n >> 1) ^ -(n & 1)
        else: v32, p = long(b, p - 1)
        v31 = v32
    elif n == 0:
        v31 = None
    else: raise Malformed('a union index that does not exist')
    v34 = ConsentChanged(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, contact_point=v22, contact_channel=v23, purpose=v24, status=v25, legal_basis=v26, proof=v30, valid_until=v31)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v34


def _16_ContactPreferencesChanged(b: bytes, p: int) -> ContactPreferencesChanged:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    v22: list[ContactChoice] = []
    while b[p]:
        v23, p = long(b, p)
        if v23 < 0:
            v23 = -v23; n, p = long_length(b, p)
        if v23 > len(b) - p: raise IndexError('cut short')
        while v23:
            v23 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v24 = b[p:q].decode(); p = q
            n = b[p]; p += 1
            if n > 1: raise Malformed('a boolean that is neither')
            v25 = n == 1
            v26 = ContactChoice(contact_channel=v24, opted_out=v25)
            v22.append(v26)
    p += 1
    v27: None | QuietHours
    n = b[p]; p += 1
    if n == 2:
        n = b[p]; p += 1
        if n < 128: v28 = (n >> 1) ^ -(n & 1)
        else: v28, p = long(b, p - 1)
        n = b[p]; p += 1
        if n < 128: v29 = (n >> 1) ^ -(n & 1)
        else: v29, p = long(b, p - 1)
        v30 = QuietHours(from_minute=v28, until_minute=v29)
        v27 = v30
    elif n == 0:
        v27 = None
    else: raise Malformed('a union index that does not exist')
    v32: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v33 = b[p:q].decode(); p = q
        v32 = v33
    elif n == 0:
        v32 = None
    else: raise Malformed('a union index that does not exist')
    v35: None | bool
    n = b[p]; p += 1
    if n == 2:
        n = b[p]; p += 1
        if n > 1: raise Malformed('a boolean that is neither')
        v36 = n == 1
        v35 = v36
    elif n == 0:
        v35 = None
    else: raise Malformed('a union index that does not exist')
    v38: None | bool
    n = b[p]; p += 1
    if n == 2:
        n = b[p]; p += 1
        if n > 1: raise Malformed('a boolean that is neither')
        v39 = n == 1
        v38 = v39
    elif n == 0:
        v38 = None
    else: raise Malformed('a union index that does not exist')
    v41 = ContactPreferencesChanged(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, channels=tuple(v22), quiet_hours=v27, language=v32, calls_at_any_time=v35, objects_to_marketing=v38)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v41


def _17_PersonalKeyProvided(b: bytes, p: int) -> PersonalKeyProvided:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v22 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v24 = b[p:q].decode(); p = q
    v25: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v26 = b[p:q].decode(); p = q
        v25 = v26
    elif n == 0:
        v25 = None
    else: raise Malformed('a union index that does not exist')
    v28 = PersonalKeyProvided(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, key_id=v22, master_id=v23, wrapped=v24, entity=v25)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v28


def _18_ErasureRequested(b: bytes, p: int) -> ErasureRequested:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    v22: list[str] = []
    while b[p]:
        v23, p = long(b, p)
        if v23 < 0:
            v23 = -v23; n, p = long_length(b, p)
        if v23 > len(b) - p: raise IndexError('cut short')
        while v23:
            v23 -= 1
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v24 = b[p:q].decode(); p = q
            v22.append(v24)
    p += 1
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v25 = b[p:q].decode(); p = q
    v26 = ErasureRequested(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, identifiers=tuple(v22), reason=v25)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v26


def _19_LegalHoldChanged(b: bytes, p: int) -> LegalHoldChanged:
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v1 = b[p:q].decode(); p = q
    n = b[p]; p += 1
    if n < 128: v2 = (n >> 1) ^ -(n & 1)
    else: v2, p = long(b, p - 1)
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v3 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v4 = b[p:q].decode(); p = q
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v5 = b[p:q].decode(); p = q
    v6: None | bytes
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v7 = b[p:q]; p = q
        v6 = v7
    elif n == 0:
        v6 = None
    else: raise Malformed('a union index that does not exist')
    v9: None | str
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v10 = b[p:q].decode(); p = q
        v9 = v10
    elif n == 0:
        v9 = None
    else: raise Malformed('a union index that does not exist')
    v12: None | Campaign
    n = b[p]; p += 1
    if n == 2:
        n = b[p]
        if n & 0x81: n, p = long_length(b, p)
        else: n >>= 1; p += 1
        q = p + n; v13 = b[p:q].decode(); p = q
        v14: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v15 = b[p:q].decode(); p = q
            v14 = v15
        elif n == 0:
            v14 = None
        else: raise Malformed('a union index that does not exist')
        v17: None | str
        n = b[p]; p += 1
        if n == 2:
            n = b[p]
            if n & 0x81: n, p = long_length(b, p)
            else: n >>= 1; p += 1
            q = p + n; v18 = b[p:q].decode(); p = q
            v17 = v18
        elif n == 0:
            v17 = None
        else: raise Malformed('a union index that does not exist')
        v20 = Campaign(id=v13, medium=v14, content=v17)
        v12 = v20
    elif n == 0:
        v12 = None
    else: raise Malformed('a union index that does not exist')
    n = b[p]; p += 1
    if n > 1: raise Malformed('a boolean that is neither')
    v22 = n == 1
    n = b[p]
    if n & 0x81: n, p = long_length(b, p)
    else: n >>= 1; p += 1
    q = p + n; v23 = b[p:q].decode(); p = q
    v24 = LegalHoldChanged(event_id=v1, occurred_at=v2, channel=v3, source=v4, subject=v5, observed=v6, session_id=v9, campaign=v12, held=v22, reason=v23)
    if p > len(b): raise IndexError('cut short')
    if p < len(b): raise Malformed('bytes are left after the record')
    return v24


EVENT_READERS: Final[dict[str, Callable[[bytes, int], Event]]] = {
    "ccstream.cart.v1.CartItemAdded": _0_CartItemAdded,
    "ccstream.cart.v1.CartItemRemoved": _1_CartItemRemoved,
    "ccstream.cart.v1.CartItemQuantitySet": _2_CartItemQuantitySet,
    "ccstream.cart.v1.CartCleared": _3_CartCleared,
    "ccstream.order.v1.OrderPlaced": _4_OrderPlaced,
    "ccstream.identity.v1.IdentifiersLinked": _5_IdentifiersLinked,
    "ccstream.identity.v1.IdentifierUnlinked": _6_IdentifierUnlinked,
    "ccstream.profile.v1.ProfileUpdated": _7_ProfileUpdated,
    "ccstream.touch.v1.ChannelVisited": _8_ChannelVisited,
    "ccstream.touch.v1.ProductViewed": _9_ProductViewed,
    "ccstream.touch.v1.ProductTried": _10_ProductTried,
    "ccstream.touch.v1.CampaignClicked": _11_CampaignClicked,
    "ccstream.touch.v1.MessageOpened": _12_MessageOpened,
    "ccstream.touch.v1.PostEngaged": _13_PostEngaged,
    "ccstream.service.v1.InteractionLogged": _14_InteractionLogged,
    "ccstream.consent.v1.ConsentChanged": _15_ConsentChanged,
    "ccstream.consent.v1.ContactPreferencesChanged": _16_ContactPreferencesChanged,
    "ccstream.privacy.v1.PersonalKeyProvided": _17_PersonalKeyProvided,
    "ccstream.privacy.v1.ErasureRequested": _18_ErasureRequested,
    "ccstream.privacy.v1.LegalHoldChanged": _19_LegalHoldChanged,
}
"""By the full name of the schema."""
