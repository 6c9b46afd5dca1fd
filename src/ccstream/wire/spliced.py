"""Encoded items of a list, kept from one state of a row to the next.

An Avro array is the concatenation of its items, and of the items of a row (lines, touches,
sources) an event changes one. The others are the objects that they were, since the domain
shares what it leaves alone, and so their bytes can be used again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from operator import is_
from typing import Generic, TypeVar

__all__ = ["Spliced"]

T = TypeVar("T")

_SHIFTED = 2
"""Where more items than this are not in their places, they are looked for in others."""


class Spliced(Generic[T]):
    """The items that were encoded last, held so that their identity means something."""

    __slots__ = ("_items", "_parts")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._parts: list[bytes] = []

    def splice(self, items: Collection[T], encode: Callable[[T], bytes]) -> list[bytes]:
        """The encoded items, of which only unknown ones are encoded.

        The items are held and must not change; a dict's values will do. The list is the
        splicer's own: valid until the next call, and not to be changed.
        """
        parts, kept = self._parts, self._items
        known = len(parts)
        if len(items) >= known:
            # The usual event changes one item, or adds one at the end.
            same = list(map(is_, items, kept))
            changed = same.count(False)
            if changed <= _SHIFTED:
                if changed:
                    for at, (item, unchanged) in enumerate(zip(items, same, strict=False)):
                        if not unchanged:
                            kept[at] = item
                            parts[at] = encode(item)
                if len(items) > known:
                    for item in islice(items, known, None):
                        kept.append(item)
                        parts.append(encode(item))
                return parts
        by_identity = dict(zip(map(id, kept), parts, strict=True))
        self._parts = [by_identity.get(id(item)) or encode(item) for item in items]
        self._items = list(items)
        return self._parts

    def known(self, item: T) -> bytes | None:
        """The bytes of an item that was spliced last, None if it was not."""
        # From the end: what has just been added is what is asked for.
        items = self._items
        for at in range(len(items) - 1, -1, -1):
            if items[at] is item:
                return self._parts[at]
        return None
