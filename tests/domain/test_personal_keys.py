"""Keys that are known stay, and the first of an entity is the one to encrypt with."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ccstream.domain import reasons
from ccstream.domain.effects import Reject
from ccstream.domain.events import PersonalKeyProvided
from ccstream.domain.limits import KEYS_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.personal_keys import PersonalKeys, merge, step

AT = Moment(0, 0, 0, Scope(b"state", 0, 4), [], 0)


def provided(key_id: str, at: int = 1, master: str = "m1", **more: Any) -> PersonalKeyProvided:
    return PersonalKeyProvided(
        event_id=f"{key_id}/{at}/{master}",
        occurred_at=at,
        channel="web",
        source="shop",
        subject="customer:42",
        key_id=key_id,
        master_id=master,
        wrapped=f"{key_id}-{master}",
        **more,
    )


def after(*events: PersonalKeyProvided) -> PersonalKeys:
    state = None
    for event in events:
        state, _ = step(state, event, AT)
    assert state is not None
    return state


any_key = st.builds(
    provided, st.sampled_from("abc"), st.integers(1, 4), st.sampled_from(["m1", "m2"])
)


@given(st.lists(any_key, min_size=1), st.data())
def test_in_any_order_and_however_often_the_same_wrappings_hold(
    events: list[PersonalKeyProvided], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations([*events, *events]))
    assert set(after(*events).keys) == set(after(*shuffled).keys)


@given(st.lists(any_key, min_size=1), st.lists(any_key, min_size=1))
def test_merging_is_as_if_all_had_been_folded_here(
    ours: list[PersonalKeyProvided], theirs: list[PersonalKeyProvided]
) -> None:
    merged, _ = merge(after(*ours), after(*theirs))
    assert merged is not None and set(merged.keys) == set(after(*ours, *theirs).keys)


def test_the_first_of_two_publishers_key_stays_the_first() -> None:
    assert [key.key_id for key in after(provided("a", 9), provided("b", 1)).keys] == ["a", "b"]
    rotated = after(provided("a"), provided("b"), provided("a", 5, "m2"))
    assert [(key.key_id, key.master_id) for key in rotated.keys] == [("a", "m2"), ("b", "m1")]


def test_what_is_known_changes_nothing() -> None:
    state = after(provided("a", 5, "m2"))
    assert step(state, provided("a", 5, "m2"), AT) == (state, ())
    assert step(state, provided("a", 1, "m1"), AT) == (state, ())


def test_a_key_says_whose_it_is_also_in_another_s_row() -> None:
    assert after(provided("a")).keys[0].entity == "customer:42"
    assert after(provided("a", entity="visitor:9")).keys[0].entity == "visitor:9"


def test_there_is_a_most() -> None:
    state = after(*(provided(f"k{number}") for number in range(KEYS_MAX)))
    same, (refusal,) = step(state, provided("one-more"), AT)
    assert same is state
    assert isinstance(refusal, Reject) and refusal.reason == reasons.TOO_MANY_KEYS
