"""What asks again for what a letter asked for that was rejected: for a row that was not taken.

A dead letter has the event of such a letter, and where the letter is; the row is there and nowhere
else, and is not written to the log once more. Instead, who has the row is asked for it, and the
workers go by what is so by then:

===============  =================================================================================
handed over      its holder sends it to the root that it has now, under the same id. If the root
                 has it by now, or a log-out, a split or an erasure deleted it, nothing happens
on its way back  it went back to who gave it, who is asked once more for what came by that key
anything else    the letter again, as if it had been late
===============  =================================================================================
"""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from confluent_kafka import Message
from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.events import Event
from ccstream.domain.links import Gathered
from ccstream.errors import StateError, UndecodableError
from ccstream.wire.catalogue import MAIL_TOPIC, TABLES, WINDOWS
from ccstream.wire.link_rows import POST_KINDS
from ccstream.wire.mail import (
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    HAND_OVER_AGAIN,
    Mail,
    again_id,
    bringer_of,
    decode_mail,
)
from ccstream.wire.rejected import Rejected
from ccstream.wire.rows import row_fingerprint

__all__ = ["NOT_FOUND", "NOT_LOOKED_FOR", "NO_ROOM", "NO_ROOM_LEFT", "asked_again", "letter_of"]

_ELSE: Final = "`ccstream rebuild` brings what the log still has of it"

NOT_FOUND: Final = (
    f"it came by a letter about a link, and {MAIL_TOPIC} has no row of it any more: {_ELSE}"
)
"""Of a dead letter that does not lead to its letter."""

NOT_LOOKED_FOR: Final = (
    f"not looked for: there is too much in {MAIL_TOPIC} between the oldest event that is retried "
    "and it; give a later --since, or its place alone"
)
"""Of a dead letter that does not lead to its letter, either; nobody knows whether that is there."""

NO_ROOM: Final = frozenset(
    {reasons.TOO_MANY_ACCOUNTS, reasons.TOO_MANY_IDENTIFIERS, reasons.TOO_MANY_LINKS}
)
"""Why letters about links are refused, and never those with rows."""

NO_ROOM_LEFT: Final = (
    "there was no room for the link, as its reason says: once there is, publish it as a new event"
)
"""Of a link that was read where it is gathered: its event is known to its subject."""

_ROOM_UNKNOWN: Final = (
    f"{NO_ROOM_LEFT}. Its letter is gone from {MAIL_TOPIC}: if it was all links of a profile, "
    "the others are lost with it, and `ccstream rebuild` brings what the log still has"
)


def letter_of(rejected: Rejected, found: Message | None) -> Mail:
    """The letter that was rejected, in the record that is where it was.

    Raises:
        UndecodableError: it is not there any more, or nothing would come of it: a link that was
            refused. Where that was all links of a profile, who sent them has them no more, so that
            they are in the letter alone.
    """
    value = None if found is None else found.value()
    try:
        mail = None if value is None else decode_mail(value)
    except UndecodableError:
        mail = None
    if mail is not None and _origin_of(mail) != _origin_in(rejected):
        mail = None
    if rejected.reason in NO_ROOM and (mail is None or mail.key != POST_KINDS[Gathered]):
        raise UndecodableError("", NO_ROOM_LEFT if mail is not None else _ROOM_UNKNOWN)
    if mail is None:
        raise UndecodableError("", f"its letter is gone from {MAIL_TOPIC}: {_ELSE}")
    return mail


def asked_again(mail: Mail, event: Event, name: str) -> Mail:
    """The letter that asks again for what a letter asked for.

    Args:
        mail: the letter.
        event: the event in it.
        name: what the retry is of.

    Raises:
        UndecodableError: it cannot be asked for.
    """
    if mail.kind == HAND_OVER:
        return replace(
            mail,
            to=bringer_of(mail, event),
            kind=HAND_OVER_AGAIN,
            hops=1,
            row=_fingerprint_in(mail),
        )
    if mail.kind == HAND_BACK:
        # Under an id of its own each time: what is given twice comes back by two letters.
        return replace(
            mail,
            mail_id=again_id(mail, f"{name}/{uuid4().hex}"),
            to=mail.holder,
            kind=GIVE_BACK,
            hops=1,
            table="",
            key=bringer_of(mail, event),
            row=None,
            holder=bringer_of(mail, event),
        )
    return replace(mail, hops=1)


def _origin_of(mail: Mail) -> tuple[str, int, int]:
    return mail.origin_topic, mail.origin_partition, mail.origin_offset


def _origin_in(rejected: Rejected) -> tuple[str, int, int]:
    return rejected.topic, rejected.partition, rejected.offset


def _fingerprint_in(mail: Mail) -> bytes:
    if mail.row is None or mail.table == WINDOWS:
        raise UndecodableError("", "it came with no row that its holder keeps until it is taken")
    if mail.table not in TABLES:
        raise UndecodableError("", f"there is no table {mail.table}: an upgrade is needed first")
    try:
        return row_fingerprint(mail.table, mail.row)
    except StateError as problem:
        raise UndecodableError("", f"its row cannot be read: {problem}") from None
