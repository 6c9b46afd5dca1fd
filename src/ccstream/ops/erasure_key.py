"""The secret by which workers know whom they have erased, and sign that they have.

From one secret come three keys: one for fingerprints, which cannot be made by who has not the
secret, so that what is left of a person does not say who it was; one that seals the keys of others
in what is left (AES-SIV, RFC 5297); and an Ed25519 key for receipts, whose public half is for
auditors.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ccstream.domain.erasure import Erasure
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import ERASED_NAMESPACE
from ccstream.wire.headers import time_text
from ccstream.wire.topics import DAY_MS, TopicSpec

__all__ = ["ErasureKey", "is_signed"]

_CONTEXT: Final = b"ccstream erasure v1 "
_FINGERPRINT_BYTES: Final = 16
_ID_BYTES: Final = 8
_KEY_BYTES: Final = 32
_SEAL_BYTES: Final = 64
_LOCAL: Final = "rows and keys deleted; RocksDB rewrites the files that had them in its own time"


class ErasureKey:
    """The three keys, and what receipts say of the stores.

    Args:
        settings: those with ``privacy.erasure_key``.
        secret: it.
    """

    def __init__(self, settings: Settings, secret: str) -> None:
        self.deadline_ms = settings.privacy.erasure_deadline_ms
        self.id = _derived(secret, b"id", _ID_BYTES).hex()
        self._fingerprints = _derived(secret, b"fingerprint", _KEY_BYTES)
        self._seals = AESSIV(_derived(secret, b"seal", _SEAL_BYTES))
        self._signing = Ed25519PrivateKey.from_private_bytes(_derived(secret, b"sign", _KEY_BYTES))
        self._app_id = settings.app_id
        self._stores = [
            *({"store": one.name, "emptied": _emptied(one)} for one in specs_of(settings)),
            {"store": "workers' local stores", "emptied": _LOCAL},
        ]

    @classmethod
    def of(cls, settings: Settings) -> ErasureKey | None:
        """The one that is set; None if none is."""
        secret = settings.privacy.erasure_key
        return None if secret is None else cls(settings, secret.get_secret_value())

    @property
    def public_key(self) -> str:
        """What receipts are checked with: 32 bytes in base64url."""
        return _text(self._signing.public_key().public_bytes_raw())

    def fingerprint(self, entity: str) -> str:
        """What stands for an entity that was erased: a key of a namespace of its own."""
        digest = hmac.new(self._fingerprints, entity.encode(), sha256).digest()
        return f"{ERASED_NAMESPACE}{digest[:_FINGERPRINT_BYTES].hex()}"

    def seal(self, key: str) -> str:
        """The key of somebody else, as it is kept beside a fingerprint."""
        return _text(self._seals.encrypt(key.encode(), None))

    def unseal(self, sealed: str) -> str:
        """The key again."""
        return self._seals.decrypt(_bytes(sealed), None).decode()

    def receipt_of(self, erasure: Erasure, fingerprint: str) -> tuple[str, str]:
        """The receipt of an erasure, as JSON, and its signature."""
        said = {
            "app_id": self._app_id,
            "person": fingerprint,
            "request_id": erasure.request_id,
            "requested_at": time_text(erasure.requested_at),
            "erased_at": time_text(erasure.erased_at),
            "completed_at": time_text(erasure.completed_at),
            "rows_deleted": erasure.rows_deleted,
            "orders_kept": erasure.orders_kept,
            "identifiers_erased": erasure.identifiers_erased,
            "stores": self._stores,
            "public_key": self.public_key,
        }
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return text, _text(self._signing.sign(text.encode()))


def is_signed(receipt: str, signature: str, public_key: str) -> bool:
    """Whether a receipt is as it was when the owner of this public key signed it."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_bytes(public_key))
        key.verify(_bytes(signature), receipt.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _emptied(spec: TopicSpec) -> str:
    match spec.kind:
        case "sync":
            return f"tombstones; compacted within {_days(spec, 'max.compaction.lag.ms')} days"
        case "changelog":
            lag = _days(spec, "max.compaction.lag.ms")
            return f"rows and keys deleted; compacted within {lag} days"
        case "owners":
            return "holds nothing of anybody"
        case "rejected":
            days = _days(spec, "retention.ms")
            return f"personal fields unreadable since the keys are gone; deleted after {days} days"
    return f"deleted after {_days(spec, 'retention.ms')} days"


def _days(spec: TopicSpec, name: str) -> int:
    return int(spec.setting(name) or 0) // DAY_MS


def _derived(secret: str, purpose: bytes, size: int) -> Any:
    hkdf = HKDF(algorithm=SHA256(), length=size, salt=None, info=_CONTEXT + purpose)
    return hkdf.derive(secret.encode())


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
