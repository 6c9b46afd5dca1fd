"""Events as lines of JSON: what ``ccstream publish`` reads.

A line is an object with ``type`` (``CartItemAdded``, or the schema's full name) and the
event's own fields, all of whose names are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import orjson
from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError
from ccstream.wire.event_json import event_class, event_of_fields, milliseconds

__all__ = ["Defaults", "Line", "event_of", "lines"]


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
        raise InvalidEventError(reasons.MALFORMED, f"is no JSON: {problem}") from None
    if not isinstance(given, dict):
        raise InvalidEventError(reasons.MALFORMED, "is no JSON object")
    cls = event_class(given.pop("type", None))
    _stamp(given, defaults)
    return event_of_fields(cls, given)


def _stamp(given: dict[str, Any], defaults: Defaults) -> None:
    """Fill in what the line leaves out."""
    if "occurred_at" in given:
        given["occurred_at"] = milliseconds(given["occurred_at"])
        if "event_id" not in given:
            given["event_id"] = defaults.new_id(given["occurred_at"])
    else:
        event_id, given["occurred_at"] = defaults.stamp()
        given.setdefault("event_id", event_id)
    if defaults.channel is not None:
        given.setdefault("channel", defaults.channel)
    if defaults.source is not None:
        given.setdefault("source", defaults.source)
