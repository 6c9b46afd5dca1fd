"""Another master key: every data key is wrapped anew and published, none is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from msgspec import Struct

from ccstream.client.known_keys import KEYS
from ccstream.client.publisher import ChannelPublisher
from ccstream.domain.events import Event, PersonalKeyProvided
from ccstream.domain.personal_keys import PersonalKey, PersonalKeys
from ccstream.errors import PersonalKeyError, TopicMismatchError
from ccstream.ops.broker import Broker
from ccstream.ops.latest_rows import latest_states
from ccstream.ops.settings import Settings
from ccstream.ops.vault import Vault
from ccstream.wire.catalogue import changelog_topic

__all__ = ["Rotated", "rotate"]


class Rotated(Struct, frozen=True):
    """What came of it: how many keys there are, were wrapped anew, and cannot be unwrapped."""

    master_id: str
    known: int
    wrapped: int
    failed: int
    trouble: str | None


def rotate(settings: Settings, channel: str, progress: Callable[[str], None]) -> Rotated:
    """Wrap all keys under the master key that is set.

    Args:
        settings: which cluster, and the master keys.
        channel: the channel whose topic they are published on.
        progress: called with a line before the keys are read.

    Raises:
        SettingsError: there is no master key.
        TopicMismatchError: the topic of keys is missing.
        StateError: a row of it cannot be read.
        DeliveryError: not all were stored; to repeat it does no harm.
    """
    vault = Vault.required(settings)
    rows = _read(settings, progress)
    keys = [(row, key) for row, held in rows.items() for key in held]
    old = [(row, key) for row, key in keys if key.master_id != vault.master_id]
    failures: list[PersonalKeyError] = []

    def wrapped(publisher: ChannelPublisher) -> Iterator[Event]:
        for row, key in old:
            try:
                anew = vault.wrapped_anew(key.key_id, key.entity, key.master_id, key.wrapped)
            except PersonalKeyError as problem:
                failures.append(problem)
                continue
            yield publisher.event(
                PersonalKeyProvided,
                row,
                key_id=key.key_id,
                master_id=vault.master_id,
                wrapped=anew,
                entity=key.entity,
            )

    async def publish() -> int:
        plain = settings.model_copy(
            update={"privacy": settings.privacy.model_copy(update={"personal_fields": "plain"})}
        )  # there is nothing to encrypt in what is published, so no keys to follow
        async with ChannelPublisher(channel=channel, source="privacy", settings=plain) as publisher:
            return await publisher.publish_many(wrapped(publisher))

    count = asyncio.run(publish()) if old else 0
    trouble = str(failures[0]) if failures else None
    return Rotated(vault.master_id, len(keys), count, len(failures), trouble)


def _read(
    settings: Settings, progress: Callable[[str], None]
) -> dict[str, tuple[PersonalKey, ...]]:
    topic = changelog_topic(settings.app_id, KEYS)
    found = Broker(settings).cluster().topics.get(topic)
    if found is None:
        raise TopicMismatchError(
            f"there is no topic {topic} at {settings.kafka.bootstrap}: is app_id right, and has "
            "`ccstream topics apply` been run?"
        )
    states: dict[str, PersonalKeys] = latest_states(
        settings, KEYS, range(found.partitions), lambda *_: True, progress
    )
    return {row: state.keys for row, state in states.items()}
