"""Rules of the duplicate window, one source or subject at a time."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from ccstream.domain.events import CartItemRemoved, Event
from ccstream.domain.limits import RETRY_SPAN_MS, WINDOW_IDS_MIN, WINDOW_SOURCES_MAX
from ccstream.domain.window import (
    BY_HAND,
    SourceWindow,
    Verdict,
    Window,
    WindowLimits,
    admit,
    admit_by_hand,
)

DAY_MS = 24 * 3_600_000
NOON = 1_760_000_000_000
LIMITS = WindowLimits()


class Heard:
    """A subject that is being heard; `say` answers with the verdict."""

    def __init__(self, limits: WindowLimits = LIMITS) -> None:
        self.window: Window | None = None
        self.limits = limits
        self.now = NOON

    def say(
        self, event_id: str, at: int, source: str = "till:7", now: int | None = None
    ) -> Verdict:
        self.now = max(self.now, at) if now is None else now
        verdict, self.window = admit(self.window, event_id, at, source, self.now, self.limits)
        return verdict

    def ids(self, source: str = "till:7") -> int:
        assert self.window is not None
        return len(self.window.sources[source])


def test_an_id_is_fresh_once_and_a_duplicate_ever_after() -> None:
    heard = Heard()
    assert heard.say("a", NOON) == "fresh"
    before = heard.window
    assert heard.say("a", NOON) == "duplicate"
    assert heard.say("a", NOON + 5) == "duplicate", "also if the retry was stamped anew"
    assert heard.window is before


def test_bytes_that_only_look_like_an_id_are_no_duplicate() -> None:
    digest = blake2b(b"a", digest_size=8).digest()
    looks_like_a_time = SourceWindow(-1, NOON, bytes(16) + digest + bytes(8))
    verdict, _ = admit(Window({"web": looks_like_a_time}), "a", NOON, "web", NOON, LIMITS)
    assert verdict == "fresh"


def test_sources_do_not_share_their_ids() -> None:
    heard = Heard()
    assert heard.say("1", NOON, "till:7") == "fresh"
    assert heard.say("1", NOON, "till:8") == "fresh"
    assert heard.say("1", NOON, "till:8") == "duplicate"


def test_events_of_one_time_stamp_stay_together() -> None:
    heard = Heard()
    basket = [f"line-{n}" for n in range(300)]
    assert [heard.say(event_id, NOON) for event_id in basket] == ["fresh"] * 300
    assert [heard.say(event_id, NOON) for event_id in basket] == ["duplicate"] * 300
    # A minute later the whole time stamp may leave, and only as a whole.
    later = NOON + RETRY_SPAN_MS + 1
    for n in range(WINDOW_IDS_MIN - 1):
        heard.say(f"later-{n}", later + n)
    assert heard.ids() == 300 + WINDOW_IDS_MIN - 1
    heard.say("the one that was missing", later + WINDOW_IDS_MIN)
    assert heard.ids() == WINDOW_IDS_MIN
    assert heard.say("line-0", NOON) == "too_late"


def test_a_till_that_was_offline_for_a_day_sends_its_outbox_in_order() -> None:
    heard = Heard()
    outbox = [(f"sale-{n}", NOON + n * 60_000) for n in range(24 * 60)]
    arrival = NOON + 2 * DAY_MS
    assert {heard.say(i, at, now=arrival) for i, at in outbox} == {"fresh"}
    assert heard.ids() <= WINDOW_IDS_MIN + 16


def test_what_left_the_window_is_too_late_and_so_is_anything_before_it() -> None:
    heard = Heard()
    for n in range(200):
        heard.say(f"visit-{n}", NOON + n * RETRY_SPAN_MS)
    assert heard.say("visit-0", NOON) == "too_late"
    assert heard.say("never seen", NOON + 50 * RETRY_SPAN_MS) == "too_late"
    assert heard.say("visit-199", NOON + 199 * RETRY_SPAN_MS) == "duplicate"


def test_a_burst_is_remembered_for_as_long_as_retries_take() -> None:
    heard = Heard()
    burst = [(f"b-{n}", NOON + n * 1_000) for n in range(RETRY_SPAN_MS // 1_000)]
    assert {heard.say(i, at) for i, at in burst} == {"fresh"}
    assert {heard.say(i, at) for i, at in burst} == {"duplicate"}


@pytest.mark.parametrize("ids_max", [64, 200, 1_024])
def test_no_source_holds_more_ids_than_configured(ids_max: int) -> None:
    heard = Heard(WindowLimits(ids_max=ids_max))
    for n in range(ids_max + 300):
        assert heard.say(f"b-{n}", NOON + n) == "fresh"
        assert heard.ids() <= ids_max


def test_more_of_one_time_stamp_than_the_window_holds_are_refused_not_applied_twice() -> None:
    heard = Heard(WindowLimits(ids_max=64))
    verdicts = [heard.say(f"b-{n}", NOON) for n in range(100)]
    assert verdicts == ["fresh"] * 65 + ["too_late"] * 35


def test_an_event_more_than_30_days_old_at_its_arrival_is_too_late() -> None:
    heard = Heard()
    assert heard.say("old", NOON - 30 * DAY_MS - 1, now=NOON) == "too_late"
    assert heard.say("just", NOON - 30 * DAY_MS, now=NOON) == "fresh"


def test_a_time_before_1970_is_too_late() -> None:
    verdict, window = admit(None, "a", -1, "web", 5, LIMITS)
    assert (verdict, window) == ("too_late", Window({}))


def test_a_source_idle_for_30_days_is_forgotten() -> None:
    heard = Heard()
    heard.say("a", NOON, "till:7")
    heard.say("b", NOON + 31 * DAY_MS, "till:8")
    assert heard.window is not None
    assert list(heard.window.sources) == ["till:8"]
    assert heard.say("a", NOON, "till:7") == "too_late"


def test_a_source_whose_clock_is_ahead_is_kept_until_its_ids_are_too_late_anyway() -> None:
    heard = Heard()
    heard.say("a", NOON + DAY_MS, "till:7", now=NOON)
    heard.say("b", NOON + 30 * DAY_MS + 1, "web")
    assert heard.say("a", NOON + DAY_MS, "till:7") == "duplicate"


def test_the_source_idle_longest_makes_room_and_leaves_a_floor() -> None:
    heard = Heard()
    for n in range(WINDOW_SOURCES_MAX + 1):
        assert heard.say(f"e-{n}", NOON + n, f"web:{n}") == "fresh"
    assert heard.window is not None
    assert "web:0" not in heard.window.sources
    assert len(heard.window.sources) == WINDOW_SOURCES_MAX
    assert heard.say("e-0", NOON, "web:0") == "too_late"
    assert heard.say("e-0 again", NOON + WINDOW_SOURCES_MAX + 1, "web:0") == "fresh"


@pytest.mark.parametrize("ids_max", [0, 63, 1_025])
def test_a_bound_outside_64_to_1024_ids_is_refused(ids_max: int) -> None:
    with pytest.raises(ValueError, match="64 to 1024"):
        WindowLimits(ids_max=ids_max)


def test_a_horizon_that_nothing_could_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon_ms"):
        WindowLimits(horizon_ms=0)


# applied by hand


def late(event_id: str, at: int, source: str = "7") -> Event:
    return CartItemRemoved(
        event_id=event_id,
        occurred_at=at,
        channel="till",
        source=source,
        subject="customer:1",
        sku="tea",
    )


def by_hand(heard: Heard, event: Event) -> Verdict:
    heard.now += 1
    window = heard.window or Window({})
    verdict, heard.window = admit_by_hand(window, event, heard.now, heard.limits)
    return verdict


def test_what_is_too_late_is_fresh_by_hand_once() -> None:
    heard = Heard()
    event = late("old", NOON - 40 * DAY_MS)
    assert heard.say("old", event.occurred_at, "till/7", now=NOON) == "too_late"
    assert by_hand(heard, event) == "fresh"
    assert by_hand(heard, event) == "duplicate"
    assert heard.say("old", event.occurred_at, "till/7", now=heard.now) == "too_late"


def test_by_hand_the_ids_of_two_sources_are_told_apart() -> None:
    heard = Heard()
    assert by_hand(heard, late("1", NOON, source="7")) == "fresh"
    assert by_hand(heard, late("1", NOON, source="8")) == "fresh"


def test_what_was_applied_by_hand_leaves_the_sources_own_window_as_it_is() -> None:
    heard = Heard()
    heard.say("a", NOON, "till/7")
    before = heard.window.sources["till/7"]
    by_hand(heard, late("old", NOON - 40 * DAY_MS))
    assert heard.window.sources["till/7"] is before


def test_any_number_is_applied_by_hand_oldest_first_and_none_twice_however_long_after() -> None:
    heard = Heard()
    events = [late(str(n), NOON - 40 * DAY_MS + n * 3_600_000) for n in range(300)]
    assert {by_hand(heard, event) for event in events} == {"fresh"}
    heard.now += 400 * DAY_MS
    for number in range(3 * WINDOW_SOURCES_MAX):  # all that is idle is forgotten meanwhile
        heard.say("a", heard.now, f"till/{number}")
    assert "fresh" not in {by_hand(heard, event) for event in events}
    assert len(heard.window.sources) == WINDOW_SOURCES_MAX + 1
    assert len(heard.window.sources[BY_HAND]) <= WINDOW_IDS_MIN + 16


def test_what_is_forgotten_even_of_those_applied_by_hand_is_too_late_again() -> None:
    heard = Heard()
    for number in range(300):
        by_hand(heard, late(str(number), NOON - 40 * DAY_MS + number * 3_600_000))
    assert by_hand(heard, late("older", NOON - 40 * DAY_MS)) == "too_late"
