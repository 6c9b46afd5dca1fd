"""Histories of a cart: what was appended where, by whom, having seen what; and their folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st
from msgspec import structs

from ccstream.domain.cart import step
from ccstream.domain.cart_state import Cart, CartDelta
from ccstream.domain.effects import Publish, Reject
from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    Money,
    OrderLine,
    OrderPlaced,
)
from ccstream.domain.merge import lines_view
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.observed import Observed
from tests.properties.reference_cart import ReferenceCart, Shown

SCOPE = Scope(b"\x07" * 8, 3, 8)
TOPICS = 3
SKUS = ("shoe", "hat")

Basket = dict[tuple[str, ...], Shown]


class Fact(NamedTuple):
    """An event, the topic it goes to, and the earlier facts its author had seen.

    Whoever saw a fact saw what that fact's author had seen. ``duplicate_of`` is set where
    the channel sent that fact again.
    """

    number: int
    event: Any
    topic: int
    seen: frozenset[int]
    duplicate_of: int | None = None


class Record(NamedTuple):
    """An event with its place in the log."""

    event: Any
    topic: int
    offset: int
    appended_at: int
    number: int = 0


@st.composite
def histories(
    draw: st.DrawFn, facts_max: int = 12, priced: bool = False, saying: bool = True
) -> list[Fact]:
    """Facts in the order in which they were appended. What was seen of a topic is a prefix.

    ``saying``: authors say what they have seen (see `with_tokens`, `with_names`).
    """
    facts: list[Fact] = []
    heads = [0] * TOPICS
    places: list[int] = []
    for number in range(draw(st.integers(1, facts_max))):
        if facts and draw(st.integers(0, 7)) == 0:
            again = facts[draw(st.integers(0, number - 1))]
            topic = again.topic
            facts.append(again._replace(number=number, duplicate_of=again.number))
        else:
            topic = draw(st.integers(0, TOPICS - 1))
            limits = [draw(st.sampled_from((0, head // 2, head, head))) for head in heads]
            seen = _closed(facts, places, limits) if saying else frozenset[int]()
            facts.append(Fact(number, draw(_events(number, priced)), topic, seen))
        places.append(heads[topic])
        heads[topic] += 1
    return facts


def _closed(facts: Sequence[Fact], places: Sequence[int], limits: list[int]) -> frozenset[int]:
    while True:
        seen = {f.number for f in facts if places[f.number] < limits[f.topic]}
        wider = seen.union(*(facts[number].seen for number in seen))
        if wider == seen:
            return frozenset(seen)
        for number in wider:
            topic = facts[number].topic
            limits[topic] = max(limits[topic], places[number] + 1)


@st.composite
def _events(draw: st.DrawFn, number: int, priced: bool) -> Event:
    kind = draw(st.sampled_from(("add", "add", "add", "set", "set", "remove", "clear", "order")))
    common: dict[str, Any] = {
        "event_id": f"e{number}",
        "occurred_at": draw(st.integers(0, 9)),
        "channel": draw(st.sampled_from(("web", "app", "store"))),
        "source": "somewhere",
        "subject": "customer:1",
    }
    sku = draw(st.sampled_from(SKUS))
    amount = draw(st.one_of(st.integers(1, 9), st.none() if not priced else st.nothing()))
    price = None if amount is None else Money(amount, "EUR")
    name = f"name {number}" if priced else draw(st.sampled_from((None, f"name {number}")))
    if kind == "add":
        return CartItemAdded(
            **common, sku=sku, quantity=draw(st.integers(1, 4)), unit_price=price, name=name
        )
    if kind == "set":
        return CartItemQuantitySet(
            **common, sku=sku, quantity=draw(st.integers(0, 4)), unit_price=price, name=name
        )
    if kind == "remove":
        return CartItemRemoved(**common, sku=sku)
    if kind == "clear":
        return CartCleared(**common)
    ordered = draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=2))
    return OrderPlaced(
        **common,
        order_id=f"order {number}",
        lines=tuple(OrderLine(sku=s, quantity=1, amount=Money(1, "EUR")) for s in ordered),
        total=Money(1, "EUR"),
    )


def merges(facts: Sequence[Fact], crashed: bool = False) -> st.SearchStrategy[list[Fact]]:
    """Ways to fold the topics into each other, each topic in its own order.

    Every fact follows those its author had seen, unless ``crashed``.
    """
    return st.permutations(range(len(facts))).map(lambda ranks: _merged(facts, ranks, crashed))


def _merged(facts: Sequence[Fact], ranks: Sequence[int], crashed: bool) -> list[Fact]:
    queues = [[fact for fact in facts if fact.topic == topic] for topic in range(TOPICS)]
    folded: list[Fact] = []
    done: set[int] = set()
    while any(queues):
        ready = [q for q in queues if q and (crashed or q[0].seen <= done)]
        fact = min(ready, key=lambda q: ranks[q[0].number]).pop(0)
        folded.append(fact)
        done.add(fact.number)
    return folded


def reorderings(facts: Sequence[Fact]) -> st.SearchStrategy[list[Fact]]:
    """Orders in which every fact follows those its author had seen, topics or no."""
    return st.permutations(range(len(facts))).map(lambda ranks: _reordered(facts, ranks))


def _reordered(facts: Sequence[Fact], ranks: Sequence[int]) -> list[Fact]:
    waiting, folded, done = list(facts), list[Fact](), set[int]()
    while waiting:
        ready = [fact for fact in waiting if fact.seen <= done]
        fact = min(ready, key=lambda f: ranks[f.number])
        waiting.remove(fact)
        folded.append(fact)
        done.add(fact.number)
    return folded


def appended(facts: Sequence[Fact]) -> dict[int, Record]:
    """The log that these facts make when they are appended in this order."""
    heads = [-1] * TOPICS
    log: dict[int, Record] = {}
    for place, fact in enumerate(facts):
        heads[fact.topic] += 1
        log[fact.number] = Record(
            fact.event, fact.topic, heads[fact.topic], 1_000 + place, fact.number
        )
    return log


def with_tokens(facts: Sequence[Fact]) -> list[Record]:
    """Records whose authors send the token of what they had seen, where that is a prefix of
    each topic as appended here, else the dots' names.
    """
    log = appended(facts)
    return [log[f.number]._replace(event=_saying(f, facts, log)) for f in facts]


def with_names(facts: Sequence[Fact]) -> list[Record]:
    """Records whose authors name the dots they had seen."""
    log = appended(facts)
    return [log[f.number]._replace(event=_naming(f, facts)) for f in facts]


def _saying(fact: Fact, facts: Sequence[Fact], log: dict[int, Record]) -> Any:
    if isinstance(fact.event, CartItemAdded):
        return fact.event
    offsets = [-1] * TOPICS
    for number in fact.seen:
        record = log[number]
        offsets[record.topic] = max(offsets[record.topic], record.offset)
    covered = {f.number for f in facts if log[f.number].offset <= offsets[f.topic]}
    if covered != set(fact.seen):
        return _naming(fact, facts)
    return structs.replace(fact.event, observed=Observed.encode(SCOPE, offsets))


def _naming(fact: Fact, facts: Sequence[Fact]) -> Any:
    if isinstance(fact.event, CartItemAdded):
        return fact.event
    names = tuple(f.event.event_id for f in facts if f.number in fact.seen)
    # who has seen nothing says so with a name that is nobody's; to say nothing means more
    return structs.replace(fact.event, dots=names or ("nobody's",))


class Fold:
    """A partition's fold of one cart, checking what every step promises."""

    def __init__(self, cart: Cart | None = None) -> None:
        self.cart = cart
        self.folded = [-1] * TOPICS
        self.now = 0
        self.taken: set[str] = set()

    def run(self, records: Iterable[Record]) -> Cart | None:
        """Fold records; a duplicate is dropped, as the window does before the cart."""
        for record in records:
            self.folded[record.topic] = max(self.folded[record.topic], record.offset)
            self.now = max(self.now, record.appended_at)
            if record.event.event_id not in self.taken:
                self.taken.add(record.event.event_id)
                self.cart = checked_step(self.cart, record.event, self._moment(record))
        return self.cart

    def _moment(self, record: Record) -> Moment:
        folded = tuple(self.folded)
        return Moment(self.now, record.topic, record.offset, SCOPE, folded, record.appended_at)


