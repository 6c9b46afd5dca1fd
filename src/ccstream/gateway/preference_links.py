"""The links in messages by which people say how they want to be reached, without logging in.

A link holds, sealed, whom it is of and which contact it came by: so nobody can make one up, and a
proxy's log or a forwarded letter tells no key. One that takes a consent back is good for ever: an
old letter must be able to. One that opens the page, where consents are seen and given, ends.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from ccstream.gateway.signing import Signer

__all__ = ["PAGE_DAYS", "Link", "PageLink", "open_link", "open_page_link", "seal_link"]

PAGE_DAYS: Final = 90
"""A letter is answered within weeks, or its reader has moved on and somebody else reads it."""

_DAY_S: Final = 86_400

UNSUBSCRIBE: Final = "unsubscribe"
PAGE: Final = "preferences"


class Link(Struct, frozen=True, array_like=True):
    """Whom a message was sent to, and by which contact, for which purpose."""

    subject: str
    contact_point: str
    contact_channel: str
    purpose: str


class PageLink(Struct, frozen=True, array_like=True):
    """The same, until that time (s)."""

    link: Link
    expires: int


def seal_link(signer: Signer, link: Link, to: Literal["unsubscribe", "page"], now_s: float) -> str:
    """The token of a link."""
    if to == "unsubscribe":
        return signer.seal(UNSUBSCRIBE, msgspec.msgpack.encode(link))
    # By the day, so that the letters of one day have the same link.
    expires = (int(now_s) // _DAY_S + PAGE_DAYS) * _DAY_S
    return signer.seal(PAGE, msgspec.msgpack.encode(PageLink(link, expires)))


def open_link(signer: Signer, token: str) -> Link | None:
    """What a token to unsubscribe says; None if it is none."""
    payload = signer.unseal(UNSUBSCRIBE, token)
    return None if payload is None else msgspec.msgpack.decode(payload, type=Link)


def open_page_link(signer: Signer, token: str, now_s: float) -> Link | None:
    """What a token of the page says; None if it is none, or has ended."""
    payload = signer.unseal(PAGE, token)
    if payload is None:
        return None
    found = msgspec.msgpack.decode(payload, type=PageLink)
    return found.link if now_s < found.expires else None
