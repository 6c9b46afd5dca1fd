"""Encrypts personal fields, and wraps the keys that they are encrypted with.

A *data key* belongs to one entity and is 64 random bytes. It is only ever stored *wrapped*, that
is, encrypted under a *master key*, which never is in Kafka: it comes from a file or the
environment, or stays in a key management system that is asked to wrap and unwrap.

Both are AES-SIV (RFC 5297), which needs no nonce: of one person the same value becomes the same
ciphertext. So a trait that is stated twice is one value of a union, and an event that is published
twice is the same bytes. What that tells is whether two values *of one person* are equal, and
nothing between two people. The wrapping is bound to entity and key id: a wrapped key cannot be
passed off as another's.
"""

from __future__ import annotations

import importlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ccstream.errors import PersonalKeyError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.wire.personal import ciphertext_of, sealed_part

__all__ = ["DataKey", "MasterKey", "SecretMasterKey", "Vault"]

_DATA_KEY_BYTES: Final = 64
"""AES-256-SIV."""
_KEY_ID_BYTES: Final = 16
_MASTER_ID_BYTES: Final = 8
_UNWRAPPED_MAX: Final = 10_000
"""Unwrapped keys that are kept, 1 KB each: to ask a key management system takes milliseconds."""
_CONTEXT: Final = b"ccstream personal v1"
"""Says what the bytes are for, so that none made for another purpose fits."""


class MasterKey(Protocol):
    """What wraps data keys. One for a key management system is ``privacy.kms``'s to make."""

    @property
    def id(self) -> str:
        """Names it, in each wrapped key; at most 200 characters, no secret."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Encrypt a key of 64 bytes, bound to the context."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key again; raises `PersonalKeyError` if key or context are others."""


class SecretMasterKey:
    """A master key made of a secret text.

    Args:
        secret: at least 32 characters.
    """

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(_derived(secret, b"wrap", _DATA_KEY_BYTES))
        self.id = _derived(secret, b"id", _MASTER_ID_BYTES).hex()

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See `MasterKey.wrap`."""
        return self._cipher.encrypt(key, [context])

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See `MasterKey.unwrap`."""
        try:
            return self._cipher.decrypt(wrapped, [context])
        except (InvalidTag, ValueError):
            raise PersonalKeyError(
                f"a data key cannot be unwrapped with the master key {self.id}: it was wrapped "
                "for another entity, or is damaged"
            ) from None

    def __repr__(self) -> str:
        return f"SecretMasterKey({self.id})"


class DataKey:
    """One entity's key, unwrapped.

    Args:
        key_id: its name in ciphertexts.
        secret: its 64 bytes.
    """

    __slots__ = ("_cipher", "_context", "key_id")

    def __init__(self, key_id: str, secret: bytes) -> None:
        self.key_id = key_id
        self._cipher = AESSIV(secret)
        self._context = [_CONTEXT, key_id.encode()]

    def encrypt(self, text: str) -> str:
        """The ciphertext of a value: the same for the same value, each time."""
        return ciphertext_of(self.key_id, _text(self._cipher.encrypt(text.encode(), self._context)))

    def decrypt(self, ciphertext: str) -> str:
        """The value of a ciphertext of this key.

        Raises:
            PersonalKeyError: it was made with another key, or changed since.
        """
        try:
            sealed = _bytes(sealed_part(ciphertext))
            return self._cipher.decrypt(sealed, self._context).decode()
        except (InvalidTag, ValueError):
            raise PersonalKeyError(
                f"a personal field does not fit the data key {self.key_id}: it was changed, or "
                "the key was"
            ) from None

    def __repr__(self) -> str:
        return f"DataKey({self.key_id})"


