"""What a heartbeat is made of: events of nobody, which change nothing and come back all the same.

A beat is the same few events for every channel. Each has the same id at every beat: the first is
folded, its successors are duplicates, whose rows are published like those of any duplicate. So a
beat goes the whole way, and neither rows nor windows grow with them.

Their subjects are of the namespace ``heartbeat:``, one for each partition. Readers of the SDK are
not shown them, publishers of the SDK may not use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from ccstream.domain.events import (
    CartItemQuantitySet,
    ConsentChanged,
    ConsentProof,
    Event,
    InteractionLogged,
    Money,
    OrderLine,
    OrderPlaced,
    ProfileUpdated,
    Trait,
)
from ccstream.wire.catalogue import AGGREGATES, HEARTBEAT_NAMESPACE, SYNC_TOPICS
from ccstream.wire.partition import partition_for

__all__ = ["SOURCE", "beat", "comes_back", "subject_in"]

SOURCE: Final = "heartbeat"

_NOBODY: Final = "0" * 64
_NOTHING: Final = Money(0, "EUR")


def subject_in(partition: int, partitions: int) -> str:
    """The subject of heartbeats whose home is this partition."""
    for number in count():
        subject = f"{HEARTBEAT_NAMESPACE}{partition}-{number}"
        if partition_for(subject.encode(), partitions) == partition:
            return subject
    raise AssertionError


def beat(channel: str, subject: str, now_ms: int) -> tuple[Event, ...]:
    """The events of one channel. Together they address every sync topic but that of aliases.

    A beat that links identifiers would make mail between two entities, and of nobody an account.
    The basket gets an article other than the order's, so that it is never empty: of a row that is
    not there only a tombstone comes back, which does not say for which event.
    """
    common: dict[str, Any] = {
        "occurred_at": now_ms,
        "channel": channel,
        "source": SOURCE,
        "subject": subject,
    }
    return (
        OrderPlaced(
            event_id="heartbeat/order",
            order_id="heartbeat",
            lines=(OrderLine(sku="heartbeat-order", quantity=1, amount=_NOTHING),),
            total=_NOTHING,
            **common,
        ),
        CartItemQuantitySet(event_id="heartbeat/cart", sku="heartbeat-cart", quantity=1, **common),
        ProfileUpdated(event_id="heartbeat/profile", traits=(Trait("heartbeat", "1"),), **common),
        ConsentChanged(
            event_id="heartbeat/consent",
            contact_point=_NOBODY,
            contact_channel="email",
            purpose="heartbeat",
            status="withdrawn",
            proof=ConsentProof("heartbeat", channel, now_ms),
            **common,
        ),
        InteractionLogged(
            event_id="heartbeat/interaction",
            interaction_id="heartbeat",
            kind="heartbeat",
            topic="heartbeat",
            **common,
        ),
    )


def comes_back(channels: Sequence[str]) -> set[tuple[str, str]]:
    """What is waited for after a beat: each channel's word on each table that it addresses."""
    events = beat("", f"{HEARTBEAT_NAMESPACE}0", 0)
    tables = {table for event in events for table in AGGREGATES[type(event).__name__]}
    return {(channel, table) for channel in channels for table in tables & SYNC_TOPICS.keys()}
