"""What of a person is shown to whoever looks, and what is not unless they ask for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["Mask"]

HIDDEN: Final = "•••"

PERSONAL_KINDS: Final = frozenset({"trait"})
"""Of these the value is the person's own; a SKU, a status or an order's total is not."""


class Mask:
    """Hides the values of traits, and all identifiers but the one that was asked about.

    An identifier keeps its namespace and gets a number, so that two can be told apart.

    Args:
        asked: the key that whoever looks already has.
        show: hide nothing.
    """

    def __init__(self, asked: str, *, show: bool) -> None:
        self._show = show
        self._shown_as = {asked: asked}

    def know(self, keys: Iterable[str]) -> None:
        """Learn keys, so that they are hidden within other texts too."""
        for key in keys:
            self.key(key)

    def key(self, key: str) -> str:
        """An entity's key."""
        if self._show:
            return key
        shown = self._shown_as.get(key)
        if shown is None:
            shown = f"{key.partition(':')[0]}:{HIDDEN}{len(self._shown_as)}"
            self._shown_as[key] = shown
        return shown

    def text(self, text: str) -> str:
        """A text that channels make up, such as an event's id: without keys that are hidden."""
        if self._show:
            return text
        for key, shown in self._shown_as.items():
            value = key.partition(":")[2]
            if key != shown and value and value in text:
                text = text.replace(value, shown.partition(":")[2])
        return text

    def name(self, name: str) -> str:
        """A thing's name: that of an interaction has the source, which channels make up."""
        if not name.startswith("interaction "):
            return name
        which, opened, source = name.partition(" (")
        return which + opened + self.text(source)

    def value(self, name: str, value: Any) -> Any:
        """What a thing shows; ``name`` is its name in `ccstream.evidence.views`."""
        if self._show or value is None:
            return value
        if name == "account":
            return self.key(value)
        if name.startswith("interaction "):
            return [
                [what, *(f"{one.partition(' ')[0]} {HIDDEN}" for one in said)]
                for what, *said in value
            ]
        if name.partition(" ")[0] not in PERSONAL_KINDS:
            return value
        return [HIDDEN for _ in value] if isinstance(value, list) else HIDDEN
