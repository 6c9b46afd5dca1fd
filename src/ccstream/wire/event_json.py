"""Events as JSON objects: from the fields that somebody states to the typed event.

Every name is checked, so that a mistyped ``quantitiy`` is an error and no silent default, and
every error says which field it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec import Struct

from ccstream.domain import reasons
from ccstream.domain.events import Event
from ccstream.errors import InvalidEventError
from ccstream.wire.catalogue import EVENTS

__all__ = ["event_class", "event_of_fields", "milliseconds"]

TYPES: Final[Mapping[str, type[Event]]] = {cls.__name__: cls for cls in EVENTS.values()}

NAME_CHARS_SHOWN: Final = 100
"""Of a name that is not known; more would be a value in the wrong place."""

_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING: Final = re.compile(r"required field `([^`]+)`")


def event_class(name: object) -> type[Event]:
    """The class of a type: ``CartItemAdded``, or the schema's full name.

    Raises:
        InvalidEventError: there is none; about the field ``type``.
    """
    if not isinstance(name, str):
        raise _wrong('has no "type", as {"type": "CartItemAdded", …} has', "type")
    cls = TYPES.get(name) or EVENTS.get(name)
    if cls is None:
        shown = name[:NAME_CHARS_SHOWN]
        raise _wrong(f"has the type {shown!r}, which is no event{_nearest(name, TYPES)}", "type")
    return cls


def event_of_fields(cls: type[Event], given: dict[str, Any]) -> Event:
    """The event with these fields, all that it has to have among them.

    Args:
        cls: its class.
        given: from JSON, but for ``occurred_at`` in milliseconds. What JSON cannot say
            directly is read here: ``observed`` is hexadecimal text.

    Raises:
        InvalidEventError: a field is missing, unknown or of a wrong type.
    """
    observed = given.get("observed")
    if observed is not None:
        try:
            given["observed"] = bytes.fromhex(observed)
        except (TypeError, ValueError):
            raise _wrong("observed is no hexadecimal text", "observed") from None
    try:
        event = msgspec.convert(given, cls)
    except msgspec.ValidationError as problem:
        raise _wrong(f"is no {cls.__name__}: {problem}", _field_of(str(problem))) from None
    _refuse_unknown(given, event, cls.__name__, "")
    return event


def milliseconds(stated: object) -> int:
    """Milliseconds since the epoch, given so or in ISO 8601 with a zone.

    Raises:
        InvalidEventError: it is neither.
    """
    name = "occurred_at"
    if isinstance(stated, int) and not isinstance(stated, bool):
        return stated
    if not isinstance(stated, str):
        raise _wrong(f"{name} is neither milliseconds nor a time as 2026-01-31T12:00:00Z", name)
    shown = stated[:NAME_CHARS_SHOWN]
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        raise _wrong(f"{name} {shown!r} is no time as 2026-01-31T12:00:00Z", name) from None
    if moment.tzinfo is None:
        raise _wrong(f"{name} {shown!r} has no zone: end it with Z or, say, +01:00", name)
    return round(moment.timestamp() * 1000)


def _wrong(detail: str, field: str | None = None) -> InvalidEventError:
    """The error for what is not the JSON of an event."""
    return InvalidEventError(reasons.MALFORMED, detail, field)


def _field_of(message: str) -> str | None:
    """The field that msgspec's message is about, as ``lines[0].quantity``."""
    place = _PLACE.search(message)
    path = "" if place is None else place[1].removesuffix("[...]")
    missing = _MISSING.search(message)
    parts = [part for part in (path, missing[1] if missing else "") if part]
    return ".".join(parts) or None


def _refuse_unknown(given: object, record: object, where: str, path: str) -> None:
    """Compare what was given with what was taken: names in the first alone are unknown."""
    if isinstance(given, dict) and isinstance(record, Struct):
        names = record.__struct_fields__
        for name, value in given.items():
            if name not in names:
                shown = name[:NAME_CHARS_SHOWN]
                field = f"{path}.{name}" if path else name
                raise _wrong(f"{where} has no field {shown!r}{_nearest(name, names)}", field)
            if isinstance(value, dict | list):
                field = f"{path}.{name}" if path else name
                _refuse_unknown(value, getattr(record, name), f"{where}.{name}", field)
    elif isinstance(given, list) and isinstance(record, tuple):
        for index, (one, taken) in enumerate(zip(given, record, strict=True)):
            _refuse_unknown(one, taken, where, f"{path}[{index}]")


def _nearest(name: str, candidates: Iterable[str]) -> str:
    found = get_close_matches(name[:NAME_CHARS_SHOWN], list(candidates), n=1)
    return f"; did you mean {found[0]}?" if found else f"; there are {', '.join(candidates)}"
