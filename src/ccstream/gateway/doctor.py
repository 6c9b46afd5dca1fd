"""What the doctor finds about the gateway: whom it would let in, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import jwt
import orjson

from ccstream.errors import SettingsError
from ccstream.gateway.jwks import read_jwks
from ccstream.gateway.keys import KeyFile
from ccstream.ops.finding import Finding
from ccstream.ops.settings import Settings

__all__ = ["gateway_keys"]

EXPIRES_SOON: Final = timedelta(days=14)
"""Whoever has the key needs some days to put a new one in its place."""


def gateway_keys(settings: Settings, now: datetime | None = None) -> Iterator[Finding]:
    """A line for the file of keys and one for the issuer of tokens, where they are configured.

    Args:
        settings: where they are.
        now: against which dates are held; the present if None.
    """
    gateway = settings.gateway
    if gateway.keys_file is not None:
        yield _keys(gateway.keys_file, datetime.now(UTC) if now is None else now)
    if gateway.oidc_jwks is not None:
        yield _issuer(gateway.oidc_jwks)


def _keys(path: Path, now: datetime) -> Finding:
    try:
        found = KeyFile.read(path).keys
    except SettingsError as problem:
        return Finding("keys", "fail", str(problem), "`ccstream gateway-keys` writes such files")
    good = [key for key in found if key.expires is None or key.expires > now]
    text = f"gateway.keys_file has {len(good)} key(s)"
    if not good:
        return Finding(
            "keys", "warn", f"{text} that are good", "make one: `ccstream gateway-keys new`"
        )
    ending = [
        key.id for key in good if key.expires is not None and key.expires - now < EXPIRES_SOON
    ]
    if ending:
        return Finding(
            "keys",
            "warn",
            f"{text}; {len(ending)} end within {EXPIRES_SOON.days} days, {ending[0]} for one",
            "make others, hand them out, then revoke these: `ccstream gateway-keys`",
        )
    return Finding("keys", "ok", text)


def _issuer(source: str) -> Finding:
    try:
        found = jwt.PyJWKSet.from_dict(orjson.loads(read_jwks(source))).keys
    except (OSError, ValueError, jwt.PyJWKSetError) as problem:
        return Finding(
            "keys",
            "fail",
            f"gateway.oidc_jwks {source} cannot be had: {problem}",
            "without it no token is taken: correct the address or file, or the network",
        )
    return Finding("keys", "ok", f"gateway.oidc_jwks has {len(found)} key(s) for tokens")
