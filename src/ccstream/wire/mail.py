"""Letters between entities, as they travel through ``ccstream.mail.v1``."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ccstream.domain.events import Event
from ccstream.wire.records import RecordCodec

__all__ = [
    "ACKNOWLEDGE",
    "ERASE",
    "ERASE_LINKED",
    "FORWARD",
    "GIVE_BACK",
    "HAND_BACK",
    "HAND_OVER",
    "HAND_OVER_AGAIN",
    "HOPS_MAX",
    "LINK",
    "Mail",
    "again_id",
    "bringer_of",
    "decode_mail",
    "encode_mail",
    "is_asked_again",
]

FORWARD: Final = "forward"
"""The kind of letter that asks to fold its event for the entity it is addressed to."""

HAND_OVER: Final = "hand_over"
"""The kind that asks the account of its event, a log-in, to take a row of the event's subject."""

HAND_OVER_AGAIN: Final = "hand_over_again"
"""The kind that asks the holder of a row whose letter was rejected to send that letter again, with
the row, if it still is here: ``row`` is only its fingerprint (`rows.row_fingerprint`)."""

ACKNOWLEDGE: Final = "acknowledge"
"""The kind that tells the subject of a log-in that the account has taken that row."""

LINK: Final = "link"
"""The kind about links between identifiers: what its key names, said by its row (`link_rows`)."""

GIVE_BACK: Final = "give_back"
"""The kind that asks the root that an identifier ``holder`` had for all that came by the key
``key``."""

HAND_BACK: Final = "hand_back"
"""The kind that brings the identifier of ``key`` such a row from ``holder``; empty if it comes back
to that one because it could not be taken."""

ERASE: Final = "erase"
"""The kind that tells an alias (or who once was one) to go with the account ``key``, which was
erased at ``since``."""

ERASE_LINKED: Final = "erase_linked"
"""The kind that asks whoever coordinates the links of the account ``key``, which was erased at
``since``, to tell those to go that are linked to it."""

HOPS_MAX: Final = 8
"""An event needs one hop, two after a merge; more is a circle that should not exist."""


class Mail(Struct, frozen=True, kw_only=True, gc=False):
    """One letter; see ``schemas/system/Mail.avsc``."""

    mail_id: str
    hops: int
    to: str
    kind: str
    origin_topic: str
    origin_partition: int
    origin_offset: int
    origin_appended_at: int
    value: bytes
    table: str = ""
    key: str = ""
    row: bytes | None = None
    since: int = 0
    holder: str = ""


def bringer_of(mail: Mail, event: Event) -> str:
    """Whose is what a letter about this event brings: who sends things on goes by what they are,
    not by who gave them back.
    """
    if mail.kind == HAND_BACK:
        return mail.key.partition("#")[0]
    return mail.holder or event.subject


_AGAIN: Final = "again"
"""Where other letters have whom they are for, and no key is without a colon."""


def again_id(mail: Mail, name: str) -> str:
    """The id of a letter that asks again for what this one asked for; ``name`` is its own."""
    place = f"{mail.origin_topic}/{mail.origin_partition}/{mail.origin_offset}"
    return f"{place}/0/{_AGAIN}/{name}"


def is_asked_again(mail: Mail) -> bool:
    """Whether a retry sent this letter, by its id."""
    return mail.mail_id.split("/", 5)[4:5] == [_AGAIN]


_codec = RecordCodec("Mail", Mail)


def encode_mail(mail: Mail) -> bytes:
    """The letter as a framed value."""
    return _codec.encode(mail)


def decode_mail(value: bytes | None) -> Mail:
    """The letter in a framed value; raises `UndecodableError` if the bytes are none."""
    return _codec.decode(value)
