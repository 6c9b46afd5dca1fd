"""Asking for a person to be erased, and what has come of it: requests, legal holds, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from ccstream.client.publisher import ChannelPublisher
from ccstream.domain.erasure import Erasure
from ccstream.domain.events import ErasureRequested, LegalHoldChanged
from ccstream.errors import TopicMismatchError
from ccstream.ops.broker import Broker
from ccstream.ops.entity import entity
from ccstream.ops.erasure_key import ErasureKey, is_signed
from ccstream.ops.latest_rows import each_row, latest_states, state_of
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from ccstream.wire.partition import partition_for

__all__ = [
    "Asked",
    "Receipt",
    "ask_to_erase",
    "ask_to_hold",
    "find_person",
    "is_held",
    "receipts",
]

SOURCE: Final = "privacy"
"""The source of events that are published here."""


class Asked(Struct, frozen=True):
    """Whom a request is about: the account, the aliases that go with it, and what is held."""

    key: str
    identifiers: tuple[str, ...]
    rows: int


class Receipt(Struct, frozen=True, kw_only=True):
    """One erasure. ``signed`` is None where there is no receipt, or no key to check it by."""

    person: str
    state: str
    held: bool
    request_id: str
    erased_at: int
    rows_deleted: int
    orders_kept: int
    identifiers_erased: int
    completed_at: int
    receipt: str
    signature: str
    signed: bool | None


def find_person(settings: Settings, key: str, progress: Callable[[str], None]) -> Asked:
    """Find the account that a key is, or belongs to, and all that are aliases of it now.

    Raises:
        TopicMismatchError: the application's changelogs are not there.
        StateError: a row cannot be read.
    """
    found = entity(settings, key, progress)
    named = found.key.encode()
    identifiers = tuple(
        name
        for name, alias in _rows(
            settings, "aliases", lambda _, value: named in value, progress
        ).items()
        if alias.root == found.key
    )
    return Asked(found.key, identifiers, sum(map(len, found.rows.values())))


def is_held(settings: Settings, key: str, progress: Callable[[str], None]) -> bool | None:
    """Whether a legal hold is in place; None where that cannot be found out.

    Args:
        settings: with ``privacy.erasure_key``, by which alone somebody is found.
        key: the account, or who is none's.
        progress: called with a line before the changelog is read, and where the key is another.

    Raises:
        TopicMismatchError: the application's changelogs are not there.
        StateError: a row cannot be read.
    """
    erasure_key = ErasureKey.of(settings)
    if erasure_key is None:
        progress("whether a legal hold is in place cannot be told without privacy.erasure_key")
        return None
    person = erasure_key.fingerprint(key).encode()
    held, key_id = False, erasure_key.id
    topic, partitions = _changelog(settings, "erasures")
    home = partition_for(key.encode(), partitions)
    for name, value in each_row(settings, topic, (home,), progress):
        row = None if value is None else state_of(settings, "erasures", value)
        if row is not None:
            key_id = row.key_id
        if name == person:
            held = row is not None and row.held
    if key_id != erasure_key.id:
        progress(
            "whether a legal hold is in place cannot be told: workers have another erasure_key"
        )
        return None
    return held


def ask_to_erase(settings: Settings, asked: Asked, channel: str, reason: str) -> str:
    """Publish the request; the id of its event.

    Raises:
        SettingsError: there is no such channel.
        DeliveryError: Kafka did not take it.
    """

    async def publish() -> str:
        async with _publisher(settings, channel) as publisher:
            event = publisher.event(
                ErasureRequested, asked.key, identifiers=asked.identifiers, reason=reason
            )
            await publisher.publish(event)
            return event.event_id

    return asyncio.run(publish())


def ask_to_hold(settings: Settings, key: str, channel: str, reason: str, *, held: bool) -> str:
    """Publish a legal hold, or its end; the id of its event. Raises as `ask_to_erase`."""

    async def publish() -> str:
        async with _publisher(settings, channel) as publisher:
            event = publisher.event(LegalHoldChanged, key, held=held, reason=reason)
            await publisher.publish(event)
            return event.event_id

    return asyncio.run(publish())


def receipts(
    settings: Settings, key: str | None, progress: Callable[[str], None]
) -> tuple[Receipt, ...]:
    """All erasures and legal holds, the latest last.

    Args:
        settings: which cluster; with ``privacy.erasure_key``, signatures are checked.
        key: of this person alone, which takes the erasure key.
        progress: called with a line before the changelog is read.

    Raises:
        TopicMismatchError: the application's changelogs are not there.
        StateError: a row cannot be read.
    """
    erasure_key = ErasureKey.of(settings)
    wanted = None if key is None or erasure_key is None else erasure_key.fingerprint(key)
    named = None if wanted is None else wanted.encode()
    rows = _rows(settings, "erasures", lambda name, _: named in (None, name), progress)
    found = [_receipt(person, row, erasure_key) for person, row in rows.items() if not row.part_of]
    return tuple(sorted(found, key=lambda one: (one.erased_at, one.person)))


def _receipt(person: str, row: Erasure, key: ErasureKey | None) -> Receipt:
    signed = None
    if row.receipt and key is not None:
        signed = is_signed(row.receipt, row.signature, key.public_key)
    return Receipt(
        person=person,
        state=row.state,
        held=row.held,
        request_id=row.request_id,
        erased_at=row.erased_at,
        rows_deleted=row.rows_deleted,
        orders_kept=row.orders_kept,
        identifiers_erased=row.identifiers_erased,
        completed_at=row.completed_at,
        receipt=row.receipt,
        signature=row.signature,
        signed=signed,
    )


def _publisher(settings: Settings, channel: str) -> ChannelPublisher:
    """Of events that have nothing personal in them, so that it needs no keys."""
    privacy = settings.privacy.model_copy(update={"personal_fields": "plain"})
    settings = settings.model_copy(update={"privacy": privacy})
    return ChannelPublisher(channel=channel, source=SOURCE, settings=settings)


def _rows(
    settings: Settings,
    table: str,
    wanted: Callable[[bytes, bytes], bool],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """The states of those rows of a table that are wanted, by key."""
    _, partitions = _changelog(settings, table)
    return latest_states(settings, table, range(partitions), wanted, progress)


def _changelog(settings: Settings, table: str) -> tuple[str, int]:
    """The topic of a table, and how many partitions it has."""
    topic = changelog_topic(settings.app_id, table)
    found = Broker(settings).cluster().topics.get(topic)
    if found is None:
        raise TopicMismatchError(
            f"there is no topic {topic} at {settings.kafka.bootstrap}: is app_id right, and has "
            "`ccstream topics apply` been run?"
        )
    return topic, found.partitions
