"""Reads personal fields of what a subscriber or a view shows.

    async with PersonalReader(settings) as personal, SyncSubscriber(["profiles"]) as profiles:
        async for change in profiles:
            print(personal.open(change.key, change.record))

Who has no master key, or no right on the topic of keys, goes on seeing ciphertext.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, TypeVar

from ccstream.client.known_keys import KnownKeys
from ccstream.client.surroundings import settings_for
from ccstream.ops.keyring import KeyRing
from ccstream.ops.settings import Settings
from ccstream.ops.vault import Vault

__all__ = ["PersonalReader"]

T = TypeVar("T")


class PersonalReader:
    """The keys of everybody, followed.

    Args:
        settings: those with ``privacy.master_key``; without them, those of the environment and
            ``ccstream.toml``.
        bootstrap: Kafka's address, where no settings are given.
        start_timeout_s: how long ``start`` waits until the keys are read.

    Raises:
        SettingsError: there is no master key.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        bootstrap: str | None = None,
        start_timeout_s: float = 30.0,
    ) -> None:
        settings = settings_for(bootstrap, settings)
        self._vault = Vault.required(settings)
        self._known = KnownKeys(settings)
        self._start_timeout_s = start_timeout_s

    async def start(self) -> Self:
        """Read the keys that there are; raises ``CcstreamError`` if they cannot be read in time."""
        self._known.start()
        try:
            await asyncio.to_thread(self._known.wait, self._start_timeout_s)
        except BaseException:
            await self.aclose()
            raise
        return self

    def open(self, key: str, record: T) -> T:
        """The record of a key with its personal fields in plain.

        A field stays ciphertext, for which ``ccstream.wire.personal.is_ciphertext`` is true, if
        its key is not there: the person was erased, the key has not been read yet, or it is wrapped
        under a master key that is not set.
        """
        opened: T = KeyRing(self._vault, self._known.of(key)).open(record)
        return opened

    async def aclose(self) -> None:
        """Stop following."""
        await asyncio.to_thread(self._known.stop)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