class Vault:
    """Makes, wraps and unwraps data keys.

    Args:
        master: the master key to wrap with.
        previous: others to unwrap with as well.
    """

    def __init__(self, master: MasterKey, previous: Iterable[MasterKey] = ()) -> None:
        self._master = master
        self._masters = {one.id: one for one in (*previous, master)}
        self._data_key = lru_cache(_UNWRAPPED_MAX)(self._unwrap)

    @classmethod
    def of(cls, settings: Settings) -> Vault | None:
        """With the master keys that are set; None if there is none.

        Raises:
            SettingsError: ``privacy.kms`` names nothing that makes a master key, or fields are to
                be ciphertext and there is no master key.
        """
        privacy = settings.privacy
        master: MasterKey | None = None
        if privacy.kms is not None:
            master = _from_kms(privacy.kms, settings)
        elif privacy.master_key is not None:
            master = SecretMasterKey(privacy.master_key.get_secret_value())
        if master is None:
            return None
        before = privacy.previous_master_key
        return cls(master, () if before is None else (SecretMasterKey(before.get_secret_value()),))

    @classmethod
    def required(cls, settings: Settings) -> Vault:
        """As `of`, where there has to be one."""
        vault = cls.of(settings)
        if vault is None:
            raise SettingsError(
                "privacy.master_key is not set: give CCSTREAM_PRIVACY__MASTER_KEY, or a file with "
                "it in CCSTREAM_PRIVACY__MASTER_KEY_FILE"
            )
        return vault

    @property
    def master_id(self) -> str:
        """The id of the master key that keys are wrapped under from now on."""
        return self._master.id

    def new_key(self, entity: str) -> tuple[DataKey, str]:
        """A key for an entity, and the same wrapped."""
        key_id = _text(secrets.token_bytes(_KEY_ID_BYTES))
        secret = secrets.token_bytes(_DATA_KEY_BYTES)
        return DataKey(key_id, secret), self._wrapped(secret, key_id, entity)

    def unwrap(self, key_id: str, entity: str, master_id: str, wrapped: str) -> DataKey:
        """The key again.

        Raises:
            PersonalKeyError: it was wrapped under a master key that is not here, or for another
                entity.
        """
        return self._data_key(key_id, entity, master_id, wrapped)

    def wrapped_anew(self, key_id: str, entity: str, master_id: str, wrapped: str) -> str:
        """The same key under today's master key; raises as `unwrap`."""
        return self._wrapped(self._unwrapped(key_id, entity, master_id, wrapped), key_id, entity)

    def _unwrap(self, key_id: str, entity: str, master_id: str, wrapped: str) -> DataKey:
        return DataKey(key_id, self._unwrapped(key_id, entity, master_id, wrapped))

    def _unwrapped(self, key_id: str, entity: str, master_id: str, wrapped: str) -> bytes:
        master = self._masters.get(master_id)
        if master is None:
            raise PersonalKeyError(
                f"a data key was wrapped under the master key {master_id}, which is not set here "
                f"({', '.join(self._masters)} is): set it as privacy.previous_master_key"
            )
        try:
            sealed = _bytes(wrapped)
        except ValueError:
            raise PersonalKeyError(f"the data key {key_id} is damaged: no base64url") from None
        return master.unwrap(sealed, _wrapping(key_id, entity))

    def _wrapped(self, secret: bytes, key_id: str, entity: str) -> str:
        return _text(self._master.wrap(secret, _wrapping(key_id, entity)))


def _from_kms(name: str, settings: Settings) -> MasterKey:
    module, _, function = name.partition(":")
    try:
        make: Any = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as problem:
        raise SettingsError(f"privacy.kms {name} cannot be imported: {problem}") from None
    made = make(settings)
    if not all(hasattr(made, part) for part in ("id", "wrap", "unwrap")):
        raise SettingsError(
            f"privacy.kms {name} makes a {type(made).__name__}, which has not id, wrap and unwrap"
        )
    return cast(MasterKey, made)


def _wrapping(key_id: str, entity: str) -> bytes:
    return b"\0".join((_CONTEXT, key_id.encode(), entity.encode()))


def _derived(secret: str, purpose: bytes, size: int) -> bytes:
    info = _CONTEXT + b" " + purpose
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=info).derive(secret.encode())


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
