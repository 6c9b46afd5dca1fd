"""The public keys of a token issuer (JWKS), from a file or an ``https`` address.

They are read again after a while, so that a key that was taken back is refused, and at once
when a token names one that is not known, so that a new one is taken as soon as it is used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, build_opener

import jwt
import orjson

from ccstream.errors import SettingsError
from ccstream.ops.logs import logger

__all__ = ["ALGORITHMS", "KeySet", "read_jwks"]

log = logger(__name__)

ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""By kind of key what a token may be signed with. Shared secrets (HS…) are not among them: a
public key must never be taken for one."""

BYTES_MAX: Final = 1_000_000
FETCH_TIMEOUT_S: Final = 5.0

UNKNOWN_S: Final = 10.0
"""Tokens with made-up keys must not make the gateway ask the issuer more often than this."""

STALE_S: Final = 24 * 3600.0
"""How long the last keys hold while the issuer cannot be asked: a night's outage, no longer."""


def read_jwks(source: str) -> bytes:
    """What the file or address has; blocks for `FETCH_TIMEOUT_S` at most.

    Raises:
        OSError: it cannot be had.
    """
    if not source.startswith("https://"):
        with Path(source).open("rb") as file:
            return file.read(BYTES_MAX + 1)
    opener = build_opener(_NoRedirect())
    with opener.open(source, timeout=FETCH_TIMEOUT_S) as answer:
        content: bytes = answer.read(BYTES_MAX + 1)
    return content


class KeySet:
    """The keys of one issuer, by their ids.

    Args:
        source: a path, or an ``https`` address.
        refresh_s: after which time they are read again.
        read: gets the document.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        source: str,
        refresh_s: float,
        read: Callable[[str], bytes] = read_jwks,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._refresh_s = refresh_s
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None if the issuer has none, or none can be had."""
        age = self._clock() - self._read_at
        if age >= self._refresh_s or key_id not in self._keys:
            await self._refresh()
        if self._clock() - self._read_at > max(STALE_S, self._refresh_s):
            return None
        return self._keys.get(key_id)

    async def _refresh(self) -> None:
        async with self._lock:
            if self._clock() - self._tried_at < min(UNKNOWN_S, self._refresh_s):
                return  # another request has just tried
            self._tried_at = self._clock()
            try:
                content = await asyncio.to_thread(self._read, self._source)
                self._keys = _keys(content)
            except (OSError, URLError, ValueError, SettingsError) as problem:
                log.warning("the issuer's keys cannot be read", reason=type(problem).__name__)
            else:
                self._read_at = self._clock()


def _keys(content: bytes) -> dict[str, jwt.PyJWK]:
    if len(content) > BYTES_MAX:
        raise SettingsError("the issuer's keys are too large")
    document: Any = orjson.loads(content)
    found: dict[str, jwt.PyJWK] = {}
    for stated in document["keys"] if isinstance(document, dict) and "keys" in document else ():
        kinds = ALGORITHMS.get(stated.get("kty"))
        if kinds is None or stated.get("use", "sig") != "sig" or "kid" not in stated:
            continue
        try:
            found[str(stated["kid"])] = jwt.PyJWK.from_dict(stated)
        except jwt.PyJWTError:
            continue  # a curve or algorithm that is not ours to know
    if not found:
        raise SettingsError("the issuer has no key that can be used")
    return found


class _NoRedirect(HTTPRedirectHandler):
    """The address that is configured is the one that is trusted."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
