"""Rules as TOML: read into a type, or refused with the place that is wrong."""

from __future__ import annotations

import tomllib
from typing import TypeVar

import msgspec

from ccstream.errors import RulesError

__all__ = ["read_toml"]

T = TypeVar("T")


def read_toml(content: bytes, kind: type[T], name: str) -> T:
    """What a file says.

    Args:
        content: TOML in UTF-8.
        kind: what it is to be.
        name: the file's, for the sentence that says what is wrong.

    Raises:
        RulesError: it is something else; the sentence names the place.
    """
    try:
        return msgspec.convert(tomllib.loads(content.decode()), kind)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RulesError(f"{name}: is not TOML: {problem}") from None
    except msgspec.ValidationError as problem:
        what, _, where = str(problem).partition(" - at ")
        place = where.strip("`").removeprefix("$.") or "the file"
        raise RulesError(f"{name}: {place}: {what}") from None
