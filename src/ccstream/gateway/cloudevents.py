"""CloudEvents 1.0 over HTTP, read: one event structured or binary, or a batch of them.

How an event of the catalogue is written as a CloudEvent:

==================  =========================================================================
``id``              ``event_id``; a retry carries the same one
``type``            the schema's full name, ``ccstream.cart.v1.CartItemAdded``
``source``          ``/channel/source``, each percent-encoded: ``/web/shop-1``
``subject``         the entity's key, ``customer:42``
``time``            ``occurred_at``, RFC 3339 with a zone; now, where there is none
``traceparent``     W3C trace context, carried on to what the event causes
``data``            the event's other fields, as JSON
==================  =========================================================================

Other extension attributes are taken and dropped, as the specification wants it of those that
nobody knows. What is wrong is told by the CloudEvent's names: ``source``, ``data.quantity``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from starlette.datastructures import Headers

from ccstream.domain import reasons
from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError
from ccstream.gateway.at_once import SPECVERSION, event_at_once
from ccstream.gateway.bodies import json_of
from ccstream.gateway.envelopes import Envelope, batch_of, one_of
from ccstream.gateway.problems import FieldError, ProblemError
from ccstream.wire.event_json import event_class, event_of_fields, milliseconds

__all__ = [
    "BATCH",
    "BINARY",
    "ENVELOPE",
    "STRUCTURED",
    "Stated",
    "Unstamped",
    "channel_of",
    "event_of",
    "rule_broken",
    "stated",
    "traceparent_of",
]

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"

ENVELOPE: Final[Mapping[str, str]] = {
    "event_id": "id",
    "occurred_at": "time",
    "channel": "source",
    "source": "source",
    "subject": "subject",
}
"""The event's fields that are attributes of the CloudEvent, and which."""

SOURCES_CACHED: Final = 4_096
"""Sources that need not be taken apart again: shops and tills, not phones."""

SOURCE_CHARS_MAX: Final = 4_096
"""A channel and a source of 200 characters each, percent-encoded, fit."""

_PREFIX: Final = "ce-"
_WORDS: Final = re.compile(r"[a-z_]+")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})


class Stated(Struct, frozen=True):
    """What a request states: CloudEvents as objects, and whether they came as a batch."""

    events: Sequence[Any]
    batch: bool


class Unstamped(Struct, frozen=True):
    """What an event takes where it does not say: None where it must say."""

    event_id: str | None
    now_ms: int


def stated(headers: Headers, body: bytes) -> Stated:
    """The CloudEvents of a request, not looked at yet.

    Raises:
        ProblemError: the media type is none of the three, or the body is no JSON of its kind.
    """
    media_type, charset = _media_type(headers.get("content-type", ""))
    if charset not in _CHARSETS:
        raise ProblemError("unsupported-media-type", "JSON is taken in UTF-8 only.")
    if media_type == BATCH:
        batch = batch_of(body)
        if batch is not None:
            return Stated(batch, batch=True)
        found = json_of(body)
        if not isinstance(found, list):
            raise ProblemError("invalid-json", "A batch is a JSON array of CloudEvents.")
        return Stated(found, batch=True)
    if media_type == STRUCTURED:
        return Stated([one_of(body) or json_of(body)], batch=False)
    if media_type == BINARY or media_type.endswith("+json"):
        attributes = _attributes(headers)
        if attributes:
            return Stated([{**attributes, "data": json_of(body)}], batch=False)
    raise ProblemError(
        "unsupported-media-type",
        f"Send {STRUCTURED}, {BATCH}, or {BINARY} with the attributes as ce- headers.",
        headers={"Accept": f"{STRUCTURED}, {BATCH}, {BINARY}"},
    )


def channel_of(event: Any) -> tuple[str, str]:
    """The channel and source that a CloudEvent names.

    Raises:
        ProblemError: invalid-event.
    """
    version: Any
    source: Any
    if isinstance(event, Envelope):
        version, source = event.specversion, event.source
    elif isinstance(event, dict):
        version, source = event.get("specversion"), event.get("source")
    else:
        raise ProblemError("invalid-event", "A CloudEvent is a JSON object.")
    if version != SPECVERSION:
        _refuse("specversion", f'is not "{SPECVERSION}"')
    known = isinstance(source, str) and len(source) <= SOURCE_CHARS_MAX
    parts = _path(source) if known else ()
    if len(parts) != 2:
        _refuse("source", "is not /channel/source, as /web/shop-1")
    return parts[0], parts[1]


