"""What the tables have to hold, worked out from the log so plainly that it can be read.

Nothing is folded step by step: a dot is alive unless some event names it. That needs no order,
for the events of a run name all that they mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.chaos.author import TAKEN, Record

__all__ = ["ABOUT_ALL", "Line", "Truth", "account_of", "touches_of", "truth_of"]

ABOUT_ALL = {"ErasureRequested", "LegalHoldChanged"}
"""Events about all of a person's rows, none of which they make."""


_LINKS = {"IdentifiersLinked", "IdentifierUnlinked"}


class Line(NamedTuple):
    """One line of a cart: its live dots, and what is shown of them."""

    adds: tuple[str, ...]
    sets: tuple[str, ...]
    quantity: int


class Truth(NamedTuple):
    """By key; ``touches`` are (first, last, last of each channel) by their ids.

    What becomes of those that are ``loose``, by a split, `following_people.py` says.
    """

    carts: dict[str, dict[str, Line]]
    orders: dict[str, dict[str, Any]]
    touches: dict[str, tuple[str, str, dict[str, str]]]
    aliases: dict[str, str]
    loose: frozenset[str] = frozenset()


def truth_of(records: Iterable[Record]) -> Truth:
    """What follows from these records; one that was published twice counts once."""
    taken = {r.event_id: r for r in records if r.fate == TAKEN and r.kind not in ABOUT_ALL}
    split = {r.entity for r in taken.values() if r.kind == "IdentifierUnlinked"}
    loose = split | {account_of(r) for r in taken.values() if r.kind == "IdentifierUnlinked"}
    by_entity: dict[str, list[Record]] = defaultdict(list)
    for record in taken.values():
        by_entity[record.entity].append(record)
    orders = {
        f"{r.entity}#{r.event['order_id']}": r.event
        for r in taken.values()
        if r.kind == "OrderPlaced"
    }
    aliases = {
        r.entity: account_of(r)
        for r in taken.values()
        if r.kind == "IdentifiersLinked" and r.entity not in split
    }
    sure = {entity: one for entity, one in by_entity.items() if entity not in loose}
    return Truth(
        {entity: _cart(one) for entity, one in sure.items()},
        orders,
        {entity: touches for entity, one in sure.items() if (touches := _touches(one))},
        aliases,
        frozenset(loose),
    )


def account_of(record: Record) -> str:
    """The account that a link or its end names."""
    return next(i for i in record.event["identifiers"] if i.startswith("customer:"))


def _cart(records: list[Record]) -> dict[str, Line]:
    lines: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.kind in {"CartItemAdded", "CartItemQuantitySet"} and not any(
            _consumes(other, record) for other in records
        ):
            lines[record.event["sku"]].append(record)
    return {sku: _line(live) for sku, live in lines.items()}


def _consumes(remover: Record, dot: Record) -> bool:
    if remover is dot or dot.event_id not in remover.event.get("dots", ()):
        return False
    if remover.kind == "CartCleared":
        return True
    if remover.kind == "OrderPlaced":
        return dot.event["sku"] in {line["sku"] for line in remover.event["lines"]}
    return bool(remover.event["sku"] == dot.event["sku"])


def _line(live: list[Record]) -> Line:
    by_time = sorted(live, key=_stamp)
    adds = [r for r in by_time if r.kind == "CartItemAdded"]
    sets = [r for r in by_time if r.kind == "CartItemQuantitySet"]
    quantity = sum(r.event["quantity"] for r in (*adds, *sets[-1:]))
    return Line(tuple(sorted(r.event_id for r in adds)), tuple(r.event_id for r in sets), quantity)


def _touches(records: list[Record]) -> tuple[str, str, dict[str, str]] | None:
    by_time = sorted((r for r in records if r.kind not in _LINKS), key=_stamp)
    if not by_time:
        return None
    last = {r.event["channel"]: r.event_id for r in by_time}
    return by_time[0].event_id, by_time[-1].event_id, last


def touches_of(records: Iterable[Record], subject: str) -> tuple[str, dict[str, str]] | None:
    """The first touch that came by a key, and the last of each channel, by their ids."""
    said = (r for r in records if r.fate == TAKEN and r.kind not in ABOUT_ALL)
    own = {r.event_id: r for r in said if r.event["subject"] == subject}
    touches = _touches(list(own.values()))
    return None if touches is None else (touches[0], touches[2])


def _stamp(record: Record) -> tuple[int, str]:
    return record.event["occurred_at"], record.event_id
