"""Cursors: how far a client has followed a profile, as text that only gateways can make.

A cursor is signed together with the key that was asked for and names neither it nor the
profile, so that it may stand in a URL. It holds the next offset of each sync topic in the
profile's partition; any gateway with the same signing key goes on from there.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from ccstream.gateway.problems import ProblemError
from ccstream.gateway.signing import Signer

__all__ = ["Cursor", "Cursors"]

PURPOSE: Final = "cursor"

FINGERPRINT_CHARS: Final = 12
"""72 bits: enough to notice that the profile is another one now."""


class Cursor(Struct, frozen=True, array_like=True, gc=False):
    """How far a client is.

    Args:
        tables: the numbers of the tables that it follows.
        profile: the fingerprint of the profile that the key led to.
        made_at: when the gateway handed it out, in milliseconds.
        offsets: the next offset of each of all tables' topics, in the profile's partition.
    """

    tables: tuple[int, ...]
    profile: str
    made_at: int
    offsets: tuple[int, ...]


class Cursors:
    """Writes and reads them.

    Args:
        signer: with the key that all gateways have.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._write = msgspec.msgpack.Encoder().encode
        self._read = msgspec.msgpack.Decoder(Cursor).decode

    def text(self, key: str, cursor: Cursor) -> str:
        """A cursor of whoever asked for ``key``."""
        return self._signer.sign(f"{PURPOSE} {key}", self._write(cursor))

    def read(self, key: str, text: str) -> Cursor:
        """The cursor in a text.

        Raises:
            ProblemError: invalid-cursor: it is forged, damaged, or of another key.
        """
        payload = self._signer.verify(f"{PURPOSE} {key}", text)
        if payload is None:
            raise ProblemError(
                "invalid-cursor",
                "It was not handed out for this profile, or before the signing key was changed; "
                "open the stream without it.",
            )
        try:
            return self._read(payload)
        except msgspec.ValidationError:  # signed by a gateway of another version
            raise ProblemError(
                "invalid-cursor", "Another version handed it out; open the stream without it."
            ) from None

    def fingerprint(self, profile: str) -> str:
        """What stands for a profile in a cursor."""
        return self._signer.sign(f"{PURPOSE} of", profile.encode())[:FINGERPRINT_CHARS]
