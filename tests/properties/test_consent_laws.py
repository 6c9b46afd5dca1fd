"""Laws of consents: the order of arrival decides nothing, and two states have one merge."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.consent import CONTACT_CHANNELS, STATUSES, Consents, merge, step
from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    ContactChoice,
    ContactPreferencesChanged,
    QuietHours,
)
from ccstream.domain.moment import Moment, Scope

NOON = 1_760_000_000_000
AT = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,))
QUICK = settings(max_examples=80, deadline=None)

Event = ConsentChanged | ContactPreferencesChanged

points = st.sampled_from(["aa" * 16, "bb" * 16])
channels = st.sampled_from(CONTACT_CHANNELS[:3])
flags = st.sampled_from([None, True, False])
minutes = st.sampled_from([0, 480, 1_320])


def _meta(draw: st.DrawFn, occurred_at: int) -> dict[str, object]:
    # few ids, so that some authors use one twice for different things
    return {
        "event_id": f"e-{draw(st.integers(0, 30))}",
        "occurred_at": occurred_at,
        "channel": "web",
        "source": "shop",
        "subject": "customer:1",
    }


@st.composite
def consents(draw: st.DrawFn) -> ConsentChanged:
    occurred_at = NOON + draw(st.integers(0, 6))
    captured_at = occurred_at - draw(st.integers(0, 6))
    return ConsentChanged(
        **_meta(draw, occurred_at),
        contact_point=draw(points),
        contact_channel=draw(channels),
        purpose=draw(st.sampled_from(["marketing", "newsletter"])),
        status=draw(st.sampled_from(STATUSES)),
        legal_basis=draw(st.sampled_from(["consent", "contract"])),
        proof=ConsentProof(draw(st.sampled_from(["f1", "f2"])), "web", captured_at),
        valid_until=draw(st.sampled_from([None, NOON, NOON + 9])),
    )


@st.composite
def preferences(draw: st.DrawFn) -> ContactPreferencesChanged:
    choices = st.builds(ContactChoice, channels, st.booleans())
    return ContactPreferencesChanged(
        **_meta(draw, NOON + draw(st.integers(0, 6))),
        channels=tuple(draw(st.lists(choices, max_size=3))),
        quiet_hours=draw(st.none() | st.builds(QuietHours, minutes, minutes)),
        language=draw(st.sampled_from([None, "", "fr", "de"])),
        calls_at_any_time=draw(flags),
        objects_to_marketing=draw(flags),
    )


histories = st.lists(consents() | preferences(), max_size=25)


def after(facts: list[Event]) -> Consents | None:
    state: Consents | None = None
    for event in facts:
        state, _ = step(state, event, AT)
    return state


def state_of(facts: list[Event]) -> Consents:
    return after(facts) or Consents()


@QUICK
@given(histories, st.randoms(use_true_random=False))
def test_any_order_of_events_gives_the_same_consents(facts: list[Event], random: Random) -> None:
    mixed = list(facts)
    random.shuffle(mixed)
    assert after(facts) == after(mixed)


@QUICK
@given(histories, st.randoms(use_true_random=False))
def test_duplicates_change_nothing(facts: list[Event], random: Random) -> None:
    twice = facts + random.sample(facts, len(facts) // 2)
    assert after(twice) == after(facts)
    for event in facts:
        assert step(after(facts), event, AT) == (after(facts), ())


@QUICK
@given(histories)
def test_the_same_events_give_the_same_consents(facts: list[Event]) -> None:
    assert after(facts) == after(facts)


@QUICK
@given(histories, histories)
def test_folding_goes_on_from_where_it_was(first: list[Event], rest: list[Event]) -> None:
    state: Consents | None = after(first)
    for event in rest:
        state, _ = step(state, event, AT)
    assert state == after(first + rest)


@QUICK
@given(histories, histories)
def test_a_merge_is_what_all_events_together_give(one: list[Event], other: list[Event]) -> None:
    assert merge(state_of(one), state_of(other)) == state_of(one + other)


@QUICK
@given(histories, histories)
def test_a_merge_does_not_ask_which_comes_first(one: list[Event], other: list[Event]) -> None:
    assert merge(state_of(one), state_of(other)) == merge(state_of(other), state_of(one))


@QUICK
@given(histories, histories, histories)
def test_merges_may_be_grouped_in_any_way(
    one: list[Event], two: list[Event], three: list[Event]
) -> None:
    a, b, c = state_of(one), state_of(two), state_of(three)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@QUICK
@given(histories)
def test_a_merge_with_itself_or_with_nothing_changes_nothing(facts: list[Event]) -> None:
    state = state_of(facts)
    assert merge(state, state) == merge(state, Consents()) == state


@QUICK
@given(histories, st.randoms(use_true_random=False))
def test_no_grant_beats_a_later_no(facts: list[Event], random: Random) -> None:
    random.shuffle(facts)
    noes = [
        event
        for event in facts
        if isinstance(event, ConsentChanged) and event.status in {"withdrawn", "refused"}
    ]
    for consent in state_of(facts).consents:
        about = (consent.contact_point, consent.contact_channel, consent.purpose)
        latest = max(
            (
                no.occurred_at
                for no in noes
                if (no.contact_point, no.contact_channel, no.purpose) == about
            ),
            default=-1,
        )
        if consent.status == "granted":
            assert consent.proof.captured_at > latest
