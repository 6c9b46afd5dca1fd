from __future__ import annotations

from typing import Any

import pytest

from ccstream.domain import reasons
from ccstream.domain.consent import Consents, merge, step
from ccstream.domain.effects import Publish, Reject
from ccstream.domain.events import (
    ConsentChanged,
    ConsentProof,
    ContactChoice,
    ContactPreferencesChanged,
    QuietHours,
)
from ccstream.domain.limits import CONSENTS_MAX, NOES_MAX
from ccstream.domain.moment import Moment, Scope

AT = Moment(0, 0, 0, Scope(b"state", 0, 4), [], 0)
POINT = "ab" * 32


def consent(status: str, at: int, captured: int | None = None, **more: Any) -> ConsentChanged:
    about = {"contact_point": POINT, "contact_channel": "email", "purpose": "newsletter"}
    return ConsentChanged(
        **{
            "event_id": f"{status}-{at}",
            "occurred_at": at,
            "channel": "web",
            "source": "shop",
            "subject": "customer:42",
            "status": status,
            "proof": ConsentProof("form-1", "web", at if captured is None else captured),
            **about,
            **more,
        }
    )


def preferences(at: int, **said: Any) -> ContactPreferencesChanged:
    meta = {"channel": "web", "source": "shop", "subject": "customer:42"}
    return ContactPreferencesChanged(event_id=f"p-{at}", occurred_at=at, **meta, **said)


def after(*facts: Any) -> Consents:
    state: Consents | None = None
    for event in facts:
        state, _ = step(state, event, AT)
    assert state is not None
    return state


def status(*facts: Any) -> str:
    (only,) = after(*facts).consents
    return only.status


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ([consent("granted", 1), consent("withdrawn", 2)], "withdrawn"),
        ([consent("withdrawn", 2), consent("granted", 1)], "withdrawn"),
        ([consent("withdrawn", 1), consent("granted", 2)], "granted"),
        ([consent("granted", 2), consent("withdrawn", 1)], "granted"),
        ([consent("granted", 5), consent("withdrawn", 5)], "withdrawn"),
        ([consent("withdrawn", 5), consent("granted", 5)], "withdrawn"),
        ([consent("granted", 5), consent("pending", 5)], "pending"),
        ([consent("refused", 5), consent("pending", 5)], "refused"),
        ([consent("refused", 5), consent("withdrawn", 5)], "withdrawn"),
        ([consent("pending", 1), consent("granted", 2)], "granted"),
    ],
)
def test_the_later_word_holds_and_of_two_as_late_the_stricter(said: list[Any], holds: str) -> None:
    assert status(*said) == holds


def test_a_form_typed_in_late_does_not_undo_what_was_withdrawn_meanwhile() -> None:
    assert status(consent("withdrawn", 4), consent("granted", 9, captured=3)) == "withdrawn"


def test_a_withdrawal_that_carries_the_proof_of_the_grant_still_withdraws() -> None:
    assert status(consent("granted", 5), consent("withdrawn", 8, captured=1)) == "withdrawn"


def test_of_two_grants_of_the_same_time_the_one_that_ends_earlier_holds() -> None:
    long, short = consent("granted", 5, event_id="a"), consent("granted", 5, valid_until=7)
    for said in ([long, short], [short, long]):
        assert after(*said).consents[0].valid_until == 7


@pytest.mark.parametrize(
    "other",
    [{"contact_point": "cd" * 32}, {"contact_channel": "sms"}, {"purpose": "survey"}],
)
def test_contact_points_channels_and_purposes_are_apart(other: dict[str, str]) -> None:
    both = after(consent("granted", 1), consent("withdrawn", 2, **other))
    assert sorted(one.status for one in both.consents) == ["granted", "withdrawn"]


def test_a_preference_that_is_not_spoken_of_stays() -> None:
    state = after(
        preferences(1, objects_to_marketing=True, channels=(ContactChoice("sms", True),)),
        preferences(2, language="fr", channels=(ContactChoice("email", True),)),
    )
    assert state.objects_to_marketing is not None and state.objects_to_marketing.value
    assert [one.contact_channel for one in state.channels] == ["email", "sms"]
    assert state.language is not None and state.language.event_id == "p-2"


def test_of_two_preferences_of_the_same_time_the_stricter_holds() -> None:
    strict = preferences(
        5,
        channels=(ContactChoice("sms", True),),
        objects_to_marketing=True,
        calls_at_any_time=False,
        quiet_hours=QuietHours(1_200, 600),
    )
    loose = preferences(
        5,
        channels=(ContactChoice("sms", False),),
        objects_to_marketing=False,
        calls_at_any_time=True,
        quiet_hours=QuietHours(1_300, 500),
    )
    state = merge(after(loose), after(strict))
    assert state.channels[0].opted_out
    assert state.objects_to_marketing is not None and state.objects_to_marketing.value
    assert state.calls_at_any_time is not None and not state.calls_at_any_time.value
    assert state.quiet_hours is not None and state.quiet_hours.hours.from_minute == 1_200


def test_a_change_is_published_and_a_word_without_news_is_not() -> None:
    state, effects = step(None, consent("granted", 2), AT)
    assert effects == (Publish(),)
    assert step(state, consent("granted", 1), AT) == (state, ())
    assert step(None, preferences(1), AT) == (None, ())


def test_grants_are_bounded_and_a_no_has_room_beyond() -> None:
    state: Consents | None = None
    for number in range(CONSENTS_MAX):
        state, _ = step(state, consent("granted", 1, purpose=f"p{number}"), AT)
    for extra in ("granted", "pending"):
        same, (effect,) = step(state, consent(extra, 1, purpose="extra"), AT)
        assert same is state
        assert isinstance(effect, Reject) and effect.reason == reasons.TOO_MANY_CONSENTS
    for number in range(NOES_MAX - CONSENTS_MAX):
        state, effects = step(state, consent("withdrawn", 1, purpose=f"q{number}"), AT)
        assert effects == (Publish(),)
    same, (effect,) = step(state, consent("refused", 1, purpose="extra"), AT)
    assert same is state and isinstance(effect, Reject)
    state, effects = step(state, consent("withdrawn", 2, purpose="p0"), AT)
    assert effects == (Publish(),), "what is known can always be changed"
