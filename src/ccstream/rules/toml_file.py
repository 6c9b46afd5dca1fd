"""Rules as TOML: read into a type, or refused with the place that is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from ccstream.errors import RulesError

__all__ = ["read_toml"]

T = TypeVar("T")

_STEP: Final = re.compile(r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
"""Of msgspec's paths; ``[...]`` is whichever of the names or values that are there."""


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
        said = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RulesError(f"{name}: is not TOML: {problem}") from None
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as problem:
        trouble = str(problem)
    what, _, where = trouble.partition(" - at ")
    place = _place(where, said, lambda: _trouble(said, kind) == trouble)
    raise RulesError(f"{name}: {place or 'the file'}: {what}")


def _trouble(said: Any, kind: type[Any]) -> str | None:
    try:
        msgspec.convert(said, kind)
    except msgspec.ValidationError as problem:
        return str(problem)
    return None


def _place(where: str, said: Any, is_wrong: Callable[[], bool]) -> str:
    """The place as one who wrote the file knows it.

    Args:
        where: as msgspec has it, ``$.region[...].holidays``, or ```key` in `$.classes``` of a name.
        said: what the file says; it is changed, and is as it was afterwards.
        is_wrong: whether the same is still wrong with it.
    """
    path = where.rpartition("$")[2].strip("`") + ("[...]" if where.startswith("`key`") else "")
    place = ""
    for step in _STEP.finditer(path):
        if step["field"] is not None:
            key: Any = step["field"]
        elif step["index"] is not None:
            key = int(step["index"])
        else:
            key = next(_alone(said, is_wrong), None)
            if key is None:
                break  # none is wrong by itself: the place is all of it
        place += f"[{key}]" if isinstance(key, int) else f".{key}"
        if step.end() < len(path):
            said = said[key]
    return place.removeprefix(".")


def _alone(table: Any, is_wrong: Callable[[], bool]) -> Iterator[Any]:
    """Which names of a table, or places of a list, are wrong by themselves."""
    whole = table.copy()
    put = table.update if isinstance(table, dict) else table.extend
    for key in list(table) if isinstance(table, dict) else range(len(table)):
        table.clear()
        put({key: whole[key]} if isinstance(table, dict) else [whole[key]])
        wrong = is_wrong()
        table.clear()
        put(whole)
        if wrong:
            yield key
