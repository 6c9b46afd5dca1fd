"""Which profile an identifier leads to, by what was committed about it.

The worker keeps aliases in a table of its own, whose changelog is read here: a log-in makes
the visitor's key an alias of the account, and what belongs to the account is what the visitor
is shown. Pure: rows go in.
"""

from __future__ import annotations

from typing import Final

from ccstream.client.log_reader import LogRecord
from ccstream.errors import UndecodableError
from ccstream.ops.logs import logger
from ccstream.wire.codec import Codec

__all__ = ["Aliases"]

log = logger(__name__)

HOPS_MAX: Final = 8
"""Aliases of aliases that are followed; as many hops as a letter makes."""


class Aliases:
    """Every alias, and what it stands for."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._roots: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._roots)

    def take(self, record: LogRecord) -> str | None:
        """Take a row in; the key that leads elsewhere now, None if none does."""
        key = (record.key or b"").decode(errors="replace")
        root = self._root_in(record.value)
        if root == self._roots.get(key):
            return None
        if root is None:
            del self._roots[key]
        else:
            self._roots[key] = root
        return key

    def profile(self, key: str) -> str:
        """The profile that a key leads to; itself if it is no alias."""
        for _ in range(HOPS_MAX):
            root = self._roots.get(key)
            if root is None or root == key:
                break
            key = root
        return key

    def _root_in(self, value: bytes | None) -> str | None:
        if value is None:
            return None
        try:
            root: object = self._codec.decode(value)[1].get("root")
        except UndecodableError as error:
            log.warning("a row of the aliases cannot be read", reason=error.reason)
            return None
        return root if isinstance(root, str) and root else None
