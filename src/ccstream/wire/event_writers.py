"""Writers of today's events, one function a schema.

Made from ``schemas/events`` by ``make generate``; not to be edited. They stand in a module so
that they can be compiled with the rest of the hot path; `writer` says what they promise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ccstream.domain.events import (
    CampaignClicked,
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    ChannelVisited,
    ConsentChanged,
    ContactPreferencesChanged,
    ErasureRequested,
    IdentifierUnlinked,
    IdentifiersLinked,
    InteractionLogged,
    LegalHoldChanged,
    MessageOpened,
    OrderPlaced,
    PersonalKeyProvided,
    PostEngaged,
    ProductTried,
    ProductViewed,
    ProfileUpdated,
)
from ccstream.wire.primitives import BytesWriter, put_long

__all__ = ["EVENT_WRITERS"]


def _0_CartItemAdded(prefix: bytes, r: CartItemAdded) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.sku.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.options_hash.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.fulfilment.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.store.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.quantity
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    v6 = r.unit_price
    if v6 is None: out.append(0)
    else:
        out.append(2)
        n = v6.amount_minor
        if 0 <= n < 64: out.append(n << 1)
        else: put_long(out, n | 0)
        s = v6.currency.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v7 = r.name
    if v7 is None: out.append(0)
    else:
        out.append(2)
        s = v7.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    return out.getvalue()


def _1_CartItemRemoved(prefix: bytes, r: CartItemRemoved) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.sku.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.options_hash.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.fulfilment.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.store.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v6: Any = r.dots
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    return out.getvalue()


def _2_CartItemQuantitySet(prefix: bytes, r: CartItemQuantitySet) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.sku.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.options_hash.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.fulfilment.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.store.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.quantity
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    v6 = r.unit_price
    if v6 is None: out.append(0)
    else:
        out.append(2)
        n = v6.amount_minor
        if 0 <= n < 64: out.append(n << 1)
        else: put_long(out, n | 0)
        s = v6.currency.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v7 = r.name
    if v7 is None: out.append(0)
    else:
        out.append(2)
        s = v7.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v8: Any = r.dots
    if v8.__class__ is str: raise TypeError('a list, not a text')
    if v8:
        put_long(out, len(v8))
        for v9 in v8:
            s = v9.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    return out.getvalue()


def _3_CartCleared(prefix: bytes, r: CartCleared) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    v6: Any = r.dots
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    return out.getvalue()


def _4_OrderPlaced(prefix: bytes, r: OrderPlaced) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.order_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v6: Any = r.lines
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.sku.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
            s = v7.options_hash.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
            s = v7.fulfilment.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
            s = v7.store.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
            n = v7.quantity
            if 0 <= n < 64: out.append(n << 1)
            else: put_long(out, n | 0)
            n = v7.amount.amount_minor
            if 0 <= n < 64: out.append(n << 1)
            else: put_long(out, n | 0)
            s = v7.amount.currency.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    n = r.total.amount_minor
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.total.currency.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v8: Any = r.dots
    if v8.__class__ is str: raise TypeError('a list, not a text')
    if v8:
        put_long(out, len(v8))
        for v9 in v8:
            s = v9.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    return out.getvalue()


def _5_IdentifiersLinked(prefix: bytes, r: IdentifiersLinked) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    v6: Any = r.identifiers
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    s = r.reason.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


def _6_IdentifierUnlinked(prefix: bytes, r: IdentifierUnlinked) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.reason.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v6: Any = r.identifiers
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    out.append(1 if r.never_again else 0)
    return out.getvalue()


def _7_ProfileUpdated(prefix: bytes, r: ProfileUpdated) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    v6: Any = r.traits
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.name.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
            v8 = v7.value
            if v8 is None: out.append(0)
            else:
                out.append(2)
                s = v8.encode(); n = len(s)
                if n < 64: out.append(n << 1)
                else: put_long(out, n)
                out.write(s)
            out.append(1 if v7.verified else 0)
    out.append(0)
    return out.getvalue()


def _8_ChannelVisited(prefix: bytes, r: ChannelVisited) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    v6 = r.medium
    if v6 is None: out.append(0)
    else:
        out.append(2)
        s = v6.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v7 = r.referrer
    if v7 is None: out.append(0)
    else:
        out.append(2)
        s = v7.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v8 = r.page
    if v8 is None: out.append(0)
    else:
        out.append(2)
        s = v8.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    return out.getvalue()


def _9_ProductViewed(prefix: bytes, r: ProductViewed) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.sku.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


def _10_ProductTried(prefix: bytes, r: ProductTried) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.sku.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.store.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


def _11_CampaignClicked(prefix: bytes, r: CampaignClicked) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.campaign_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v6 = r.link
    if v6 is None: out.append(0)
    else:
        out.append(2)
        s = v6.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    return out.getvalue()


def _12_MessageOpened(prefix: bytes, r: MessageOpened) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.message_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


def _13_PostEngaged(prefix: bytes, r: PostEngaged) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.network.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.post_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.action.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


def _14_InteractionLogged(prefix: bytes, r: InteractionLogged) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.interaction_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.kind.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.topic.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v6 = r.intent
    if v6 is None: out.append(0)
    else:
        out.append(2)
        s = v6.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v7 = r.outcome
    if v7 is None: out.append(0)
    else:
        out.append(2)
        s = v7.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    return out.getvalue()


def _15_ConsentChanged(prefix: bytes, r: ConsentChanged) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.contact_point.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.contact_channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.purpose.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.status.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.legal_basis.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.proof.form_version.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.proof.source_channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.proof.captured_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    v6 = r.valid_until
    if v6 is None: out.append(0)
    else:
        out.append(2)
        n = v6
        if 0 <= n < 64: out.append(n << 1)
        else: put_long(out, n | 0)
    return out.getvalue()


def _16_ContactPreferencesChanged(prefix: bytes, r: ContactPreferencesChanged) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    v6: Any = r.channels
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.contact_channel.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
            out.append(1 if v7.opted_out else 0)
    out.append(0)
    v8 = r.quiet_hours
    if v8 is None: out.append(0)
    else:
        out.append(2)
        n = v8.from_minute
        if 0 <= n < 64: out.append(n << 1)
        else: put_long(out, n | 0)
        n = v8.until_minute
        if 0 <= n < 64: out.append(n << 1)
        else: put_long(out, n | 0)
    v9 = r.language
    if v9 is None: out.append(0)
    else:
        out.append(2)
        s = v9.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v10 = r.calls_at_any_time
    if v10 is None: out.append(0)
    else:
        out.append(2)
        out.append(1 if v10 else 0)
    v11 = r.objects_to_marketing
    if v11 is None: out.append(0)
    else:
        out.append(2)
        out.append(1 if v11 else 0)
    return out.getvalue()


def _17_PersonalKeyProvided(prefix: bytes, r: PersonalKeyProvided) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    s = r.key_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.master_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.wrapped.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v6 = r.entity
    if v6 is None: out.append(0)
    else:
        out.append(2)
        s = v6.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    return out.getvalue()


def _18_ErasureRequested(prefix: bytes, r: ErasureRequested) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    v6: Any = r.identifiers
    if v6.__class__ is str: raise TypeError('a list, not a text')
    if v6:
        put_long(out, len(v6))
        for v7 in v6:
            s = v7.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(0)
    s = r.reason.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


def _19_LegalHoldChanged(prefix: bytes, r: LegalHoldChanged) -> bytes:
    out = BytesWriter()
    out.write(prefix)
    s = r.event_id.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    n = r.occurred_at
    if 0 <= n < 64: out.append(n << 1)
    else: put_long(out, n | 0)
    s = r.channel.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.source.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    s = r.subject.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    v1 = r.observed
    if v1 is None: out.append(0)
    else:
        out.append(2)
        s = bytes(memoryview(v1)); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v2 = r.session_id
    if v2 is None: out.append(0)
    else:
        out.append(2)
        s = v2.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
    v3 = r.campaign
    if v3 is None: out.append(0)
    else:
        out.append(2)
        s = v3.id.encode(); n = len(s)
        if n < 64: out.append(n << 1)
        else: put_long(out, n)
        out.write(s)
        v4 = v3.medium
        if v4 is None: out.append(0)
        else:
            out.append(2)
            s = v4.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
        v5 = v3.content
        if v5 is None: out.append(0)
        else:
            out.append(2)
            s = v5.encode(); n = len(s)
            if n < 64: out.append(n << 1)
            else: put_long(out, n)
            out.write(s)
    out.append(1 if r.held else 0)
    s = r.reason.encode(); n = len(s)
    if n < 64: out.append(n << 1)
    else: put_long(out, n)
    out.write(s)
    return out.getvalue()


EVENT_WRITERS: Final[dict[str, Callable[[bytes, Any], bytes]]] = {
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
"""By the full name of the schema: ``write(prefix, event)``."""