def event_of(
    event: Envelope | Mapping[str, Any], channel: str, source: str, fallback: Unstamped
) -> Event:
    """The event of the catalogue that a CloudEvent states.

    Raises:
        ProblemError: unknown-type, or invalid-event with the fields that are wrong.
    """
    if isinstance(event, Envelope):
        found = event_at_once(event, channel, source, fallback.event_id, fallback.now_ms)
        if found is not None:
            return found
        event = event.plain()
    try:
        cls = event_class(event.get("type"))
    except InvalidEventError as problem:
        raise ProblemError(
            "unknown-type", f"It {problem.detail}.", errors=(FieldError("type", problem.detail),)
        ) from None
    given = dict(_data(event))
    if not ENVELOPE.keys().isdisjoint(given):
        name = next(name for name in ENVELOPE if name in given)
        _refuse(f"data.{name}", f"is stated by the attribute {ENVELOPE[name]}; take it out")
    if "sessionid" in event and "session_id" not in given:
        given["session_id"] = event["sessionid"]
    event_id = event.get("id", fallback.event_id)
    if event_id is None:
        _refuse("id", "is missing; or send an Idempotency-Key, and ids are made from it")
    if "subject" not in event:
        _refuse("subject", "is missing: whom it is about, as customer:42")
    given |= {
        "event_id": event_id,
        "channel": channel,
        "source": source,
        "subject": event["subject"],
        "occurred_at": fallback.now_ms,
    }
    try:
        if event.get("time") is not None:
            given["occurred_at"] = _time(event["time"])
        return event_of_fields(cls, given)
    except InvalidEventError as problem:
        raise _invalid(problem.detail, problem.field) from None


def traceparent_of(event: Envelope | Mapping[str, Any], fallback: str | None) -> str | None:
    """The trace that an event belongs to: its own, else the request's, if they are one."""
    own = event.traceparent if isinstance(event, Envelope) else event.get("traceparent")
    for found in (own, fallback):
        if isinstance(found, str) and _TRACEPARENT.fullmatch(found):
            return found
    return None


def rule_broken(cls: type[Event], reject: InvalidEventError) -> ProblemError:
    """The problem with an event that breaks a rule of its context."""
    names = set(cls.__struct_fields__)
    field = next((word for word in _WORDS.findall(reject.detail) if word in names), None)
    return _invalid(reject.detail, field)


def _invalid(detail: str, field: str | None) -> ProblemError:
    if field is None:
        place = "data"
    else:
        first = field.partition(".")[0]
        place = ENVELOPE.get(first, f"data.{field}")
    sentence = detail[0].upper() + detail[1:]
    return ProblemError("invalid-event", f"{sentence}.", errors=(FieldError(place, detail),))


def _refuse(field: str, detail: str) -> NoReturn:
    raise ProblemError(
        "invalid-event", f"{field} {detail}.", errors=(FieldError(field, f"{field} {detail}"),)
    )


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    if "data_base64" in event:
        _refuse("data_base64", "is not taken; state the fields as JSON in data")
    kind = event.get("datacontenttype")
    if kind is not None and (not isinstance(kind, str) or not _is_json(_media_type(kind)[0])):
        _refuse("datacontenttype", f"is not {BINARY}")
    data = event.get("data")
    if not isinstance(data, dict):
        _refuse("data", "is no JSON object with the event's fields")
    return data


def _time(text: object) -> int:
    if not isinstance(text, str):
        raise InvalidEventError(
            reasons.MALFORMED, "time is no text as 2026-01-31T12:00:00Z", "occurred_at"
        )
    try:
        return milliseconds(text)
    except InvalidEventError as problem:
        detail = problem.detail.replace("occurred_at", "time", 1)
        raise InvalidEventError(problem.reason, detail, "occurred_at") from None


@lru_cache(maxsize=SOURCES_CACHED)
def _path(reference: str) -> tuple[str, ...]:
    """The segments of a URI reference's path, decoded; none if it cannot be read."""
    try:
        path = urlsplit(reference).path
        return tuple(unquote(part, errors="strict") for part in path.strip("/").split("/"))
    except ValueError:
        return ()


def _attributes(headers: Headers) -> dict[str, Any]:
    """The attributes that headers state; percent-decoded, as the HTTP binding has it."""
    found: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(_PREFIX):
            attribute = name.removeprefix(_PREFIX)
            try:
                found[attribute] = unquote(value, errors="strict")
            except UnicodeDecodeError:
                _refuse(name, "is not UTF-8, percent-encoded")
    return found


def _media_type(text: str) -> tuple[str, str]:
    """A media type and its charset, both in lower case."""
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    charset = "utf-8"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            charset = value.strip().strip('"')
    return media_type, charset


def _is_json(media_type: str) -> bool:
    return media_type == BINARY or media_type.endswith("+json")
