"""Sends rejected events again: to where they came from, as they were.

The record is read from its own topic, with its headers, as long as it is there; after that, what
the dead letter keeps of it must do. An event that had been sent on when it was rejected goes to
the entity it had been sent to, as a letter again: on its own topic it would count as a duplicate
by what it left on its way. One that came by a letter about something else, a row that is handed
over, is asked for again by another letter (`letters_again.py`).

A retry is an event with an old id, so that it cannot take effect twice: the worker's duplicate
windows know the id once it has, also if it is sent again and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import methodcaller
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Struct
from msgspec.structs import replace

from ccstream.errors import CcstreamError, DeliveryError, UndecodableError
from ccstream.ops.codecs import codec_of
from ccstream.ops.dead_letters import DeadLetter, Place
from ccstream.ops.letters_again import (
    NO_ROOM_LEFT,
    NOT_FOUND,
    NOT_LOOKED_FOR,
    asked_again,
    letter_of,
)
from ccstream.ops.letters_searched import is_refused_link, is_unled, search
from ccstream.ops.reading import TopicReader
from ccstream.ops.refusals import told
from ccstream.ops.settings import Settings
from ccstream.ops.single_records import At, SingleRecords
from ccstream.wire.catalogue import MAIL_TOPIC
from ccstream.wire.codec import Codec
from ccstream.wire.headers import BY_HAND, RETRY_OF, TRACEPARENT, Headers, event_headers
from ccstream.wire.mail import FORWARD, GIVE_BACK, Mail, encode_mail
from ccstream.wire.rejected import KEPT_KEY_BYTES_MAX, Rejected

__all__ = ["Outcome", "Retry", "prepare", "send"]

SEND_SECONDS_MAX: Final = 30.0
"""For what is handed over to be acknowledged, counted from the last sign of progress."""

_NOT_TRIED: Final = "it was not tried before this ended"
_PERHAPS: Final = "this ended before it was acknowledged; it may be stored"

_PURGED: Final = {
    KafkaError._PURGE_QUEUE: _NOT_TRIED,
    KafkaError._PURGE_INFLIGHT: _PERHAPS,
}
"""Of what the producer still had when it was to end."""

_PURGED_WITHIN: Final = 5.0
"""Seconds for the producer to tell of that."""

OURS: Final = frozenset({RETRY_OF, BY_HAND})

_headers_of = methodcaller("headers")
"""As `ccstream.engine.source`: a name that is not UTF-8 must be an exception, not the end."""


class Retry(Struct, frozen=True, kw_only=True):
    """A record to send, and the dead letters that it is for: the same event may have several."""

    places: tuple[Place, ...]
    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    occurred_at: int


class Outcome(Struct, kw_only=True):
    """What came of it: of each record that was sent whom it was for, and why others were not, by
    the dead letter's place; and how many it did not come to before an error.
    """

    sent: list[tuple[Place, ...]] = []
    failed: dict[Place, str] = {}
    passed_over: dict[Place, str] = {}
    not_tried: int = 0


def prepare(
    settings: Settings,
    records: SingleRecords,
    letters: Sequence[DeadLetter],
    *,
    by_hand: bool,
    report: Callable[[str], None],
) -> tuple[list[Retry], dict[Place, str]]:
    """The records that these letters stand for, oldest event first, and what cannot be sent.

    The order matters to those applied by hand: of these too, what leaves memory leaves a
    horizon behind.
    """
    codec = codec_of(settings)
    retries: dict[Any, Retry] = {}
    passed_over = {}
    unled: list[DeadLetter] = []

    def keep(retry: Retry, same: object) -> None:
        known = retries.get(same)
        places = retry.places if known is None else (*known.places, *retry.places)
        retries[same] = replace(retry, places=places)

    originals = records.at(map(_origin_of, letters))
    for letter in letters:
        rejected, found = letter.rejected, originals.get(_origin_of(letter))
        try:
            if rejected.mail_offset is not None:
                asked = letter_of(rejected, found)
                keep(*_asked(letter, asked, found, codec, by_hand=by_hand))
                continue
            retry = _retry(letter, _original(rejected, found), codec, by_hand=by_hand)
        except UndecodableError as problem:
            passed_over[letter.place] = problem.detail
            continue
        if retry is None:
            unled.append(letter)
        else:
            keep(retry, (rejected.topic, rejected.to, retry.key, rejected.value))
    rows, unlooked = _rows_of(settings, unled, report, by_time=not records.embedded)
    for letter in unled:
        if letter.place in unlooked:
            passed_over[letter.place] = NOT_LOOKED_FOR
            continue
        why = NOT_FOUND
        for asked, found in rows.get(letter.place, ()):
            try:
                keep(*_asked(letter, asked, found, codec, by_hand=by_hand))
                why = ""
            except UndecodableError as problem:
                why = why and problem.detail
        if why:
            passed_over[letter.place] = why
    return sorted(retries.values(), key=lambda one: (one.occurred_at, one.places)), passed_over


def send(retries: Sequence[Retry], producer: Producer, outcome: Outcome) -> None:
    """Send them, in their order, and wait until every one is acknowledged or has failed, which
    ``outcome`` gets, also if this is interrupted.

    In a thread: what interrupts a callback of librdkafka's is lost, and its record with it.

    Raises:
        DeliveryError: neither, for a long time; those acknowledged until then are sent.
    """
    ends = threading.Event()
    with ThreadPoolExecutor(1, "ccstream-retry") as pool:
        sending = pool.submit(_send, retries, producer, outcome, ends)
        try:
            sending.result()
        finally:
            ends.set()


def _send(
    retries: Sequence[Retry], producer: Producer, outcome: Outcome, ends: threading.Event
) -> None:
    pending = dict(enumerate(retries))
    begun = 0
    try:
        for number, retry in enumerate(retries):
            if ends.is_set():
                return
            begun = number + 1
            _produce(producer, retry, partial(_done, outcome, pending, number), ends)
        _wait(producer, len(retries), ends)
    finally:
        producer.purge()
        deadline = time.monotonic() + _PURGED_WITHIN
        while len(producer) and time.monotonic() < deadline:
            producer.poll(0.1)
        for number, retry in pending.items():
            why = _PERHAPS if number < begun else _NOT_TRIED
            outcome.failed.update(dict.fromkeys(retry.places, why))


def _wait(producer: Producer, count: int, ends: threading.Event) -> None:
    left, last_sign = len(producer), time.monotonic()
    while left and not ends.is_set():
        producer.poll(0.2)
        if len(producer) < left:
            left, last_sign = len(producer), time.monotonic()
        elif time.monotonic() - last_sign > SEND_SECONDS_MAX:
            raise DeliveryError(
                f"{left} of {count} records were not acknowledged within "
                f"{SEND_SECONDS_MAX:.0f} s; it does no harm to retry all of them again"
            )


def _origin_of(letter: DeadLetter) -> At:
    """Where the record is that was rejected: a letter, if its dead letter leads to it."""
    rejected = letter.rejected
    if rejected.mail_offset is not None:
        return MAIL_TOPIC, letter.place.partition, rejected.mail_offset
    return rejected.topic, rejected.partition, rejected.offset


def _rows_of(
    settings: Settings,
    unled: Sequence[DeadLetter],
    report: Callable[[str], None],
    *,
    by_time: bool,
) -> tuple[Mapping[Place, Sequence[tuple[Mail, Message]]], Set[Place]]:
    """What the mail has of those that lead to no letter, and of which not all was looked for."""
    if not unled:
        return {}, set()
    with TopicReader(settings, MAIL_TOPIC, "read_committed", report) as mail:
        return search(mail, unled, report, by_time=by_time)


def _original(rejected: Rejected, found: Message | None) -> Message | None:
    """The record in its own topic, if it still is there and is the same."""
    message: Any = found
    if message is None:
        return None
    key, value, kept = message.key(), message.value(), rejected.value
    if key is not None:
        key = key[:KEPT_KEY_BYTES_MAX]
    if kept is None or value is None or len(value) != rejected.value_bytes:
        return None
    # Of a letter its dead letter has the event within, and whose it is.
    same = value.startswith(kept) and (key == rejected.key or rejected.to is not None)
    return message if same else None


def _retry(
    letter: DeadLetter, original: Message | None, codec: Codec, *, by_hand: bool
) -> Retry | None:
    """The event again; None if it came by a letter to which the dead letter has no way."""
    rejected = letter.rejected
    value: Any = rejected.value if original is None else original.value()
    if value is None and rejected.value_bytes:
        raise UndecodableError("", "its value was not kept, as it held something personal")
    if value is None:
        raise UndecodableError("", "its value was null, which never is an event")
    if len(value) < rejected.value_bytes:
        raise UndecodableError(
            "", f"its value was cut when it was kept, and the record is gone from {rejected.topic}"
        )
    headers = _headers(original)
    occurred_at = rejected.appended_at
    try:
        event = codec.decode_event(value)
    except CcstreamError:
        pass  # whether it is one now, the worker will say: a schema may have come since
    else:
        if is_refused_link(rejected, event):
            raise UndecodableError("", NO_ROOM_LEFT)
        if is_unled(rejected, event):
            return None
        occurred_at = event.occurred_at
        headers = headers if headers is not None else event_headers(event)
    topic, key = rejected.topic, rejected.key if original is None else original.key()
    if rejected.to is not None:
        letter_to = Mail(
            mail_id=f"{rejected.topic}/{rejected.partition}/{rejected.offset}/{letter.place}",
            hops=1,
            to=rejected.to,
            kind=FORWARD,
            origin_topic=rejected.topic,
            origin_partition=rejected.partition,
            origin_offset=rejected.offset,
            origin_appended_at=rejected.appended_at,
            value=value,
        )
        topic, key, value = MAIL_TOPIC, rejected.to.encode(), encode_mail(letter_to)
        headers = [one for one in headers or () if one[0] == TRACEPARENT]
    return Retry(
        places=(letter.place,),
        topic=topic,
        key=key,
        value=value,
        headers=[*(headers or ()), *_marks(letter, by_hand=by_hand)],
        occurred_at=occurred_at,
    )


def _asked(
    letter: DeadLetter, asked: Mail, found: Message | None, codec: Codec, *, by_hand: bool
) -> tuple[Retry, object]:
    """What asks for what the letter ``asked`` for, which is this record of the mail topic; and what
    it is the same by.
    """
    event = codec.decode_event(asked.value)
    mail = asked_again(asked, event, str(letter.place))
    trace = [one for one in _headers(found) or () if one[0] == TRACEPARENT]
    retry = Retry(
        places=(letter.place,),
        topic=MAIL_TOPIC,
        key=mail.to.encode(),
        value=encode_mail(mail),
        headers=[*trace, *_marks(letter, by_hand=by_hand)],
        occurred_at=event.occurred_at,
    )
    if mail.kind == GIVE_BACK:
        # It asks for all that came by a key: once for a basket, touches and orders of one unlink.
        origin = asked.origin_topic, asked.origin_partition, asked.origin_offset
        return retry, (GIVE_BACK, mail.to, mail.key, origin)
    return retry, (asked.mail_id, asked.to)


def _marks(letter: DeadLetter, *, by_hand: bool) -> Headers:
    return [(RETRY_OF, str(letter.place).encode()), *([(BY_HAND, b"")] if by_hand else ())]


def _headers(original: Message | None) -> Headers | None:
    """The record's headers without those of an earlier retry; None if they cannot be had."""
    if original is None:
        return None
    try:
        found = _headers_of(original)
    except Exception:  # noqa: BLE001 - a SystemError, where a name is not UTF-8
        return None
    return [(name, value) for name, value in found or () if name not in OURS]


def _produce(
    producer: Producer, retry: Retry, done: Callable[..., None], ends: threading.Event
) -> None:
    deadline = time.monotonic() + SEND_SECONDS_MAX
    while not ends.is_set():
        try:
            producer.produce(
                retry.topic,
                retry.value,
                retry.key,
                headers=list(retry.headers),
                on_delivery=done,
            )
        except BufferError:
            if time.monotonic() > deadline:
                raise DeliveryError(
                    f"nothing was acknowledged for {SEND_SECONDS_MAX:.0f} s; it does no harm to "
                    "retry all of them again"
                ) from None
            producer.poll(0.1)
        except KafkaException as problem:
            done(problem.args[0], None)
            return
        else:
            producer.poll(0)
            return


def _done(
    outcome: Outcome,
    pending: dict[int, Retry],
    number: int,
    error: KafkaError | None,
    _message: object,
) -> None:
    retry = pending.pop(number)
    if error is None:
        outcome.sent.append(retry.places)
    else:
        why = _PURGED.get(error.code()) or told(error)
        outcome.failed.update(dict.fromkeys(retry.places, why))
