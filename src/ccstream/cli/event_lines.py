"""Events as lines of JSON: what ``ccstream publish`` reads.

A line is an object with ``type`` (``CartItemAdded``, or the schema's full name) and the
event's own fields. Every name is checked, so that a mistyped ``quantitiy`` is an error and
no silent default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Protocol

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import fields

from ccstream.domain import reasons
from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError
from ccstream.wire.catalogue import EVENTS

__all__ = ["Defaults", "Line", "event_of", "lines"]

TYPES: Final[Mapping[str, type[Event]]] = {cls.__name__: cls for cls in EVENTS.values()}


class Line(Struct, frozen=True):
    """A line of input that is not blank, and its number, from 1."""

    number: int
    text: bytes


class Defaults(Struct, frozen=True, kw_only=True):
    """What events take where a line does not say; None for what each line must say."""

    stamp: Callable[[], tuple[str, int]]
    new_id: Callable[[int], str]
    channel: str | None = None
    source: str | None = None


class Reads(Protocol):
    """Where bytes come from: some that are there, none at the end."""

    def __call__(self) -> bytes: ...


def lines(read: Reads, bytes_max: int) -> Iterator[list[Line]]:
    """The lines of an input, as many at a time as there are.

    Args:
        read: gives the next bytes.
        bytes_max: longest line that is taken.

    Raises:
        InvalidEventError: a line is longer.
    """
    number = 0
    rest = b""
    while piece := read():
        *whole, rest = (rest + piece).split(b"\n")
        found = [Line(number + index, text) for index, text in enumerate(whole, 1) if text.strip()]
        number += len(whole)
        if found:
            yield found
        if len(rest) > bytes_max:
            raise InvalidEventError(
                reasons.TOO_BIG, f"line {number + 1} is longer than {bytes_max:,} bytes"
            )
    if rest.strip():
        yield [Line(number + 1, rest)]


def event_of(text: bytes, defaults: Defaults) -> Event:
    """The event that a line states.

    Raises:
        InvalidEventError: it states none; the detail says what is wrong with it.
    """
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise _wrong(f"is no JSON: {problem}") from None
    if not isinstance(given, dict):
        raise _wrong("is no JSON object")
    cls = _type(given.pop("type", None))
    _stamp(given, defaults)
    try:
        event = msgspec.convert(given, cls)
    except msgspec.ValidationError as problem:
        raise _wrong(f"is no {cls.__name__}: {problem}") from None
    _refuse_unknown(given, event, cls.__name__)
    return event


def _type(name: object) -> type[Event]:
    if not isinstance(name, str):
        raise _wrong('has no "type", as {"type": "CartItemAdded", …} has')
    cls = TYPES.get(name) or EVENTS.get(name)
    if cls is None:
        raise _wrong(f"has the type {name!r}, which is no event{_nearest(name, TYPES)}")
    return cls


def _stamp(given: dict[str, Any], defaults: Defaults) -> None:
    """Fill in what the line leaves out, and read what JSON cannot say directly."""
    if "occurred_at" in given:
        given["occurred_at"] = _milliseconds(given["occurred_at"])
        if "event_id" not in given:
            given["event_id"] = defaults.new_id(given["occurred_at"])
    else:
        event_id, given["occurred_at"] = defaults.stamp()
        given.setdefault("event_id", event_id)
    if defaults.channel is not None:
        given.setdefault("channel", defaults.channel)
    if defaults.source is not None:
        given.setdefault("source", defaults.source)
    observed = given.get("observed")
    if observed is not None:
        try:
            given["observed"] = bytes.fromhex(observed)
        except (TypeError, ValueError):
            raise _wrong("observed is no hexadecimal text") from None


def _milliseconds(stated: object) -> int:
    """Milliseconds since the epoch, or ISO 8601 with a zone."""
    if isinstance(stated, int) and not isinstance(stated, bool):
        return stated
    if not isinstance(stated, str):
        raise _wrong("occurred_at is neither milliseconds nor a time as 2026-01-31T12:00:00Z")
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        raise _wrong(f"occurred_at {stated!r} is no time as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise _wrong(f"occurred_at {stated!r} has no zone: end it with Z or, say, +01:00")
    return round(moment.timestamp() * 1000)


def _refuse_unknown(given: object, record: object, where: str) -> None:
    """Compare what was given with what was taken: names in the first alone are unknown."""
    if isinstance(given, dict) and isinstance(record, Struct):
        names = [field.name for field in fields(record)]
        for name, value in given.items():
            if name not in names:
                raise _wrong(f"{where} has no field {name!r}{_nearest(name, names)}")
            _refuse_unknown(value, getattr(record, name), f"{where}.{name}")
    elif isinstance(given, list) and isinstance(record, tuple):
        for one, taken in zip(given, record, strict=True):
            _refuse_unknown(one, taken, where)


def _nearest(name: str, candidates: Iterable[str]) -> str:
    found = get_close_matches(name, list(candidates), n=1)
    return f"; did you mean {found[0]}?" if found else f"; there are {', '.join(candidates)}"


def _wrong(detail: str) -> InvalidEventError:
    return InvalidEventError(reasons.MALFORMED, detail)
