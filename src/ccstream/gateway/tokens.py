"""Tokens: JWTs that an OpenID provider signed for this gateway.

A token is taken if its signature is by a key of the issuer, it names the issuer and the
audience, and its time has come and is not over. Its scopes are those of its claim that are
grants (`ccstream.gateway.auth.Grant`); others, as ``openid``, say nothing here. With a scope
that ends in ``:self`` it is a customer's, and its claim says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import jwt

from ccstream.gateway.auth import Grant, Identity
from ccstream.gateway.jwks import ALGORITHMS, KeySet
from ccstream.ops.settings import GatewaySettings
from ccstream.wire.validate import is_entity_key

__all__ = ["TOKEN_CHARS_MAX", "Tokens"]

_CUSTOMERS: Final = "customer:"
"""The namespace of accounts, unless rules for identifiers say otherwise."""

TOKEN_CHARS_MAX: Final = 8_192
"""Providers put much into tokens; servers take no longer headers than this."""

LEEWAY_S: Final = 30
"""Clocks of the provider and the gateway may differ by this."""

ID_CHARS: Final = 12

_EVERY: Final = tuple(name for names in ALGORITHMS.values() for name in names)


class Tokens:
    """Verifies the tokens of the configured issuer."""

    def __init__(self, settings: GatewaySettings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    async def identify(self, text: str) -> Identity | None:
        """Who has this token; None if it is not one that is taken."""
        if len(text) > TOKEN_CHARS_MAX:
            return None
        try:
            header = jwt.get_unverified_header(text)
            key = await self._keys.key(str(header.get("kid")))
            if key is None or header.get("alg") not in self._algorithms(key):
                return None
            claims = jwt.decode(
                text,
                key.key,
                algorithms=[header["alg"]],
                issuer=self._settings.oidc_issuer,
                audience=self._settings.oidc_audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None  # the last for a header that is nothing but brackets
        return self._identity(claims)

    @staticmethod
    def _algorithms(key: jwt.PyJWK) -> tuple[str, ...]:
        allowed = ALGORITHMS.get(str(key.key_type), ())
        stated = key.algorithm_name
        # PyJWT fills in an algorithm where the key states none; for RSA others would do as well.
        return (stated,) if stated in allowed and key._jwk_data.get("alg") else allowed

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        stated = claims.get(self._settings.oidc_scope_claim, ())
        scopes = stated.split() if isinstance(stated, str) else stated
        if not isinstance(scopes, list | tuple):
            scopes = ()
        grants = tuple(grant for one in scopes if (grant := Grant.of(str(one))) is not None)
        customer = None
        if any(grant.own for grant in grants):
            key = f"{_CUSTOMERS}{claims.get(self._settings.oidc_customer_claim, '')}"
            customer = key if is_entity_key(key) else None
        fingerprint = sha256(f"{claims['iss']}\0{claims['sub']}".encode()).hexdigest()
        return Identity(id=f"token {fingerprint[:ID_CHARS]}", grants=grants, customer=customer)
