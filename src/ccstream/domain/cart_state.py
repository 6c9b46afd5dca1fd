"""What a cart is made of.

A cart is an observed-remove map of lines. What puts units into a line is a *dot*, named
by the ``event_id`` that made it: an add makes a dot that counts beside the others, a
set-quantity makes one that stands for everything its author had seen. Only live dots are
kept. All else about a line is computed from them (``lines.py``), so two carts with the
same live dots are the same basket, whatever happened on the way.

All records are immutable and share what did not change: a ``Line`` that a step leaves
alone is the same object before and after.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct, field

from ccstream.domain.events import Money

__all__ = [
    "NO_CART",
    "Absorbed",
    "Cart",
    "CartDelta",
    "Conflict",
    "Dot",
    "Line",
    "LineKey",
    "MergeMode",
    "PendingRemoval",
    "Position",
]

MergeMode = Literal["join", "max", "sum", "keep_saved", "keep_guest"]
"""What a basket shows of two carts that met at a log-in; see ``merge.py``."""

Position = tuple[int, int, int]
"""Where a record is in the log: (partition, topic number, offset)."""


class LineKey(NamedTuple):
    """What makes two items the same line; empty strings where a part does not apply."""

    sku: str
    options_hash: str = ""
    fulfilment: str = ""
    store: str = ""


class Dot(Struct, frozen=True, gc=False):
    """Units that one event put into a line.

    ``positions`` has the place where the event was folded first, then one mark for each
    hand-over that carried the dot to another cart: who has seen any of them has seen the
    dot. ``unit_price`` and ``name`` are what the event said (or, of a set-quantity that
    said nothing, what the line showed). ``origin`` is empty for a dot of the cart's own
    subject, else the subject of the absorbed cart that it was put into.
    """

    event_id: str
    channel: str
    source: str
    quantity: int
    occurred_at: int
    appended_at: int
    positions: tuple[Position, ...]
    unit_price: Money | None = None
    name: str | None = None
    origin: str = ""


class Line(Struct, frozen=True, gc=False):
    """One line: its live dots and what follows from them.

    ``dots`` are the adds, in order of arrival. ``sets`` are the set-quantities, by
    (occurred_at, event_id): the last is in force, those before it lost to it without its
    author having seen them, and count again only if it is consumed without them.

    Computed: ``quantity`` is the sum of ``dots`` plus the quantity of the set in force.
    A line of quantity 0 (set to 0, perhaps with a losing set) is kept but never shown.
    ``unit_price`` and ``name`` are those of the latest dot by (occurred_at, event_id)
    that has one, ``channel`` that of the latest dot, ``added_at`` the earliest and
    ``changed_at`` the latest ``occurred_at``.
    """

    key: LineKey
    quantity: int
    unit_price: Money | None
    name: str | None
    added_at: int
    changed_at: int
    channel: str
    dots: tuple[Dot, ...]
    sets: tuple[Dot, ...] = ()


class PendingRemoval(Struct, frozen=True, gc=False):
    """What an event consumes but this cart has not folded yet.

    It consumes, when they arrive, dots of the lines ``keys`` (of every line if None) that
    are named in ``dots`` or whose position ``token`` (bytes as sent, already found to be
    ours) covers, but only those appended no later than ``appended_at``, so that a forged
    token cannot reach into the future. ``order_id`` is set for a checkout that has not
    closed anything yet.
    """

    event_id: str
    appended_at: int
    keys: tuple[LineKey, ...] | None
    dots: tuple[str, ...] = ()
    token: bytes | None = None
    order_id: str | None = None


class Absorbed(Struct, frozen=True, gc=False):
    """The marker of a merge: the cart of ``subject`` was absorbed.

    It is ordered among dots by (``occurred_at``, ``id``). ``into`` is the subject that it
    was absorbed into where that is not this cart's own (a cart absorbed earlier, with
    what it had itself absorbed), else empty. ``mode`` says what is shown of the two.
    """

    id: str
    occurred_at: int
    subject: str
    mode: MergeMode = "join"
    into: str = ""


class Cart(Struct, frozen=True, gc=False):
    """One subject's open cart: the row of the table ``carts``.

    ``number`` counts the subject's carts from 1, one more with each checkout that closed
    something. ``currency`` is that of the first priced line, None until there is one.
    ``lines`` holds what is kept; what is shown is ``merge.lines_view(cart)``.
    ``last_now`` is the latest moment at which the row changed.
    """

    number: int = 1
    currency: str | None = None
    lines: dict[LineKey, Line] = field(default_factory=dict)
    pending: tuple[PendingRemoval, ...] = ()
    absorbed: tuple[Absorbed, ...] = ()
    last_now: int = 0


NO_CART = Cart()
"""What a subject without a row has. Never change its ``lines``; nothing here does."""


class Conflict(Struct, frozen=True, gc=False):
    """Two set-quantities of one line, neither of whose authors had seen the other."""

    key: LineKey
    winner: Dot
    loser: Dot


class CartDelta(Struct, frozen=True, gc=False):
    """How one event changed what is shown: the ``delta`` of the cart's ``Publish``.

    ``upserted`` has whole lines, ``removed`` the keys of lines no longer shown. Put onto
    what was shown before, they give what is shown now. All empty: only what the cart
    waits for changed. ``closed_order`` is the order that closed something.
    """

    upserted: tuple[Line, ...] = ()
    removed: tuple[LineKey, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    closed_order: str | None = None
