"""The laws of carts that meet at a log-in: views over dots and markers, however they arrive."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from ccstream.domain.cart_state import NO_CART, Absorbed, Cart, MergeMode
from ccstream.domain.events import CartItemAdded, CartItemQuantitySet, OrderPlaced
from ccstream.domain.merge import absorb, lines_view, rejoin, release
from ccstream.domain.moment import Moment
from tests.properties.cart_histories import (
    SCOPE,
    Fact,
    basket,
    checked_step,
    histories,
    with_names,
)
from tests.properties.reference_cart import merged

law = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ROOT = "customer:1"
GUESTS = ("visitor:1", "visitor:2")
MODES: tuple[MergeMode, ...] = ("join", "max", "sum", "keep_saved", "keep_guest")

markers = st.builds(
    Absorbed,
    id=st.just(""),
    occurred_at=st.integers(0, 9),
    subject=st.just(""),
    mode=st.sampled_from(MODES),
)


class Told(NamedTuple):
    """An event of one of the three subjects, and when it was appended."""

    event: Any
    appended_at: int


@st.composite
def tales(draw: st.DrawFn) -> list[Told]:
    """Events of a customer and two visitors, whose authors name dots, of whichever subject."""
    facts = [f for f in draw(histories(priced=True)) if f.duplicate_of is None]
    kept = {f.number for f in facts if not isinstance(f.event, OrderPlaced)}
    whose = draw(st.lists(st.sampled_from((ROOT, *GUESTS)), min_size=12, max_size=12))
    named = with_names([_within(f, kept) for f in facts if f.number in kept])
    return [
        Told(structs.replace(record.event, subject=whose[i]), record.appended_at)
        for i, record in enumerate(named)
    ]


def _within(fact: Fact, kept: set[int]) -> Fact:
    return fact._replace(seen=fact.seen & kept)


def told(cart: Cart | None, tale: list[Told], topic: int = 0) -> Cart:
    for offset, (event, appended_at) in enumerate(tale):
        at = Moment(
            max(appended_at, cart.last_now if cart else 0),
            topic,
            offset,
            SCOPE,
            (0, 0, 0),
            appended_at,
        )
        cart = checked_step(cart, event, at)
    return NO_CART if cart is None else cart


def of(tale: list[Told], subject: str) -> list[Told]:
    return [t for t in tale if t.event.subject == subject]


def marked(marker: Absorbed, guest: str) -> Absorbed:
    return dataclasses.replace(marker, id=f"log-in of {guest}", subject=guest)


@law
@given(st.data(), tales(), markers, markers)
def test_what_is_shown_does_not_depend_on_when_hand_overs_and_events_arrive(
    data: st.DataObject, tale: list[Told], first: Absorbed, second: Absorbed
) -> None:
    log_ins = [marked(m, guest) for m, guest in zip((first, second), GUESTS, strict=True)]
    plain = told(None, of(tale, ROOT))
    for marker in log_ins:
        plain = absorb(plain, told(None, of(tale, marker.subject)), marker, (3, 2, 0))

    cart = NO_CART
    waiting = data.draw(st.permutations(of(tale, ROOT)))
    for marker in data.draw(st.permutations(log_ins)):
        events = data.draw(st.permutations(of(tale, marker.subject)))
        before = data.draw(st.integers(0, len(waiting)))
        cart, waiting = told(cart, waiting[:before]), waiting[before:]
        handed = data.draw(st.integers(0, len(events)))
        cart = absorb(cart, told(None, events[:handed]), marker, (3, 2, 0))
        waiting = [*waiting, *events[handed:]]
    assert basket(told(cart, waiting)) == basket(plain)


@law
@given(tales(), markers)
def test_a_merge_shows_what_its_mode_says(tale: list[Told], marker: Absorbed) -> None:
    log_in = marked(marker, GUESTS[0])
    known = (log_in.occurred_at, log_in.id)
    live = [
        t
        for t in tale
        if isinstance(t.event, CartItemAdded)
        or (isinstance(t.event, CartItemQuantitySet) and _stamp(t) < known)
    ]
    blind = [
        t
        if isinstance(t.event, CartItemAdded)
        else t._replace(event=structs.replace(t.event, dots=("nobody's",)))
        for t in live
    ]
    saved, guest = of(blind, ROOT), of(blind, GUESTS[0])
    cart = absorb(told(None, saved), told(None, guest), log_in, (3, 2, 0))
    expected = merged([t.event for t in saved], [t.event for t in guest], known, marker.mode)
    assert {tuple(line.key): line.quantity for line in lines_view(cart)} == expected


def _stamp(t: Told) -> tuple[int, str]:
    return t.event.occurred_at, t.event.event_id


@law
@given(tales(), markers, st.integers(0, 12))
def test_a_hand_over_that_arrives_again_changes_nothing_even_after_removals(
    tale: list[Told], marker: Absorbed, cut: int
) -> None:
    log_in = marked(marker, GUESTS[0])
    guest = told(None, of(tale[:cut], GUESTS[0]))
    cart = absorb(told(None, of(tale[:cut], ROOT)), guest, log_in, (3, 2, 0))
    assert absorb(cart, guest, log_in, (3, 2, 9)) is cart
    later = told(cart, [t for t in tale[cut:] if t.event.subject != GUESTS[1]])
    assert absorb(later, guest, log_in, (3, 2, 9)) is later


@law
@given(tales(), markers, st.integers(0, 12))
def test_carts_that_part_are_as_if_they_had_never_met(
    tale: list[Told], marker: Absorbed, cut: int
) -> None:
    log_in = marked(marker, GUESTS[0])
    own = [_naming_its_own(t, tale) for t in tale]
    first, later = own[:cut], own[cut:]
    cart = absorb(told(None, of(first, ROOT)), told(None, of(first, GUESTS[0])), log_in, (3, 2, 0))
    cart = told(cart, [t for t in later if t.event.subject != GUESTS[1]])
    kept, released = release(cart, GUESTS[0])
    assert basket(kept) == basket(told(None, of(own, ROOT)))
    assert basket(released or NO_CART) == basket(told(None, of(own, GUESTS[0])))
    assert not kept.absorbed


def _naming_its_own(t: Told, tale: list[Told]) -> Told:
    if isinstance(t.event, CartItemAdded):
        return t
    own = {other.event.event_id for other in of(tale, t.event.subject)}
    dots = tuple(name for name in t.event.dots if name in own) or ("nobody's",)
    return t._replace(event=structs.replace(t.event, dots=dots))


@law
@given(tales())
def test_a_guest_s_own_guests_come_along_and_what_leaves_and_comes_back_was_never_gone(
    tale: list[Told],
) -> None:
    inner = absorb(
        told(None, of(tale, GUESTS[0])),
        told(None, of(tale, GUESTS[1])),
        Absorbed("inner", 3, GUESTS[1]),
        (5, 2, 0),
    )
    root = told(None, of(tale, ROOT))
    cart = absorb(root, inner, Absorbed("outer", 6, GUESTS[0]), (3, 2, 0))
    joined = told(None, tale)
    assert basket(cart) == basket(joined)
    for leaving in (GUESTS, GUESTS[::-1]):
        rest, parts = cart, {}
        for guest in leaving:
            rest, parts[guest] = release(rest, guest)
        for guest in GUESTS:
            rest = rejoin(rest, parts[guest] or NO_CART, guest, (3, 2, 1))
        assert basket(rest) == basket(cart)
