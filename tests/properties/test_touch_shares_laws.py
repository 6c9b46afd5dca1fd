"""Laws of shares: what is shown is of all events, what leaves is of its own, in whatever order."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import ProductViewed
from ccstream.domain.limits import SHARED_VISITS_MAX, VISIT_GAP_MS, VISITS_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.touch import Touches, TouchLimits, path
from ccstream.domain.touch_shares import OWN, merge, origins, rejoin, release, step, whole
from tests.properties.test_touch_laws import LIMITS, NOON, after, counts, touches

law = settings(max_examples=150, deadline=None)
ROOT, CARD, PHONE = "customer:1", "loyalty:7", "phone:9"
KEYS = (ROOT, CARD, PHONE)


class By(NamedTuple):
    """An event by the key that it came by."""

    key: str
    event: ProductViewed


def tales(days: int = 40) -> st.SearchStrategy[list[By]]:
    def told(facts: list[ProductViewed]) -> st.SearchStrategy[list[By]]:
        keys = st.lists(st.sampled_from(KEYS), min_size=len(facts), max_size=len(facts))
        return keys.map(lambda of: [By(*one) for one in zip(of, facts, strict=True)])

    return touches(days).flatmap(told)


def told(state: Touches | None, tale: list[By], root: str = ROOT) -> Touches | None:
    """The row of ``root`` after events that came to it, some of them sent on."""
    for key, event in tale:
        came_by = OWN if key == root else key
        at = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,), None, came_by)
        state, _ = step(state, event, at, LIMITS)
    return state


def of(tale: list[By], *keys: str) -> list[By]:
    return [one for one in tale if one.key in keys]


def facts_of(tale: list[By], *keys: str) -> list[ProductViewed]:
    return [event for key, event in tale if key in keys]


def same(state: Touches | None, facts: list[ProductViewed], *, paths: bool = False) -> None:
    """A row shows what these events make by themselves, arriving in their order."""
    if not facts:
        assert state is None
        return
    assert state is not None
    expected = after(facts)
    assert (state.first, state.last) == (expected.first, expected.last)
    assert state.last_by_channel == expected.last_by_channel
    united = whole(state, LIMITS)
    assert (united.first, united.last) == (expected.first, expected.last)
    assert united.last_by_channel == expected.last_by_channel
    assert counts(united) == counts(expected)
    if paths:
        assert path(united) == path(expected)


@law
@given(tales(), st.integers(0, 60), st.integers(0, 60))
def test_what_is_shown_is_what_all_events_make_whoever_had_them(
    tale: list[By], met: int, sent_on: int
) -> None:
    early, late = tale[:met], tale[met:]
    card = told(None, of(early, CARD, PHONE), CARD)
    row = told(None, [*of(early, ROOT), *of(late[:sent_on], ROOT)])
    if card is not None:
        row = merge(row, card, LIMITS, CARD, ROOT)
    row = told(row, [*of(late[:sent_on], CARD, PHONE), *late[sent_on:]])
    same(row, [event for _, event in tale])


@law
@given(tales(days=9), st.integers(0, 60))
def test_within_the_lookback_so_is_the_path(tale: list[By], met: int) -> None:
    row = merged(tale, met)
    same(row, [event for _, event in tale], paths=True)


def merged(tale: list[By], met: int) -> Touches | None:
    """The root's row: card and phone met first, and then the root, halfway through the tale."""
    early, late = tale[:met], tale[met:]
    card, phone = told(None, of(early, CARD), CARD), told(None, of(early, PHONE), PHONE)
    if phone is not None:
        card = merge(card, phone, LIMITS, PHONE, CARD)
    row = told(None, of(early, ROOT))
    if card is not None:
        row = merge(row, card, LIMITS, CARD, ROOT)
    return told(row, late)


