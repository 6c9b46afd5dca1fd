"""Which profile an identifier leads to, by what was committed about it.

The worker keeps aliases in a table of its own, whose changelog is read here: a log-in makes
the visitor's key an alias of the account, and what belongs to the account is what the visitor
is shown. Pure: rows go in.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ccstream.client.log_reader import LogRecord
from ccstream.errors import UndecodableError
from ccstream.ops.logs import logger
from ccstream.wire.codec import Codec

__all__ = ["Aliases", "Link"]

log = logger(__name__)

HOPS_MAX: Final = 8
"""Aliases of aliases that are followed; as many hops as a letter makes."""


class Link(Struct, frozen=True):
    """An identifier, the account it belongs to since when (ms), and the event that said so."""

    key: str
    root: str
    since: int
    event_id: str


class Aliases:
    """Every alias, and what it stands for."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._roots: dict[str, str] = {}
        self._of_root: dict[str, dict[str, Link]] = {}

    def __len__(self) -> int:
        return len(self._roots)

    def take(self, record: LogRecord) -> str | None:
        """Take a row in; the key that leads elsewhere now, None if none does."""
        key = (record.key or b"").decode(errors="replace")
        link = self._link_in(key, record.value)
        root, before = None if link is None else link.root, self._roots.get(key)
        if before is not None:
            linked = self._of_root[before]
            del linked[key]
            if not linked:
                del self._of_root[before]
        if link is not None:
            self._of_root.setdefault(link.root, {})[key] = link
        if root == before:
            return None
        if root is None:
            del self._roots[key]
        else:
            self._roots[key] = root
        return key

    def links(self, profile: str) -> list[Link]:
        """What leads to a profile, the latest first."""
        found = self._of_root.get(profile, {}).values()
        return sorted(found, key=lambda link: (link.since, link.key), reverse=True)

    def profile(self, key: str) -> str:
        """The profile that a key leads to; itself if it is no alias."""
        for _ in range(HOPS_MAX):
            root = self._roots.get(key)
            if root is None or root == key:
                break
            key = root
        return key

    def _link_in(self, key: str, value: bytes | None) -> Link | None:
        if value is None:
            return None
        try:
            fields = self._codec.decode(value)[1]
        except UndecodableError as error:
            log.warning("a row of the aliases cannot be read", reason=error.reason)
            return None
        root = fields.get("root")
        if not isinstance(root, str) or not root:
            return None
        return Link(key, root, fields.get("since", 0), fields.get("event_id", ""))
