"""Events for tests: one hand-written of each type, and strategies for arbitrary ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
    QuietHours,
    Trait,
)
from ccstream.wire.catalogue import EVENTS, RECORDS
from ccstream.wire.schemas import schema

__all__ = ["NOW", "SAMPLES", "any_event", "with_fields"]

NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""


def _meta(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"0190f1f2-aaaa-7bbb-8ccc-{number:012d}",
        "occurred_at": NOW,
        "channel": "web",
        "source": "shop-1",
        "subject": "customer:42",
        **more,
    }


SAMPLES: tuple[Event, ...] = (
    CartItemAdded(
        **_meta(1, session_id="s-1", observed=b"\x01token", campaign=Campaign("spring", "cpc")),
        sku="SHIRT",
        options_hash="blue-m",
        fulfilment="collect",
        store="lyon",
        quantity=2,
        unit_price=Money(1999, "EUR"),
        name="A blue shirt, naïve ✓",
    ),
    CartItemRemoved(**_meta(2), sku="SHIRT", dots=("a", "b")),
    CartItemQuantitySet(**_meta(3), sku="SHIRT", quantity=0, dots=("a",)),
    CartCleared(**_meta(4), dots=()),
    OrderPlaced(
        **_meta(5),
        order_id="O-1",
        lines=(
            OrderLine(sku="SHIRT", quantity=2, amount=Money(3998, "EUR")),
            OrderLine(sku="BAG", quantity=0, amount=Money(10, "EUR")),
        ),
        total=Money(4008, "EUR"),
        dots=("a",),
    ),
    IdentifiersLinked(**_meta(6), identifiers=("visitor:9f3c", "customer:42")),
    ProfileUpdated(**_meta(7), traits=(Trait("language", "fr", True), Trait("size", None))),
    ChannelVisited(**_meta(8), medium="organic", referrer=None, page="/home"),
    ProductViewed(**_meta(9), sku="SHIRT"),
    ProductTried(**_meta(10), sku="SHIRT", store="lyon"),
    CampaignClicked(**_meta(11), campaign_id="spring", link="hero"),
    MessageOpened(**_meta(12), message_id="m-1"),
    PostEngaged(**_meta(13), network="instagram", post_id="p-1", action="like"),
    InteractionLogged(
        **_meta(14), interaction_id="i-1", kind="call", topic="delivery", intent="ask"
    ),
    ConsentChanged(
        **_meta(15),
        contact_point="5f" * 32,
        contact_channel="email",
        purpose="newsletter",
        status="granted",
        proof=ConsentProof("newsletter-3", "store", NOW - 5_000),
        valid_until=NOW + 1_000_000,
    ),
    ContactPreferencesChanged(
        **_meta(16),
        channels=(ContactChoice("sms", True), ContactChoice("email", False)),
        quiet_hours=QuietHours(1_320, 480),
        language="fr",
        objects_to_marketing=False,
    ),
    PersonalKeyProvided(
        **_meta(41), key_id="k" * 22, master_id="5f5f5f5f5f5f5f5f", wrapped="w" * 64
    ),
    ErasureRequested(**_meta(42), identifiers=("visitor:9f3c",)),
    LegalHoldChanged(**_meta(43), held=True, reason="file 7"),
    IdentifierUnlinked(**_meta(40), reason="log_out"),
    IdentifierUnlinked(**_meta(41), identifiers=("loyalty:7",), never_again=True),
)


def with_fields(event: Event, **changes: Any) -> Event:
    """The same event with some fields changed."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, **changes})


_LONGS = st.integers(-(2**63), 2**63 - 1)
_TEXTS = st.text(max_size=80)  # some longer than 63 bytes: their lengths take two


def _values(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, list):
        return st.one_of(*map(_values, kind))
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return st.lists(_values(kind["items"]), max_size=4).map(tuple)
        if kind["type"] == "record":
            fields = {f["name"]: _values(f["type"]) for f in kind["fields"]}
            return st.builds({**EVENTS, **RECORDS}[kind["name"]], **fields)
        return _values(kind["type"])
    if kind in RECORDS:
        return _values(schema(kind).parsed)
    return {
        "null": st.none(),
        "string": _TEXTS,
        "bytes": st.binary(max_size=80),
        "long": _LONGS,
        "boolean": st.booleans(),
    }[kind]


any_event: st.SearchStrategy[Event] = st.one_of(
    *(_values(schema(fullname).parsed) for fullname in EVENTS)
)
"""Events with arbitrary values of the right types."""
