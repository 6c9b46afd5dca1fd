"""Questions to the worker that owns a key, and its answers: bodies of HTTP requests.

A question is signed with the key that its worker published with its address in the owners' topic,
which a worker makes anew at each start: so only who may read that topic can ask, and nothing has
to be handed out. The time is signed along and holds for `SIGNED_MS_MAX`.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from ccstream.errors import UndecodableError

__all__ = [
    "QUESTION_BYTES_MAX",
    "SIGNED_MS_MAX",
    "Answer",
    "Question",
    "Visit",
    "Written",
    "decode_answer",
    "decode_question",
    "encode",
    "is_signed",
    "signature",
]

SIGNED_MS_MAX: Final = 30_000
"""How far the clocks of gateway and worker may differ, with the way between them."""

QUESTION_BYTES_MAX: Final = 16_384
"""Keys and ids have at most some hundred characters."""


class Written(Struct, frozen=True):
    """An event whose author asks for an answer that includes it.

    ``source`` is the channel and what of it, as duplicate windows name sources. ``link`` says that
    it is a log-in or log-out, of which the account is told by other letters.
    """

    topic: str
    partition: int
    offset: int
    subject: str
    source: str
    event_id: str
    occurred_at: int
    link: bool = False


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked about one entity.

    Args:
        app_id: the application whose tables are meant.
        entity: whose rows.
        tables: which of them; an order's are all that there are.
        live: as they are being folded, rather than as they are committed.
        path: whether to tell the visits of ``touches`` as well.
        written: whether this event is included is to be said, too.
    """

    app_id: str
    entity: str
    tables: tuple[str, ...] = ()
    live: bool = False
    path: bool = False
    written: Written | None = None


class Visit(Struct, frozen=True):
    """Touches of one channel and campaign without a long silence between them."""

    started_at: int
    ended_at: int
    channel: str
    campaign_id: str
    touches: int


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rows as they were together, at one moment of their partition.

    Args:
        partition: the number.
        epoch: the owner's.
        read_at: when, by the owner's clock, in ms.
        as_of: the last offset of each input topic that is included.
        root: the account that the entity belongs to now, empty if to none.
        rows: the sync records of the tables asked for, framed, without a cause.
        versions: those of the rows, in the same order.
        path: the visits, where they were asked for.
        included: whether the event is; True where there was no question of one.
        holder: the account that it was sent on to, to ask there; empty if it was not.
    """

    partition: int
    epoch: int
    read_at: int
    as_of: dict[str, int]
    root: str = ""
    rows: dict[str, list[bytes]] = msgspec.field(default_factory=dict)
    versions: dict[str, list[int]] = msgspec.field(default_factory=dict)
    path: list[Visit] = msgspec.field(default_factory=list)
    included: bool = True
    holder: str = ""


encode = msgspec.msgpack.Encoder().encode

_question: Final = msgspec.msgpack.Decoder(Question)
_answer: Final = msgspec.msgpack.Decoder(Answer)


def decode_question(body: bytes) -> Question:
    """The question in a body; raises `UndecodableError` if it is none."""
    try:
        return _question.decode(body)
    except msgspec.MsgspecError as error:
        raise UndecodableError("malformed", "the body is no question") from error


def decode_answer(body: bytes) -> Answer:
    """The answer in a body; raises `UndecodableError` if it is none."""
    try:
        return _answer.decode(body)
    except msgspec.MsgspecError as error:
        raise UndecodableError("malformed", "the body is no answer") from error


def signature(key: bytes, now_ms: int, body: bytes) -> str:
    """What goes into the header ``Ccstream-Signature``."""
    return f"{now_ms}:{_digest(key, now_ms, body)}"


def is_signed(key: bytes, now_ms: int, body: bytes, text: str) -> bool:
    """Whether a body was signed with this key, lately."""
    stated, _, digest = text.partition(":")
    if not (stated.isascii() and stated.isdigit() and len(stated) <= 15):
        return False
    if abs(now_ms - int(stated)) > SIGNED_MS_MAX:
        return False
    return hmac.compare_digest(digest.encode(), _digest(key, int(stated), body).encode())


def _digest(key: bytes, at_ms: int, body: bytes) -> str:
    return hmac.new(key, b"%d\n" % at_ms + body, sha256).hexdigest()
