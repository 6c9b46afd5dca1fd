"""The cart's laws, on histories in which authors have seen some of what came before."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from ccstream.domain.cart_state import LineKey
from ccstream.domain.events import CartCleared, CartItemAdded, CartItemQuantitySet, Money
from ccstream.wire.rows import ROW_CODECS, Entry
from tests.properties.cart_histories import (
    TOPICS,
    Fact,
    Fold,
    Record,
    appended,
    basket,
    fold,
    histories,
    merges,
    quantities,
    reference,
    reorderings,
    with_names,
    with_tokens,
)

# Tests share the machine with others: what bounds an example is its size, not a clock.
law = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def logged(facts: list[Fact], order: list[Fact]) -> list[Record]:
    """One log, that of ``facts``, folded in another order."""
    records = {record.number: record for record in with_tokens(facts)}
    return [records[fact.number] for fact in order]


@law
@given(st.data(), histories(priced=True))
def test_any_interleaving_in_which_an_event_follows_those_it_has_seen_gives_the_same_basket(
    data: st.DataObject, facts: list[Fact]
) -> None:
    as_appended = logged(facts, facts)
    otherwise = logged(facts, data.draw(merges(facts)))
    expected = reference(as_appended)
    assert basket(fold(as_appended)) == expected
    assert basket(fold(otherwise)) == expected == reference(otherwise)


@law
@given(st.data(), histories(priced=True))
def test_an_event_folded_before_adds_that_it_has_seen_gives_the_same_basket(
    data: st.DataObject, facts: list[Fact]
) -> None:
    crashed = logged(facts, data.draw(merges(facts, crashed=True)))
    expected = reference(logged(facts, facts))
    assert quantities(basket(fold(crashed))) == quantities(expected)
    assert basket(fold(crashed)) == expected == reference(crashed)


@law
@given(st.data(), histories(priced=True))
def test_events_that_name_dots_give_the_same_basket_however_they_are_reordered(
    data: st.DataObject, facts: list[Fact]
) -> None:
    expected = reference(with_names(facts))
    assert basket(fold(with_names(data.draw(reorderings(facts))))) == expected


@law
@given(st.data(), histories(priced=True))
def test_names_and_tokens_mixed_give_the_same_basket_wherever_events_are_appended(
    data: st.DataObject, facts: list[Fact]
) -> None:
    expected = reference(with_names(facts))
    assert basket(fold(with_tokens(data.draw(reorderings(facts))))) == expected


@law
@given(st.data(), histories(priced=True))
def test_named_dots_that_arrive_after_the_event_that_names_them_are_consumed_all_the_same(
    data: st.DataObject, facts: list[Fact]
) -> None:
    records = {record.number: record for record in with_names(facts)}
    crashed = [records[fact.number] for fact in data.draw(merges(facts, crashed=True))]
    assert basket(fold(crashed)) == reference(with_names(facts))


@law
@given(st.data(), histories())
def test_prices_that_sets_take_over_are_outside_the_law_and_quantities_are_not(
    data: st.DataObject, facts: list[Fact]
) -> None:
    crashed = logged(facts, data.draw(merges(facts, crashed=True)))
    assert quantities(basket(fold(crashed))) == quantities(reference(logged(facts, facts)))


@law
@given(histories(saying=False))
def test_authors_that_say_nothing_consume_what_is_known_and_earlier(facts: list[Fact]) -> None:
    records = list(appended(facts).values())
    assert quantities(basket(fold(records))) == quantities(reference(records))


@law
@given(histories())
def test_a_duplicate_has_no_effect_while_its_dot_is_live(facts: list[Fact]) -> None:
    cart = fold(logged(facts, facts))
    if cart is None:
        return
    live = {dot.event_id for line in cart.lines.values() for dot in line.dots + line.sets}
    again = [
        record._replace(offset=record.offset + 100, appended_at=5_000)
        for record in logged(facts, facts)
        if record.event.event_id in live
    ]
    assert fold(again, cart) is cart


@law
@given(histories(), st.integers(0, 12))
def test_folding_in_two_parts_is_folding_at_once(facts: list[Fact], cut: int) -> None:
    records = logged(facts, facts)
    parts = Fold()
    parts.run(records[:cut])
    if parts.cart is not None:  # nothing hides outside what a row keeps
        row = ROW_CODECS["carts"]
        parts.cart = row.decode_row(row.encode_row(Entry(parts.cart, 1))).state
    assert parts.run(records[cut:]) == fold(records)


@law
@given(st.data(), histories())
def test_a_removed_item_never_comes_back(data: st.DataObject, facts: list[Fact]) -> None:
    clear = CartCleared(
        event_id="clear", occurred_at=0, channel="web", source="s", subject="customer:1"
    )
    last = Fact(len(facts), clear, 0, frozenset(range(len(facts))))
    repeated = [fact._replace(number=last.number + 1 + i) for i, fact in enumerate(facts)]
    whole = [*facts, last, *repeated]
    crashed = logged(whole, data.draw(merges(whole, crashed=True)))
    assert basket(fold(crashed)) == {}


@law
@given(st.data(), histories(), st.integers(0, TOPICS - 1))
def test_an_offline_add_survives_whatever_was_done_by_those_who_had_not_seen_it(
    data: st.DataObject, facts: list[Fact], topic: int
) -> None:
    offline = CartItemAdded(
        event_id="offline", occurred_at=0, channel="store", source="till", subject="customer:1",
        sku="shoe", quantity=5,
    )  # fmt: skip
    whole = [*facts, Fact(len(facts), offline, topic, frozenset())]
    order = data.draw(reorderings(whole))
    with_it = basket(fold(with_names(order)))
    key = tuple(LineKey("shoe"))
    assert "offline" in with_it[key].dots
    without = basket(fold(with_names([f for f in order if f.event is not offline]))).get(key)
    assert with_it[key].quantity == 5 + (without.quantity if without else 0)


@law
@given(histories(facts_max=8))
def test_of_concurrent_set_quantities_the_latest_is_in_force(facts: list[Fact]) -> None:
    blind = [fact._replace(seen=frozenset()) for fact in facts]
    sets = [f.event for f in blind if isinstance(f.event, CartItemQuantitySet)]
    shown = quantities(basket(fold(with_names(blind))))
    for sku in {event.sku for event in sets}:
        of_line = {e.event_id: e for e in sets if e.sku == sku}
        latest = max(of_line.values(), key=lambda e: (e.occurred_at, e.event_id))
        adds = {
            f.event.event_id: f.event.quantity
            for f in blind
            if isinstance(f.event, CartItemAdded) and f.event.sku == sku
        }
        total = latest.quantity + sum(adds.values())
        assert shown.get(tuple(LineKey(sku)), (0,))[0] == total


@law
@given(st.data(), histories())
def test_a_cart_shows_one_currency_whatever_the_events_say(
    data: st.DataObject, facts: list[Fact]
) -> None:
    mixed = [
        fact._replace(event=structs.replace(fact.event, unit_price=Money(1, currency)))
        if isinstance(fact.event, CartItemAdded | CartItemQuantitySet) and currency
        else fact
        for fact in facts
        for currency in [data.draw(st.sampled_from(("EUR", "USD", None)))]
    ]
    fold(logged(mixed, data.draw(merges(mixed, crashed=True))))  # checked at every step
