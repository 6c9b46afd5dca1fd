"""Bearer tokens for Kafka (OAUTHBEARER): one source for all clients of a process.

A token comes from a file, which somebody else keeps fresh, or from an endpoint that gives one
for a client's id and secret (RFC 6749, section 4.4). It is asked for anew when most of its time
is over. What went wrong is told without the token, the secret, or what the endpoint said.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import orjson
from aiokafka.abc import AbstractTokenProvider

from ccstream.errors import AccessDeniedError
from ccstream.ops.settings_kafka import KafkaSettings

__all__ = ["ClientTokens", "Token", "TokenSource", "token_source"]

UNTOLD_SECONDS: Final = 300.0
"""How long a token is used of which nobody says how long it lives."""

USED_SHARE: Final = 0.8
"""Of a token's time after which the next one is asked for."""

ENDPOINT_SECONDS_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
"""A token has a few kilobytes."""


class Token(NamedTuple):
    """A token and when it ends, in seconds since the epoch."""

    value: str
    expires_at: float


class TokenSource:
    """Where this process has its tokens from. Every method may be called from any thread."""

    def __init__(self, kafka: KafkaSettings, now: Callable[[], float] = time.time) -> None:
        self._kafka = kafka
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    def token(self) -> Token:
        """A token that still holds for a while.

        Raises:
            AccessDeniedError: there is none to be had.
        """
        with self._lock:
            now = self._now()
            if self._token is None or now >= self._renew_at:
                file = self._kafka.oauth_token_file
                token = _read(file, now) if file is not None else _ask(self._kafka, now)
                if token.expires_at <= now:
                    raise AccessDeniedError(
                        f"the token from {file or self._kafka.oauth_endpoint} has ended "
                        f"{now - token.expires_at:.0f} s ago; is somebody still renewing it, and "
                        "is this machine's clock right?"
                    )
                self._token = token
                self._renew_at = now + (token.expires_at - now) * USED_SHARE
            return self._token

    def for_librdkafka(self, _config: str) -> tuple[str, float]:
        """The ``oauth_cb`` of librdkafka, called from a thread of its own."""
        return self.token()


class ClientTokens(AbstractTokenProvider):  # type: ignore[misc]
    """The same for aiokafka."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        return (await asyncio.to_thread(self._source.token)).value


@lru_cache(maxsize=8)
def token_source(kafka: KafkaSettings) -> TokenSource:
    """The one source for these settings: a worker's dozen clients share their tokens."""
    return TokenSource(kafka)


def _read(path: Path, now: float) -> Token:
    try:
        value = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise AccessDeniedError(
            f"kafka.oauth_token_file {path} cannot be read ({type(problem).__name__})"
        ) from None
    if not value:
        raise AccessDeniedError(f"kafka.oauth_token_file {path} is empty")
    return Token(value, _end_of(value) or now + UNTOLD_SECONDS)


def _ask(kafka: KafkaSettings, now: float) -> Token:
    assert kafka.oauth_endpoint is not None
    assert kafka.oauth_client_secret is not None
    form = {
        "grant_type": "client_credentials",
        "client_id": kafka.oauth_client_id,
        "client_secret": kafka.oauth_client_secret.get_secret_value(),
    }
    if kafka.oauth_scope is not None:
        form["scope"] = kafka.oauth_scope
    request = urllib.request.Request(  # noqa: S310 - settings admit http(s) only
        kafka.oauth_endpoint, urlencode(form).encode(), {"Accept": "application/json"}
    )
    context = (
        ssl.create_default_context(cafile=kafka.oauth_ca_file)
        if kafka.oauth_endpoint.startswith("https")
        else None
    )
    try:
        with urllib.request.urlopen(  # noqa: S310 - see above
            request, timeout=ENDPOINT_SECONDS_MAX, context=context
        ) as answer:
            found = orjson.loads(answer.read(ANSWER_BYTES_MAX))
        value = str(found["access_token"])
        lifetime = found.get("expires_in")
        return Token(
            value, now + float(lifetime) if lifetime else _end_of(value) or now + UNTOLD_SECONDS
        )
    except urllib.error.HTTPError as problem:
        with problem:
            raise AccessDeniedError(
                f"no token from {kafka.oauth_endpoint}: it answers {problem.code}; are "
                "kafka.oauth_client_id and its secret right, and the scope?"
            ) from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        why = getattr(problem, "reason", None) or type(problem).__name__
        raise AccessDeniedError(
            f"no token from {kafka.oauth_endpoint} ({why}); is kafka.oauth_endpoint right, and "
            "kafka.oauth_ca_file?"
        ) from None


def _end_of(token: str) -> float | None:
    """When a JWT says that it ends; its signature is the brokers' to check."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None