def fold(records: Iterable[Record], cart: Cart | None = None) -> Cart | None:
    return Fold(cart).run(records)


def checked_step(before: Cart | None, event: Event, at: Moment) -> Cart | None:
    after, effects = step(before, event, at)
    assert step(before, event, at) == (after, effects)
    if not effects or isinstance(effects[0], Reject):
        assert after is before
        return after
    (published,) = effects
    assert isinstance(published, Publish) and after is not None and after != before
    delta: CartDelta = published.delta
    shown = {line.key: line for line in (lines_view(before) if before else ())}
    for key in delta.removed:
        del shown[key]
    for line in delta.upserted:
        assert shown.get(line.key) != line
        shown[line.key] = line
    assert shown == {line.key: line for line in lines_view(after)}
    prices = [line.unit_price for line in after.lines.values() if line.quantity]
    assert {price.currency for price in prices if price} == {after.currency} - {None}
    for key, line in after.lines.items():
        known = before.lines.get(key) if before else None
        assert known != line or known is line
    return after


def reference(records: Iterable[Record]) -> Basket:
    cart = ReferenceCart(SCOPE.state_id, SCOPE.partitions, SCOPE.partition)
    for record in records:
        cart.fold(record.event, record.topic, record.offset, record.appended_at)
    return cart.basket()


def basket(cart: Cart | None) -> Basket:
    return {
        tuple(line.key): Shown(
            line.quantity,
            None if line.unit_price is None else line.unit_price.amount_minor,
            line.name,
            frozenset(dot.event_id for dot in line.dots + line.sets),
        )
        for line in (lines_view(cart) if cart else ())
    }


def quantities(shown: Basket) -> dict[tuple[str, ...], tuple[int, frozenset[str]]]:
    """A basket without prices and names, which an unpriced set-quantity takes over."""
    return {key: (line.quantity, line.dots) for key, line in shown.items()}
