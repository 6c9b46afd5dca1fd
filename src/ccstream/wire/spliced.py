"""Encoded items of a list, kept from one state of a row to the next.

An Avro array is the concatenation of its items, and of the items of a row (lines, touches,
sources) an event changes one. The others are the objects that they were, since the domain
shares what it leaves alone, and so their bytes can be used again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

__all__ = ["Spliced"]

T = TypeVar("T")

_SHIFTED = 2
"""Where more items than this are not in their places, they are looked for in others."""


class Spliced(Generic[T]):
    """The items that were encoded last, held so that their identity means something."""

    __slots__ = ("_items", "_parts")

    def __init__(self) -> None:
        self._items: Collection[T] = ()
        self._parts: list[bytes] = []

    def splice(self, items: Collection[T], encode: Callable[[T], bytes]) -> list[bytes]:
        """The encoded items, of which only unknown ones are encoded.

        The items are held and must not change; a dict's values will do. The list is the
        splicer's own: valid until the next call, and not to be changed.
        """
        parts = self._parts
        if len(items) == len(parts):
            changed = [
                (n, item)
                for n, (item, old) in enumerate(zip(items, self._items, strict=True))
                if item is not old
            ]
            if len(changed) <= _SHIFTED:
                for n, item in changed:
                    parts[n] = encode(item)
                self._items = items
                return parts
        known = dict(zip(map(id, self._items), parts, strict=True))
        self._parts = [known.get(id(item)) or encode(item) for item in items]
        self._items = items
        return self._parts

    def known(self, item: T) -> bytes | None:
        """The bytes of an item that was spliced last, None if it was not."""
        for kept, part in zip(self._items, self._parts, strict=True):
            if kept is item:
                return part
        return None
