"""Law of the profile: the order of arrival decides nothing, under any policy."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import ProfileUpdated, Trait
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.profile import Policies, Policy, Profile, step

NOON = 1_760_000_000_000
AT = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,))
POLICIES = Policies(
    {
        "trusted": Policy("most_trusted", ("crm", "web/s1", "verified")),
        "oldest": Policy("oldest"),
        "union": Policy("union"),
    }
)

traits = st.builds(
    Trait,
    name=st.sampled_from(["recent", "trusted", "oldest", "union"]),
    value=st.one_of(st.none(), st.sampled_from("abcd"), st.integers(0, 99).map(str)),
    verified=st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> list[ProfileUpdated]:
    count = draw(st.integers(1, 90))
    return [
        ProfileUpdated(
            event_id=f"e-{number}",
            occurred_at=NOON + draw(st.integers(0, 20)),
            channel=draw(st.sampled_from(["web", "crm", "app"])),
            source=draw(st.sampled_from(["s1", "s2"])),
            subject="customer:1",
            traits=tuple(draw(st.lists(traits, min_size=1, max_size=3))),
        )
        for number in range(count)
    ]


def after(facts: list[ProfileUpdated]) -> Profile | None:
    state: Profile | None = None
    for event in facts:
        state, _ = step(state, event, AT, POLICIES)
    return state


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_distinct_events_gives_the_same_profile(
    facts: list[ProfileUpdated], random: Random
) -> None:
    mixed = list(facts)
    random.shuffle(mixed)
    assert after(facts) == after(mixed)


@settings(max_examples=40, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_an_event_taken_twice_changes_nothing(facts: list[ProfileUpdated], random: Random) -> None:
    state = after(facts)
    again, effects = step(state, random.choice(facts), AT, POLICIES)
    assert (again, effects) == (state, ())
