"""Laws of touch: the order of arrival decides nothing, and the path is what it is defined as."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import Campaign, ProductViewed
from ccstream.domain.limits import VISIT_GAP_MS, VISITS_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.touch import (
    PathEntry,
    Touches,
    TouchLimits,
    path,
    step,
)

DAY_MS = 24 * 3_600_000
NOON = 1_760_000_000_000
AT = Moment(NOON, 0, 0, Scope(b"state-id", 0, 8), (-1,))
LIMITS = TouchLimits(lookback_ms=10 * DAY_MS)


def touches(days: int, max_size: int = 60) -> st.SearchStrategy[list[ProductViewed]]:
    """Distinct events within some days, at times that often lie near each other."""
    when = st.one_of(
        st.integers(0, days * DAY_MS),
        st.integers(0, 8 * days).map(lambda n: n * VISIT_GAP_MS),
        st.integers(0, 8 * days).map(lambda n: n * (VISIT_GAP_MS + 1)),
    )
    one = st.tuples(when, st.sampled_from(["web", "app", "store"]), st.sampled_from(["", "c"]))
    return st.lists(one, min_size=1, max_size=max_size).map(
        lambda rows: [
            ProductViewed(
                event_id=str(number),
                occurred_at=NOON + at,
                channel=channel,
                source="s",
                subject="customer:1",
                sku="A",
                campaign=Campaign(campaign) if campaign else None,
            )
            for number, (at, channel, campaign) in enumerate(rows)
        ]
    )


def after(facts: list[ProductViewed], state: Touches | None = None) -> Touches:
    for event in facts:
        state, _ = step(state, event, AT, LIMITS)
    assert state is not None
    return state


def shuffled(facts: list[ProductViewed], random: Random) -> list[ProductViewed]:
    mixed = list(facts)
    random.shuffle(mixed)
    return mixed


def counts(state: Touches) -> Counter[str]:
    total = Counter({channel: sum_.touches for channel, sum_ in state.earlier.items()})
    for entry in path(state):
        total[entry.channel] += entry.touches
    return total


def path_by_definition(facts: list[ProductViewed]) -> tuple[PathEntry, ...]:
    times = defaultdict(list)
    for event in facts:
        times[event.channel, event.campaign.id if event.campaign else ""].append(event.occurred_at)
    entries = []
    for (channel, campaign), instants in times.items():
        visit: list[int] = []
        for at in [*sorted(instants), None]:
            if visit and (at is None or at - visit[-1] > VISIT_GAP_MS):
                entries.append(PathEntry(visit[0], channel, campaign, visit[-1], len(visit)))
                visit = []
            if at is not None:
                visit.append(at)
    return tuple(sorted(entries))


@settings(max_examples=150, deadline=None)
@given(touches(days=40), st.randoms(use_true_random=False))
def test_first_last_last_of_each_channel_and_counts_do_not_depend_on_the_order(
    facts: list[ProductViewed], random: Random
) -> None:
    one, other = after(facts), after(shuffled(facts, random))
    assert one.first == other.first
    assert one.last == other.last
    assert one.last_by_channel == other.last_by_channel
    assert counts(one) == counts(other) == Counter(event.channel for event in facts)


@settings(max_examples=150, deadline=None)
@given(touches(days=10), st.randoms(use_true_random=False))
def test_within_the_lookback_the_path_is_the_one_defined_whatever_the_order(
    facts: list[ProductViewed], random: Random
) -> None:
    expected = path_by_definition(facts)
    state = after(shuffled(facts, random))
    assert path(state) == expected
    assert state.earlier == {}


@settings(max_examples=100, deadline=None)
@given(touches(days=40), touches(days=40))
def test_a_step_leaves_the_state_it_was_given_as_it_was(
    one: list[ProductViewed], two: list[ProductViewed]
) -> None:
    state = after(one)
    before = repr(state)
    assert after(two, state) == after([*one, *two])
    assert repr(state) == before


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9 * 48), min_size=VISITS_MAX, max_size=300, unique=True))
def test_the_path_never_has_more_visits_than_its_bound(slots: list[int]) -> None:
    facts = [
        ProductViewed(
            event_id=str(slot),
            occurred_at=NOON + slot * (VISIT_GAP_MS + 1),
            channel="web",
            source="s",
            subject="customer:1",
            sku="A",
        )
        for slot in slots
    ]
    state = after(facts)
    assert len(path(state)) == VISITS_MAX
    assert counts(state) == Counter(web=len(slots))
