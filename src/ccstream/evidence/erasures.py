"""Asking for a person to be erased, and what has come of it: requests, legal holds, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Struct

from ccstream.client.publisher import ChannelPublisher
from ccstream.domain.erasure import Erasure
from ccstream.domain.events import ErasureRequested, LegalHoldChanged
from ccstream.errors import TopicMismatchError
from ccstream.ops.broker import Broker
from ccstream.ops.entity import entity
from ccstream.ops.erasure_key import ErasureKey, is_signed
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS

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
    identifiers = tuple(
        name
        for name, alias in _rows(settings, "aliases", progress).items()
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
    """
    erasure_key = ErasureKey.of(settings)
    if erasure_key is None:
        progress("whether a legal hold is in place cannot be told without privacy.erasure_key")
        return None
    person = erasure_key.fingerprint(key)
    held, key_id = False, erasure_key.id
    for name, row in _read(settings, "erasures", progress, of=key):
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
    """
    erasure_key = ErasureKey.of(settings)
    wanted = None if key is None or erasure_key is None else erasure_key.fingerprint(key)
    found = [
        _receipt(person, row, erasure_key)
        for person, row in _rows(settings, "erasures", progress).items()
        if not row.part_of and wanted in (None, person)
    ]
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


def _rows(settings: Settings, table: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """The states of all rows of a table, by key."""
    rows: dict[str, Any] = {}
    for name, state in _read(settings, table, progress):
        rows.pop(name, None)
        if state is not None:
            rows[name] = state
    return rows


def _read(
    settings: Settings, table: str, progress: Callable[[str], None], of: str | None = None
) -> Iterator[tuple[str, Any]]:
    """The states of a table's rows one after the other, None where one was deleted; those alone
    that are in the partition of a key, if one is given.
    """
    topic = changelog_topic(settings.app_id, table)
    found = Broker(settings).cluster().topics.get(topic)
    if found is None:
        raise TopicMismatchError(
            f"there is no topic {topic} at {settings.kafka.bootstrap}: is app_id right, and has "
            "`ccstream topics apply` been run?"
        )
    count = found.partitions
    numbers = range(count) if of is None else (partition_for(of.encode(), count),)
    progress(f"reading {topic}")
    with TopicReader(settings, topic, "read_committed", progress) as reader:
        starts = {number: reader.bounds(number).first for number in numbers}
        for batch in reader.read(starts):
            for message in batch:
                key: Any = message.key() or b""
                value: Any = message.value()
                decoded = None if value is None else ROW_CODECS[table].decode_row(value).state
                yield key.decode(), decoded
