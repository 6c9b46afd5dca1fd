"""An OpenID provider of a test's own: keys, and tokens signed with them."""

from __future__ import annotations

import time
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

__all__ = ["AUDIENCE", "ISSUER", "Issuer"]

ISSUER = "https://id.example"
AUDIENCE = "ccstream"


class Issuer:
    """Signs with its latest key; `jwks` shows those that it has not withdrawn."""

    def __init__(self) -> None:
        self._private: dict[str, tuple[Any, str]] = {}
        self.shown: dict[str, dict[str, Any]] = {}
        self.reads = 0
        self.rotate()

    def rotate(self, algorithm: str = "ES256") -> str:
        """A new key, beside the old ones; its id."""
        key_id = f"key-{len(self._private)}"
        private: Any
        if algorithm.startswith("ES"):
            private = ec.generate_private_key(ec.SECP256R1())
            shown = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        else:
            private = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
            shown = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        self._private[key_id] = (private, algorithm)
        self.shown[key_id] = {**shown, "kid": key_id, "use": "sig"}
        self.latest = key_id
        return key_id

    def withdraw(self, key_id: str) -> None:
        del self.shown[key_id]

    def jwks(self) -> bytes:
        return orjson.dumps({"keys": list(self.shown.values())})

    def read(self, _source: str) -> bytes:
        self.reads += 1
        return self.jwks()

    def token(self, scope: Any = "read:self", sub: str = "42", **changed: Any) -> str:
        """A token; a claim that is given as None is left out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": sub,
            "iat": now,
            "exp": now + 300,
            "scope": scope,
            **changed,
        }
        private, algorithm = self._private[self.latest]
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            private,
            algorithm=algorithm,
            headers={"kid": self.latest},
        )
