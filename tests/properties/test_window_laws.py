"""Laws of the duplicate window, over histories of retries, disorder and pauses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.events import CartCleared
from ccstream.domain.limits import WINDOW_SOURCES_MAX
from ccstream.domain.window import ENTRY_BYTES, Window, WindowLimits, admit, admit_by_hand

HOUR_MS = 3_600_000
START = 1_760_000_000_000
LIMITS = WindowLimits(ids_max=64, horizon_ms=48 * HOUR_MS)

sendings = st.lists(
    st.tuples(
        st.integers(0, 400),  # which event
        st.sampled_from(["web", "till:1", "till:2"]),
        st.integers(0, 3 * HOUR_MS),  # how long after the previous one it arrives
    ),
    max_size=250,
)


def occurred_at(event: int) -> int:
    """Events of a shop whose clocks stamp several alike, spread over some days."""
    return START + (event // 3) * HOUR_MS


@settings(max_examples=150, deadline=None)
@given(sendings)
def test_no_event_is_ever_fresh_twice(history: list[tuple[int, str, int]]) -> None:
    window, now, taken = None, START, set()
    for event, source, pause in history:
        now += pause
        verdict, window = admit(window, str(event), occurred_at(event), source, now, LIMITS)
        if verdict == "fresh":
            assert (source, event) not in taken
            taken.add((source, event))
        elif verdict == "duplicate":
            assert (source, event) in taken


@settings(max_examples=150, deadline=None)
@given(sendings)
def test_nor_is_any_applied_by_hand_twice(history: list[tuple[int, str, int]]) -> None:
    window, now, taken = None, START, set()
    for event, source, pause in history:
        now += pause
        at = occurred_at(event)
        verdict, window = admit(window, str(event), at, f"{source}/1", now, LIMITS)
        if verdict == "too_late":
            late = CartCleared(
                event_id=str(event), occurred_at=at, channel=source, source="1", subject="x:1"
            )
            verdict, window = admit_by_hand(window, late, now, LIMITS)
            if verdict == "fresh":
                assert (source, event) not in taken
                taken.add((source, event))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 99)), max_size=200))
def test_not_even_if_there_are_more_sources_than_are_remembered(
    history: list[tuple[int, int]],
) -> None:
    window, now, taken = None, START, set()
    for event, source in history:
        now += HOUR_MS
        name = f"web:{source}"
        verdict, window = admit(window, str(event), occurred_at(event), name, now, LIMITS)
        assert len(window.sources) <= WINDOW_SOURCES_MAX
        if verdict == "fresh":
            assert (name, event) not in taken
            taken.add((name, event))


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 10**6), max_size=64), st.randoms(use_true_random=False))
def test_within_the_bounds_any_order_of_arrival_gives_the_same_window(events, random) -> None:
    in_order = sorted(events)
    shuffled = list(in_order)
    random.shuffle(shuffled)

    def after(order: list[int]) -> Window | None:
        window = None
        for event in order:
            verdict, window = admit(
                window, str(event), START + event // 2, "app", START + HOUR_MS, LIMITS
            )
            assert verdict == "fresh"
        return window

    assert after(in_order) == after(shuffled)


@settings(max_examples=100, deadline=None)
@given(sendings)
def test_ids_are_sorted_whole_entries_within_the_bound(history: list[tuple[int, str, int]]) -> None:
    window, now = None, START
    for event, source, pause in history:
        now += pause
        _, window = admit(window, str(event), occurred_at(event), source, now, LIMITS)
        for kept in window.sources.values():
            entries = [
                kept.ids[at : at + ENTRY_BYTES] for at in range(0, len(kept.ids), ENTRY_BYTES)
            ]
            assert entries == sorted(set(entries))
            assert len(kept.ids) == len(entries) * ENTRY_BYTES <= 64 * ENTRY_BYTES
            assert all(int.from_bytes(entry[:8]) > kept.horizon for entry in entries)
