"""What a cart is made of.

A cart is an observed-remove map of lines. What puts units into a line is a *dot*, named
by the ``event_id`` that made it: an add makes a dot that counts beside the others, a
set-quantity makes one that stands for everything its author had seen. Only live dots are
kept. All else about a line is computed from them (``lines.py``), so two carts with the
same live dots are the same basket, whatever happened on the way.

All records are immutable and share what did not change: a ``Line`` that a step leaves
alone is the same object before and after. What changes within one is what it is computed from
(`Line.unread`) and what codecs keep of it; its value stays. Those made for every event have their
``__init__`` written out, which compiled is ten times as quick as the one that ``dataclass`` makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, final

from mypy_extensions import mypyc_attr

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
    "ReadLine",
    "line_key",
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


_PLAIN_KEYS_MAX: Final = 16_384
_plain_keys: Final[dict[str, LineKey]] = {}


def line_key(sku: str, options_hash: str, fulfilment: str, store: str) -> LineKey:
    """The key of these parts. Of those with a SKU alone, which are nearly all, carts share the
    objects, at most `_PLAIN_KEYS_MAX` of them.
    """
    if options_hash or fulfilment or store:
        return LineKey(sku, options_hash, fulfilment, store)
    key = _plain_keys.get(sku)
    if key is None:
        if len(_plain_keys) >= _PLAIN_KEYS_MAX:
            _plain_keys.clear()
        key = _plain_keys[sku] = LineKey(sku)
    return key


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Dot:
    """Units that one event put into a line.

    ``positions`` has the place where the event was folded first, then one mark for each
    hand-over that carried the dot to another cart: who has seen any of them has seen the
    dot. ``unit_price`` and ``name`` are what the event said (or, of a set-quantity that
    said nothing, what the line showed). ``origin`` is empty for a dot of the cart's own
    subject, else the subject by whose key it was put in, which takes it along when it leaves.
    """

    event_id: Final[str]
    channel: Final[str]
    source: Final[str]
    quantity: Final[int]
    occurred_at: Final[int]
    appended_at: Final[int]
    positions: Final[tuple[Position, ...]]
    unit_price: Final[Money | None]
    name: Final[str | None]
    origin: Final[str]

    def __init__(
        self,
        event_id: str,
        channel: str,
        source: str,
        quantity: int,
        occurred_at: int,
        appended_at: int,
        positions: tuple[Position, ...],
        unit_price: Money | None = None,
        name: str | None = None,
        origin: str = "",
    ) -> None:
        self.event_id = event_id
        self.channel = channel
        self.source = source
        self.quantity = quantity
        self.occurred_at = occurred_at
        self.appended_at = appended_at
        self.positions = positions
        self.unit_price = unit_price
        self.name = name
        self.origin = origin


@final
@mypyc_attr(acyclic=True)
class Line:
    """One line: its live dots and what follows from them.

    ``dots`` are the adds, in order of arrival. ``sets`` are the set-quantities, by
    (occurred_at, event_id): the last is in force, those before it lost to it without its
    author having seen them, and count again only if it is consumed without them.

    Computed: ``quantity`` is the sum of ``dots`` plus the quantity of the set in force.
    A line of quantity 0 (set to 0, perhaps with a losing set) is kept but never shown.
    ``unit_price`` and ``name`` are those of the latest dot by (occurred_at, event_id)
    that has one, ``channel`` that of the latest dot, ``added_at`` the earliest and
    ``changed_at`` the latest ``occurred_at``.

    ``shown`` and ``kept`` are no part of the value: the codecs keep there what they made of
    it, empty until they did, so that a line that an event leaves alone is encoded once.

    A line of a row that is read is left in its bytes (`unread`), which are ``kept``, until
    something of it is asked for that is neither its key nor its quantity nor the price that it has
    not: most events leave most lines alone.
    """

    key: Final[LineKey]
    quantity: Final[int]
    shown: bytes
    kept: bytes

    def __init__(
        self,
        key: LineKey,
        quantity: int,
        unit_price: Money | None,
        name: str | None,
        added_at: int,
        changed_at: int,
        channel: str,
        dots: tuple[Dot, ...],
        sets: tuple[Dot, ...] = (),
    ) -> None:
        self.key = key
        self.quantity = quantity
        self.shown = self.kept = b""
        self._unit_price = unit_price
        self._name = name
        self._added_at = added_at
        self._changed_at = changed_at
        self._channel = channel
        self._dots = dots
        self._sets = sets
        self._read: ReadLine | None = None
        self._priced = True

    @staticmethod
    def unread(
        key: LineKey, quantity: int, priced: bool, kept: bytes, shown: bytes, read: ReadLine
    ) -> Line:
        """The line that ``read`` finds in ``kept``, once more than this is asked of it.

        ``priced`` says whether any of its dots has a price. What ``read`` raises, it does then.
        """
        line = Line(key, quantity, None, None, 0, 0, "", ())
        line.kept = kept
        line.shown = shown
        line._read = read
        line._priced = priced
        return line

    @property
    def unit_price(self) -> Money | None:
        return self._recalled()._unit_price if self._priced else None

    @property
    def name(self) -> str | None:
        return self._recalled()._name

    @property
    def added_at(self) -> int:
        return self._recalled()._added_at

    @property
    def changed_at(self) -> int:
        return self._recalled()._changed_at

    @property
    def channel(self) -> str:
        return self._recalled()._channel

    @property
    def dots(self) -> tuple[Dot, ...]:
        return self._recalled()._dots

    @property
    def sets(self) -> tuple[Dot, ...]:
        return self._recalled()._sets

    def _recalled(self) -> Line:
        read = self._read
        if read is not None:
            line = read(self.kept)
            self._unit_price = line._unit_price
            self._name = line._name
            self._added_at = line._added_at
            self._changed_at = line._changed_at
            self._channel = line._channel
            self._dots = line._dots
            self._sets = line._sets
            self._read = None  # last: queries read in threads of their own
        return self

    def _value(self) -> tuple[object, ...]:
        line = self._recalled()
        return (
            line.key,
            line.quantity,
            line._unit_price,
            line._name,
            line._added_at,
            line._changed_at,
            line._channel,
            line._dots,
            line._sets,
        )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Line) and self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def __repr__(self) -> str:
        return f"Line{self._value()!r}"


ReadLine = Callable[[bytes], Line]
"""Reads a line from the bytes that a row keeps of it."""


@final
@dataclass(frozen=True)
class PendingRemoval:
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


@final
@dataclass(frozen=True)
class Absorbed:
    """The marker of a merge: the cart of ``subject`` was absorbed.

    It is ordered among dots by (``occurred_at``, ``id``). ``into`` is the subject that it
    was absorbed into where that is not this cart's own (a cart absorbed earlier, with
    what it had itself absorbed), else empty. ``mode`` says what is shown of the two.
    ``since`` is when that cart was begun, 0 for the subject's first: after a log-out it begins
    another one, which a later log-in brings as well.
    """

    id: str
    occurred_at: int
    subject: str
    mode: MergeMode = "join"
    into: str = ""
    since: int = 0


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class Cart:
    """One subject's open cart: the row of the table ``carts``.

    ``number`` counts the subject's carts from 1, one more with each checkout that closed
    something. ``currency`` is that of the first priced line, None until there is one.
    ``lines`` holds what is kept; what is shown is ``merge.lines_view(cart)``.
    ``last_now`` is the latest moment at which the row changed.
    """

    number: Final[int]
    currency: Final[str | None]
    lines: Final[dict[LineKey, Line]]
    pending: Final[tuple[PendingRemoval, ...]]
    absorbed: Final[tuple[Absorbed, ...]]
    last_now: Final[int]

    def __init__(
        self,
        number: int,
        currency: str | None,
        lines: dict[LineKey, Line],
        pending: tuple[PendingRemoval, ...] = (),
        absorbed: tuple[Absorbed, ...] = (),
        last_now: int = 0,
    ) -> None:
        self.number = number
        self.currency = currency
        self.lines = lines
        self.pending = pending
        self.absorbed = absorbed
        self.last_now = last_now


NO_CART: Final = Cart(1, None, {})
"""What a subject without a row has. Never change its ``lines``; nothing here does."""


@final
@dataclass(frozen=True)
class Conflict:
    """Two set-quantities of one line, neither of whose authors had seen the other."""

    key: LineKey
    winner: Dot
    loser: Dot


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, unsafe_hash=True)
class CartDelta:
    """How one event changed what is shown: the ``delta`` of the cart's ``Publish``.

    ``upserted`` has whole lines, ``removed`` the keys of lines no longer shown. Put onto
    what was shown before, they give what is shown now. All empty: only what the cart
    waits for changed. ``closed_order`` is the order that closed something.
    """

    upserted: Final[tuple[Line, ...]]
    removed: Final[tuple[LineKey, ...]]
    conflicts: Final[tuple[Conflict, ...]]
    closed_order: Final[str | None]

    def __init__(
        self,
        upserted: tuple[Line, ...] = (),
        removed: tuple[LineKey, ...] = (),
        conflicts: tuple[Conflict, ...] = (),
        closed_order: str | None = None,
    ) -> None:
        self.upserted = upserted
        self.removed = removed
        self.conflicts = conflicts
        self.closed_order = closed_order
