"""Which fields are personal, by their schemas, and how ciphertext looks in them.

A field with ``"personal": true`` in its schema may hold ciphertext: a text that says with which
key it was made, ``ccx1.<key id>.<bytes in base64url>``. It is text where the plain value would be,
so that no schema differs, and whoever only carries it need not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ccstream.domain.events import Event
from ccstream.wire.catalogue import EVENT_TYPES
from ccstream.wire.schemas import schema

__all__ = [
    "CIPHERTEXT_CHARS_MAX",
    "KEY_ID_CHARS",
    "ciphertext_of",
    "has_plain_values",
    "is_ciphertext",
    "key_id_of",
    "opened",
    "personal_fields",
    "sealed_part",
    "with_personal",
]

KEY_ID_CHARS: Final = 22
"""128 random bits in base64url."""

CIPHERTEXT_CHARS_MAX: Final = 5_500
"""Of the longest text that is taken in plain: 1,000 characters of up to 4 bytes, and what the
cipher and base64url add."""

_PREFIX: Final = "ccx1."
_CIPHERTEXT: Final = re.compile(
    rf"ccx1\.[A-Za-z0-9_-]{{{KEY_ID_CHARS}}}\.[A-Za-z0-9_-]{{{KEY_ID_CHARS},}}"
)

Path = tuple[str, ...]

E = TypeVar("E", bound=Event)


def is_ciphertext(text: str) -> bool:
    """Whether a text has the form of ciphertext; whether it can be read, only its key tells."""
    return text.startswith(_PREFIX) and _CIPHERTEXT.fullmatch(text) is not None


def ciphertext_of(key_id: str, sealed: str) -> str:
    """The text of what was encrypted with a key, given in base64url."""
    return f"{_PREFIX}{key_id}.{sealed}"


def key_id_of(ciphertext: str) -> str:
    """The id of its key."""
    return ciphertext[len(_PREFIX) : len(_PREFIX) + KEY_ID_CHARS]


def sealed_part(ciphertext: str) -> str:
    """What was encrypted, in base64url."""
    return ciphertext[len(_PREFIX) + KEY_ID_CHARS + 1 :]


@cache
def personal_fields(cls: type[Event]) -> tuple[Path, ...]:
    """The paths of an event's personal fields, as ``("traits", "value")``; lists are gone into."""
    return tuple(_marked(schema(EVENT_TYPES[cls]).raw))


def with_personal(event: E, change: Callable[[str], str]) -> E:
    """The event with each personal text changed; those that are null stay so."""
    for path in personal_fields(type(event)):
        event = _changed(event, path, change)
    return event


def has_plain_values(event: Event) -> bool:
    """Whether a personal field holds anything but ciphertext."""
    found: list[str] = []

    def note(text: str) -> str:
        if not is_ciphertext(text):
            found.append("")
        return text

    with_personal(event, note)
    return bool(found)


def opened(data: Any, change: Callable[[str], str]) -> Any:
    """Plain data (dicts, lists) or records with each ciphertext in it changed, wherever it is."""
    match data:
        case str():
            return change(data) if is_ciphertext(data) else data
        case dict():
            return {name: opened(one, change) for name, one in data.items()}
        case list():
            return [opened(one, change) for one in data]
        case tuple():
            return tuple(opened(one, change) for one in data)
        case Struct():
            fields = {name: getattr(data, name) for name in data.__struct_fields__}
            after = {name: opened(one, change) for name, one in fields.items()}
            return replace(data, **after) if after != fields else data
    return data


def _marked(raw: Any, before: Path = ()) -> Iterator[Path]:
    if isinstance(raw, list):
        for one in raw:
            yield from _marked(one, before)
    elif isinstance(raw, dict) and raw.get("type") == "record":
        for field in raw["fields"]:
            path = (*before, field["name"])
            if field.get("personal"):
                yield path
            else:
                yield from _marked(field["type"], path)
    elif isinstance(raw, dict) and raw.get("type") == "array":
        yield from _marked(raw["items"], before)


def _changed(record: Any, path: Path, change: Callable[[str], str]) -> Any:
    name, *rest = path
    value = getattr(record, name)
    if value is None:
        return record
    after: Any
    if not rest:
        after = change(value)
    elif isinstance(value, tuple):
        after = tuple(_changed(one, tuple(rest), change) for one in value)
    else:
        after = _changed(value, tuple(rest), change)
    return record if after == value else replace(record, **{name: after})
