"""``gateway.auth`` required: a caller shows a key or a token, as ``Authorization: Bearer …``.

Why one is refused is not told: expired, revoked, forged and mistyped look the same.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection

from ccstream.errors import SettingsError
from ccstream.gateway.auth import Authenticator, Identity
from ccstream.gateway.endpoints import ENDPOINT, Endpoint
from ccstream.gateway.jwks import KeySet
from ccstream.gateway.keys import PREFIX, Keys
from ccstream.gateway.limits import Limiter
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.signing import Signer
from ccstream.gateway.tickets import holder_of
from ccstream.gateway.tokens import Tokens
from ccstream.ops.settings import GatewaySettings

__all__ = ["Credentials", "credentials_of"]

FAILURES_PER_SECOND: Final = 10
"""From one address; more is somebody who tries, or a client that does not look at answers."""

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="ccstream"'}
_INVALID: Final = {"WWW-Authenticate": 'Bearer realm="ccstream", error="invalid_token"'}


class Credentials:
    """Finds out who calls by key or token, at least one of which is there, or by a ticket."""

    def __init__(
        self, keys: Keys | None, tokens: Tokens | None, limiter: Limiter, signer: Signer
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._limiter = limiter
        self._signer = signer

    async def identify(self, connection: HTTPConnection) -> Identity:
        scheme, _, text = connection.headers.get("authorization", "").partition(" ")
        text = text.strip()
        if not text or scheme.lower() != "bearer":
            holder = self._holder(connection)
            if holder is not None:
                return holder
            self._failed(connection)
            raise ProblemError(
                "unauthenticated",
                "Send a key or a token as `Authorization: Bearer …`.",
                headers=_CHALLENGE,
            )
        identity: Identity | None = None
        if text.startswith(PREFIX):
            identity = None if self._keys is None else self._keys.identify(text)
        elif self._tokens is not None:
            identity = await self._tokens.identify(text)
        if identity is None:
            self._failed(connection)
            raise ProblemError(
                "unauthenticated",
                "The key or token is not one that is valid here and now.",
                headers=_INVALID,
            )
        return identity

    def _holder(self, connection: HTTPConnection) -> Identity | None:
        endpoint: Endpoint | None = connection.scope.get(ENDPOINT)
        if endpoint is None or not endpoint.streams:
            return None
        return holder_of(connection, self._signer)

    def _failed(self, connection: HTTPConnection) -> None:
        host = connection.client.host if connection.client is not None else ""
        self._limiter.charge_id(f"address {host}", FAILURES_PER_SECOND)


def credentials_of(settings: GatewaySettings, limiter: Limiter, signer: Signer) -> Authenticator:
    """What the settings ask for.

    Raises:
        SettingsError: they name neither keys nor an issuer, or the keys cannot be read.
    """
    keys = tokens = None
    if settings.keys_file is not None:
        if not settings.keys_file.is_file():
            raise SettingsError(
                f"gateway.keys_file {settings.keys_file} is no file; `ccstream gateway-keys new` "
                "makes it with its first key"
            )
        keys = Keys(settings.keys_file)
    if settings.oidc_jwks is not None:
        tokens = Tokens(settings, KeySet(settings.oidc_jwks, settings.oidc_jwks_refresh_ms / 1000))
    if keys is None and tokens is None:
        raise SettingsError(
            "gateway.auth required lets nobody in without gateway.keys_file or gateway.oidc_jwks; "
            "set at least one"
        )
    return Credentials(keys, tokens, limiter, signer)
