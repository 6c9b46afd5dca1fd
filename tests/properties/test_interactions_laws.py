"""Laws of interactions: the row has the latest of all events, whoever had them and whenever."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import InteractionLogged
from ccstream.domain.interactions import Interactions, merge, release, step
from ccstream.domain.limits import INTERACTIONS_MAX
from ccstream.domain.moment import Moment, Scope

law = settings(max_examples=150, deadline=None)
NOON = 1_760_000_000_000
ROOT, CARD = "customer:1", "loyalty:7"

Told = tuple[str, InteractionLogged]
"""An event, and by whose key it came."""


def logged(number: int, key: str, when: int) -> InteractionLogged:
    return InteractionLogged(
        event_id=f"e{number}",
        occurred_at=NOON + when,
        channel="chat",
        source="desk",
        subject=key,
        interaction_id=f"i{number}",
        kind="chat",
        topic="tea",
    )


def tales(longest: int) -> st.SearchStrategy[list[Told]]:
    one = st.tuples(st.sampled_from((ROOT, CARD)), st.integers(0, 12))
    return st.lists(one, max_size=longest).map(
        lambda told: [(key, logged(number, key, at)) for number, (key, at) in enumerate(told)]
    )


def told(tale: list[Told], root: str, state: Interactions | None = None) -> Interactions | None:
    for key, event in tale:
        at = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,), None, "" if key == root else key)
        state, _ = step(state, event, at)
    return state


def of(tale: list[Told], *keys: str) -> list[Told]:
    return [one for one in tale if one[0] in keys]


def shown(state: Interactions | None) -> list[tuple[str, str]]:
    return [] if state is None else [(one.event_id, one.origin) for one in state.interactions]


def latest(tale: list[Told], root: str = ROOT) -> list[tuple[str, str]]:
    ordered = sorted(tale, key=lambda one: (one[1].occurred_at, one[1].event_id))
    return [
        (event.event_id, "" if key == root else key) for key, event in ordered[-INTERACTIONS_MAX:]
    ]


@law
@given(tales(50), st.integers(0, 50), st.randoms(use_true_random=False))
def test_the_row_has_the_latest_of_all_whenever_the_profiles_met(
    tale: list[Told], met: int, order: Random
) -> None:
    order.shuffle(tale)
    early, late = tale[:met], tale[met:]
    card, row = told(of(early, CARD), CARD), told(of(early, ROOT), ROOT)
    if card is not None:
        row, _ = merge(row, card, CARD, ROOT)
    assert shown(told(late, ROOT, row)) == latest(tale)


@law
@given(tales(INTERACTIONS_MAX))
def test_within_the_bound_who_leaves_has_what_their_own_events_make_and_so_have_the_others(
    tale: list[Told],
) -> None:
    row = told(tale, ROOT)
    parted = None if row is None else release(row, CARD)
    kept, gone = (row, None) if parted is None else parted[:2]
    assert shown(kept) == latest(of(tale, ROOT))
    assert shown(gone) == latest(of(tale, CARD), CARD)
    if gone is not None:
        again, _ = merge(kept, gone, CARD)
        assert again == row, "what is released and comes back was never gone"