@law
@given(tales(), st.integers(0, 60), st.permutations([CARD, PHONE]))
def test_who_leaves_takes_what_its_events_alone_would_have_made_and_leaves_what_the_others_would(
    tale: list[By], met: int, leaving: list[str]
) -> None:
    row = merged(tale, met)
    stays = set(KEYS)
    for key in leaving:
        parted = None if row is None else release(row, key)
        assert (parted is None) == (not facts_of(tale, key))
        stays.remove(key)
        if parted is not None:
            row, share = parted
            assert share == after(facts_of(tale, key)), "path and sums, too"
            assert not share.shares
        same(row, facts_of(tale, *stays))
    own = facts_of(tale, ROOT)
    assert row == (after(own) if own else None), "it is as if nobody had ever come"


@law
@given(tales(), st.integers(0, 60), st.randoms(use_true_random=False))
def test_what_leaves_and_comes_back_was_never_gone(
    tale: list[By], met: int, random: Random
) -> None:
    row = merged(tale, met)
    before = row
    gone: dict[str, Touches] = {}
    for key in random.sample((CARD, PHONE), 2):
        parted = None if row is None else release(row, key)
        if parted is not None:
            row, gone[key] = parted
    for key in random.sample(sorted(gone), len(gone)):
        row = rejoin(row, gone[key], LIMITS, key)
    assert row == before


@law
@given(tales(), st.integers(0, 60))
def test_what_comes_back_to_its_own_key_joins_what_came_there_meanwhile(
    tale: list[By], met: int
) -> None:
    row = merged(tale[:met], met)
    parted = None if row is None else release(row, CARD)
    meanwhile = told(None, of(tale[met:], CARD), CARD)
    if parted is not None:
        meanwhile = rejoin(meanwhile, parted[1], LIMITS, OWN)
        assert meanwhile.shares == {}
    same(meanwhile, facts_of(tale, CARD))


@law
@given(tales(), st.integers(0, 60))
def test_a_root_that_is_absorbed_brings_along_whose_things_it_had_and_takes_its_own_back(
    tale: list[By], met: int
) -> None:
    smaller = "customer:0"
    row = merged(tale, met)
    if row is None:
        return
    over = merge(None, row, LIMITS, ROOT, smaller)
    assert origins(over) == {key for key in KEYS if facts_of(tale, key)}
    back = merge(None, over, LIMITS, smaller, ROOT)
    same(back, [event for _, event in tale])
    assert origins(back) == origins(row)
    if facts_of(tale, ROOT):
        assert (back.shares or {OWN: back})[OWN] == after(facts_of(tale, ROOT))


@law
@given(tales())
def test_what_a_device_brings_never_leaves(tale: list[By]) -> None:
    device = told(None, of(tale, CARD), CARD)
    row = told(None, of(tale, ROOT, PHONE))
    if device is not None:
        row = merge(row, device, LIMITS, OWN, ROOT)
    if row is not None:
        assert CARD not in origins(row)
        assert release(row, CARD) is None
        assert release(row, OWN) is None
    same(row, [event for _, event in tale])


def test_shares_have_no_more_visits_together_than_the_bound_and_no_touch_is_lost() -> None:
    state: Touches | None = None
    number = 0
    for visit in range(VISITS_MAX):
        for card in range(SHARED_VISITS_MAX // VISITS_MAX + 2):
            number += 1
            event = ProductViewed(
                event_id=f"{number:05}",
                occurred_at=NOON + number + visit * (VISIT_GAP_MS + 1_000),
                channel="web",
                source="s",
                subject=f"loyalty:{card}",
                sku="A",
            )
            at = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,), None, f"loyalty:{card}")
            state, _ = step(state, event, at, TouchLimits())
    assert state is not None
    visits = [len(path(share)) for share in state.shares.values()]
    assert sum(visits) == SHARED_VISITS_MAX
    assert max(visits) - min(visits) <= 1, "the oldest leave, whosever they are"
    assert sum(counts(share).total() for share in state.shares.values()) == number
    assert len(path(whole(state, TouchLimits()))) <= VISITS_MAX
