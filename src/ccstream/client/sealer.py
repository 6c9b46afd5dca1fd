"""Encrypts an event's personal fields before it leaves, and says which keys have to go before it.

The key of an entity is that which the log has first. Where it has none, or this process cannot see
the log (an outbox without Kafka), one is made and published before the event, on its topic and in
its partition, so that a worker knows it first. It is published again while the log does not show
it, in case its record was rejected.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

from ccstream.client.known_keys import KnownKeys
from ccstream.domain.events import Event
from ccstream.domain.personal_keys import PersonalKey
from ccstream.errors import PersonalKeyError
from ccstream.ops.keyring import KeyRing
from ccstream.ops.settings import Settings
from ccstream.ops.vault import DataKey, Vault
from ccstream.wire.personal import is_ciphertext, personal_fields, with_personal

__all__ = ["NewKey", "Sealer"]

CACHED_MAX: Final = 10_000
"""Unwrapped keys, 1 KB each. To unwrap one again takes microseconds, or a question to a KMS."""

AGAIN_S: Final = 60.0
"""A key that the log does not show by then is published once more: a fold takes milliseconds."""

E = TypeVar("E", bound=Event)


class NewKey(NamedTuple):
    """A key that is to be published before the event."""

    key_id: str
    master_id: str
    wrapped: str


class _Held(NamedTuple):
    key: DataKey
    new: NewKey | None  # None once it is known to be in the log
    published_at: float


class Sealer:
    """Encrypts for one process.

    Args:
        vault: the master keys.
        known: the keys that the log has.
    """

    def __init__(self, vault: Vault, known: KnownKeys) -> None:
        self._vault = vault
        self.known = known
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._gone = 0

    @classmethod
    def of(cls, settings: Settings) -> Sealer | None:
        """One if personal fields are to be ciphertext.

        Raises:
            SettingsError: they are, and there is no master key.
        """
        if settings.privacy.personal_fields == "plain":
            return None
        return cls(Vault.required(settings), KnownKeys(settings))

    def ring(self, entity: str) -> KeyRing:
        """What reads an entity's personal fields again."""
        return KeyRing(self._vault, self.known.of(entity))

    def seal(self, event: E) -> tuple[E, NewKey | None]:
        """The event with ciphertext in its personal fields, and a key to publish before it.

        What is ciphertext already stays as it is.

        Raises:
            PersonalKeyError: the entity's key is wrapped under a master key that is not set here.
        """
        if not personal_fields(type(event)):
            return event, None
        found: list[_Held] = []

        def encrypt(text: str) -> str:
            if is_ciphertext(text):
                return text
            if not found:
                found.append(self._key(event.subject))
            return found[0].key.encrypt(text)

        sealed = with_personal(event, encrypt)
        if not found or found[0].new is None:
            return sealed, None
        held = found[0]
        now = time.monotonic()
        if held.published_at and now - held.published_at < AGAIN_S:
            return sealed, None
        self._held[event.subject] = held._replace(published_at=now)
        return sealed, held.new

    def _key(self, entity: str) -> _Held:
        if self._gone != self.known.gone:
            self._gone = self.known.gone
            self._held.clear()  # one of them may be of a person who was erased
        held = self._held.get(entity)
        if held is not None and held.new is None:
            self._held.move_to_end(entity)
            return held
        logged = next((key for key in self.known.of(entity) if key.entity == entity), None)
        if logged is not None:
            held = _Held(self._unwrapped(logged), None, 0.0)
        elif held is None:
            key, wrapped = self._vault.new_key(entity)
            held = _Held(key, NewKey(key.key_id, self._vault.master_id, wrapped), 0.0)
        self._held[entity] = held
        self._held.move_to_end(entity)
        if len(self._held) > CACHED_MAX:
            self._held.popitem(last=False)
        return held

    def _unwrapped(self, key: PersonalKey) -> DataKey:
        try:
            return self._vault.unwrap(key.key_id, key.entity, key.master_id, key.wrapped)
        except PersonalKeyError as problem:
            raise PersonalKeyError(
                f"{problem}; nothing is encrypted with another key meanwhile, lest half of a "
                "person be unreadable"
            ) from None
