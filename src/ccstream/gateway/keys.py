"""API keys: made once, kept as hashes in a file, known again by their text.

A key is ``ccs_<id>_<secret>`` with a secret of 256 random bits. What is kept is its SHA-256: a
slow hash (scrypt, argon2) protects secrets that can be guessed, and nobody guesses 256 bits,
while its tens of milliseconds for each request would let anybody stall the gateway with wrong
keys. Without the secret the file lets nobody in; who may write it decides who gets in.
"""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Self

import msgspec
from msgspec import Meta, Struct

from ccstream.errors import SettingsError
from ccstream.gateway.auth import Grant, Identity
from ccstream.ops.logs import logger

__all__ = ["PREFIX", "KeyFile", "Keys", "StoredKey", "new_key"]

log = logger(__name__)

PREFIX: Final = "ccs_"
"""Tells a key from a token, and lets scanners find keys in repositories."""

ID_BYTES: Final = 4
SECRET_BYTES: Final = 32

KEYS_MAX: Final = 10_000
"""Each channel of each country has a few; more is somebody's customers, who have tokens."""

FILE_BYTES_MAX: Final = 16 << 20

LOOK_S: Final = 1.0
"""A revoked key is refused after this, and the file is looked at no more often."""


Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[datetime, Meta(tz=True)]
Rate = Annotated[int, Meta(ge=1)]


class StoredKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of a key.

    Args:
        id: the part of the key that is no secret; names it in logs.
        hash: SHA-256 of the whole key, in hexadecimal.
        scopes: what it may do, each as `Grant` has it.
        created: when it was made.
        expires: from when it is refused; None for never.
        rate: events and requests a second, if not as configured.
        note: whose it is, for people.
    """

    id: str
    hash: Sha256
    scopes: tuple[str, ...]
    created: Moment
    expires: Moment | None = None
    rate: Rate | None = None
    note: str = ""

    def grants(self) -> tuple[Grant, ...]:
        """What it may do; raises ValueError for a scope that is none."""
        grants = []
        for scope in self.scopes:
            grant = Grant.of(scope)
            if grant is None or grant.own:
                raise ValueError(f"key {self.id} has the scope {scope!r}, which is none for a key")
            grants.append(grant)
        return tuple(grants)


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """All keys of an installation, as a JSON file."""

    keys: tuple[StoredKey, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The keys in a file; none if there is no file.

        Raises:
            SettingsError: it cannot be read, or is no file of keys.
        """
        try:
            with path.open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return cls()
        except OSError as problem:
            raise SettingsError(f"{path} cannot be read: {problem.strerror}") from None
        try:
            found = msgspec.json.decode(content, type=cls)
            for key in found.keys:
                key.grants()
        except (msgspec.MsgspecError, ValueError) as problem:
            raise SettingsError(f"{path} is no file of keys: {problem}") from None
        if len(found.keys) > KEYS_MAX:
            raise SettingsError(f"{path} has more than {KEYS_MAX:,} keys")
        return found

    def write(self, path: Path) -> None:
        """Put the keys in the file's place, at once; readable by its owner only.

        Raises:
            SettingsError: it cannot be written.
        """
        content = msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"
        try:
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as problem:
            raise SettingsError(f"{path} cannot be written: {problem.strerror}") from None


def new_key(
    scopes: tuple[str, ...],
    *,
    now: datetime,
    expires: datetime | None = None,
    rate: int | None = None,
    note: str = "",
) -> tuple[str, StoredKey]:
    """A new key: its text, which is shown once and kept nowhere, and what is kept."""
    key_id = secrets.token_hex(ID_BYTES)
    text = f"{PREFIX}{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    stored = StoredKey(
        id=key_id,
        hash=_hash(text),
        scopes=scopes,
        created=now,
        expires=expires,
        rate=rate,
        note=note,
    )
    stored.grants()
    return text, stored


class Keys:
    """The keys of a file, followed as it changes.

    Args:
        path: the file.
        clock: seconds that only grow.
        now: what time it is.

    Raises:
        SettingsError: it is no file of keys.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._state = self._file_state()
        self._looked_at = clock()
        self._keys = self._read()

    def identify(self, text: str) -> Identity | None:
        """Who has this key; None if nobody has, or not any more."""
        self._follow()
        key_id, _, _ = text.removeprefix(PREFIX).partition("_")
        found = self._keys.get(key_id)
        if found is None:
            return None
        stored, identity = found
        if not hmac.compare_digest(stored.hash, _hash(text)):
            return None
        if stored.expires is not None and stored.expires <= self._now():
            return None
        return identity

    def _follow(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        state = self._file_state()
        if state == self._state:
            return
        self._state = state
        try:
            self._keys = self._read()
        except SettingsError as problem:
            # Who was let in a second ago is let in still: half a file must not stop a shop.
            log.error("the keys were not read again, those of before hold", reason=str(problem))
        else:
            log.info("keys read again", count=len(self._keys))

    def _read(self) -> dict[str, tuple[StoredKey, Identity]]:
        return {
            key.id: (key, Identity(id=f"key {key.id}", grants=key.grants(), rate=key.rate))
            for key in KeyFile.read(self._path).keys
        }

    def _file_state(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
