"""Signals: what has come to be true without anybody doing anything, for others to act upon.

A signal is a fact and no invitation: whether its subject may be contacted because of it is for
whoever acts on it to ask (`ccstream.rules`).
"""

from __future__ import annotations

from msgspec import Struct

from ccstream.domain.cart_state import Line
from ccstream.domain.moment import Instant

__all__ = ["CartAbandoned"]


class CartAbandoned(Struct, frozen=True):
    """A cart in which something is left and nothing has happened for a time.

    ``idle_since`` is when it last changed.
    """

    cart_number: int
    idle_since: Instant
    currency: str | None
    lines: tuple[Line, ...]
