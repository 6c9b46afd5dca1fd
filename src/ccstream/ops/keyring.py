"""Reads personal fields again, as far as their keys are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from msgspec import convert

from ccstream.domain.personal_keys import PersonalKey
from ccstream.errors import PersonalKeyError
from ccstream.ops.entity import Entity
from ccstream.ops.settings import Settings
from ccstream.ops.vault import Vault
from ccstream.wire.personal import key_id_of, opened

__all__ = ["KeyRing"]


class KeyRing:
    """The keys of one entity.

    Args:
        vault: the master keys; None where there are none, and nothing can be read.
        keys: the entity's.
    """

    def __init__(self, vault: Vault | None, keys: Iterable[PersonalKey]) -> None:
        self._vault = vault
        self._keys = {key.key_id: key for key in keys}
        self.unreadable = 0
        """Ciphertexts so far that could not be read."""
        self.trouble: PersonalKeyError | None = None
        """Why, of the last one whose key was there."""

    @classmethod
    def of(cls, settings: Settings, found: Entity) -> Self:
        """The keys in the rows of an entity, which have to have been read with the others."""
        keys = [key for row in found.rows["keys"] for key in row.value["keys"]]
        return cls(Vault.of(settings), convert(keys, list[PersonalKey]))

    @property
    def why(self) -> str:
        """Why ciphertexts could not be read, as far as that is known."""
        if self.trouble is not None:
            return str(self.trouble)
        if self._vault is None:
            return "privacy.master_key is not set"
        return "their keys are gone, or not there yet"

    def open(self, data: Any) -> Any:
        """Plain data or records with the values in place of ciphertext that can be read."""
        return opened(data, self._value)

    def _value(self, ciphertext: str) -> str:
        key = self._keys.get(key_id_of(ciphertext))
        if key is not None and self._vault is not None:
            try:
                found = self._vault.unwrap(key.key_id, key.entity, key.master_id, key.wrapped)
                return found.decrypt(ciphertext)
            except PersonalKeyError as problem:
                self.trouble = problem
        self.unreadable += 1
        return ciphertext
