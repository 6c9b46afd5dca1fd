"""Rules of what is kept of calls, chats and words at the counter."""

from __future__ import annotations

from typing import Any

from ccstream.domain.effects import Publish
from ccstream.domain.events import InteractionLogged
from ccstream.domain.interactions import Interactions, merge, origins, release, step
from ccstream.domain.limits import INTERACTIONS_MAX
from ccstream.domain.moment import Moment, Scope

NOON = 1_760_000_000_000
CARD = "loyalty:7"


def at(came_by: str = "") -> Moment:
    return Moment(NOON + 9, 2, 0, Scope(b"state-id", 0, 8), (-1, -1, -1), None, came_by)


def logged(number: int = 1, **more: Any) -> InteractionLogged:
    fields: dict[str, Any] = {
        "event_id": f"e-{number}",
        "occurred_at": NOON + number,
        "channel": "call_centre",
        "source": "desk-2",
        "subject": "customer:1",
        "interaction_id": f"c-{number}",
        "kind": "call",
        "topic": "delivery",
        "intent": "move it to Friday",
        "outcome": "done",
    }
    return InteractionLogged(**(fields | more))


def row(*events: InteractionLogged, came_by: str = "") -> Interactions:
    state = None
    for event in events:
        state, _ = step(state, event, at(came_by))
    assert state is not None
    return state


def test_an_interaction_is_kept_with_what_was_wanted_and_how_it_ended() -> None:
    state, effects = step(None, logged(), at())
    assert state is not None
    assert effects == (Publish(),)
    (one,) = state.interactions
    assert (one.kind, one.channel, one.source) == ("call", "call_centre", "desk-2")
    assert (one.topic, one.intent, one.outcome) == ("delivery", "move it to Friday", "done")
    assert (one.event_id, one.interaction_id, one.occurred_at) == ("e-1", "c-1", NOON + 1)
    assert one.origin == ""


def test_the_latest_are_kept_and_one_that_is_older_than_all_of_them_changes_nothing() -> None:
    full = row(*(logged(number) for number in range(1, INTERACTIONS_MAX + 1)))
    after, effects = step(full, logged(0), at())
    assert after is full
    assert effects == ()
    after, _ = step(full, logged(99), at())
    assert after is not None
    kept = [one.event_id for one in after.interactions]
    assert len(kept) == INTERACTIONS_MAX
    assert (kept[0], kept[-1]) == ("e-2", "e-99")


def test_who_leaves_takes_along_what_came_by_their_key_and_nothing_else() -> None:
    united, effects = merge(row(logged(1)), row(logged(2)), CARD, "customer:1")
    assert united is not None
    assert effects == (Publish(),)
    assert origins(united) == {CARD}
    parted = release(united, CARD)
    assert parted == (row(logged(1)), row(logged(2)), (Publish(),))
    assert release(united, "loyalty:8") is None
    assert release(united, "") is None, "what is the row's own does not leave"


def test_nothing_stays_of_a_row_that_was_all_anothers() -> None:
    parted = release(row(logged(), came_by=CARD), CARD)
    assert parted is not None
    assert parted[0] is None


def test_what_comes_home_is_the_rows_own_again() -> None:
    brought = row(logged(2), came_by="customer:1")
    united, _ = merge(row(logged(1)), brought, CARD, "customer:1")
    assert united == row(logged(1), logged(2))


def test_a_row_that_is_taken_over_twice_changes_nothing() -> None:
    once, _ = merge(None, row(logged()), CARD, "customer:1")
    assert merge(once, row(logged()), CARD, "customer:1") == (once, ())
