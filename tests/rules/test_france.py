"""The pack of France, rule by rule, with the days on which the law changes."""

from __future__ import annotations

import pytest

from tests.rules.cases import answer, at, decide, person, word

CALLED = person(word(channel="phone"))
NOT_LOOKED_UP: dict[str, object] = {"not_on_registers": frozenset()}
DAY = 24 * 3_600_000


@pytest.mark.parametrize(
    ("channel", "known", "expected"),
    [
        ("email", {}, "deny:no_consent"),
        ("email", {"own_customer": True}, "allow:own_customer"),
        ("email", {"contract": True}, "deny:no_consent"),
        ("sms", {}, "deny:no_consent"),
        ("sms", {"own_customer": True}, "allow:own_customer"),
        ("push", {"own_customer": True}, "deny:no_consent"),
        ("chat", {"own_customer": True}, "deny:no_consent"),
        ("social", {"own_customer": True}, "deny:no_consent"),
        ("post", {}, "allow:not_objected"),
        ("phone", {}, "allow:not_objected"),
    ],
)
def test_without_a_word(channel: str, known: dict[str, bool], expected: str) -> None:
    assert answer(None, channel, **known) == expected


@pytest.mark.parametrize("channel", ["email", "sms", "push", "chat", "social", "post", "phone"])
def test_with_consent_every_channel_is_allowed(channel: str) -> None:
    decision = decide(person(word(channel=channel)), channel)
    assert (decision.reason, decision.evidence) == ("consent", f"granted-{channel}")


def test_each_message_to_an_own_customer_must_offer_an_opt_out() -> None:
    for channel in ("email", "sms"):
        decision = decide(None, channel, own_customer=True)
        assert decision.obligations == ("opt_out_in_each_message",)
    assert decide(None, "post").obligations == ()


@pytest.mark.parametrize(
    ("day", "known", "consented", "expected"),
    [
        # until 10 August 2026: no list, no consent needed
        ("2026-08-10", {}, False, "allow:not_objected"),
        ("2026-08-10", {"registers": frozenset({"bloctel"})}, False, "deny:on_register"),
        ("2026-08-10", {"registers": frozenset({"bloctel"})}, True, "deny:on_register"),
        (
            "2026-08-10",
            {"registers": frozenset({"bloctel"}), "contract": True},
            False,
            "allow:not_objected",
        ),
        ("2026-08-10", {"registers": frozenset({"tps"})}, False, "allow:not_objected"),
        ("2026-08-10", NOT_LOOKED_UP, False, "deny:register_unknown"),
        ("2026-08-10", NOT_LOOKED_UP, True, "deny:register_unknown"),
        ("2026-08-10", {**NOT_LOOKED_UP, "contract": True}, False, "allow:not_objected"),
        # from 11 August 2026: consent, or a contract in progress
        ("2026-08-11", {}, False, "deny:no_consent"),
        ("2026-08-11", NOT_LOOKED_UP, True, "allow:consent"),
        ("2026-08-11", {"own_customer": True}, False, "deny:no_consent"),
        ("2026-08-11", {"contract": True}, False, "allow:contract"),
        ("2026-08-11", {}, True, "allow:consent"),
        ("2026-08-11", {"registers": frozenset({"bloctel"})}, True, "allow:consent"),
    ],
)
def test_calls_need_a_consent_from_11_august_2026(
    day: str, known: dict[str, object], consented: bool, expected: str
) -> None:
    who = CALLED if consented else None
    assert answer(who, "phone", f"{day} 11:00", **known) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-05-06 09:59", "deny:hour"),
        ("2026-05-06 10:00", "allow:consent"),
        ("2026-05-06 12:59", "allow:consent"),
        ("2026-05-06 13:00", "deny:hour"),
        ("2026-05-06 13:59", "deny:hour"),
        ("2026-05-06 14:00", "allow:consent"),
        ("2026-05-06 19:59", "allow:consent"),
        ("2026-05-06 20:00", "deny:hour"),
        ("2026-05-04 11:00", "allow:consent"),  # Monday
        ("2026-05-07 11:00", "allow:consent"),
        ("2026-05-09 11:00", "deny:day"),  # Saturday
        ("2026-05-10 11:00", "deny:day"),  # Sunday
        # the last day before the law on consent, and the first after
        ("2026-08-10 20:00", "deny:hour"),
        ("2026-08-11 20:00", "deny:hour"),
        ("2026-08-11 19:59", "allow:consent"),
    ],
)
def test_calls_keep_days_and_hours(when: str, expected: str) -> None:
    assert answer(CALLED, "phone", when) == expected


def test_before_march_2023_calls_kept_none() -> None:
    early = person(word(channel="phone", stated_at=0))
    contact = at("2023-01-15")
    for when, expected in (
        ("2023-02-28 21:00", "allow:consent"),
        ("2023-03-01 21:00", "deny:hour"),
    ):
        assert answer(early, "phone", when, last_own_contact_at=contact) == expected


def test_the_hours_are_those_of_the_recipients_clock() -> None:
    ten_in_paris = at("2026-05-06 10:00")
    assert answer(CALLED, "phone", ten_in_paris) == "allow:consent"
    assert answer(CALLED, "phone", ten_in_paris, region="974") == "allow:consent"  # noon
    assert answer(CALLED, "phone", ten_in_paris, region="972") == "deny:hour"  # 4 a.m.
    assert answer(CALLED, "phone", ten_in_paris, time_zone="Europe/London") == "deny:hour"


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [("2026-03-27", 9), ("2026-03-30", 8), ("2026-10-23", 8), ("2026-10-26", 9)],
)
def test_summer_time_moves_the_hours_with_the_clock(day: str, utc_hour: int) -> None:
    begins = at(f"{day} {utc_hour:02}:00", "UTC")
    assert answer(CALLED, "phone", begins) == "allow:consent"
    assert answer(CALLED, "phone", begins - 1) == "deny:hour"


@pytest.mark.parametrize(
    ("day", "region", "expected"),
    [
        ("2026-01-01", "75", "deny:holiday"),
        ("2026-04-06", "75", "deny:holiday"),  # Easter Monday
        ("2026-05-01", "75", "deny:holiday"),
        ("2026-05-14", "75", "deny:holiday"),  # Ascension Day
        ("2026-07-14", "75", "deny:holiday"),
        ("2026-11-11", "75", "deny:holiday"),
        ("2026-04-03", "75", "allow:consent"),  # Good Friday
        ("2026-04-03", "57", "deny:holiday"),
        ("2026-04-03", "67", "deny:holiday"),
        ("2026-04-03", "68", "deny:holiday"),
        ("2026-04-03", "6AE", "deny:holiday"),
        ("2026-04-03", None, "deny:holiday"),  # it may be Alsace
        ("2025-12-26", "75", "allow:consent"),  # a Friday
        ("2025-12-26", "67", "deny:holiday"),
        ("2026-05-22", "75", "allow:consent"),
        ("2026-05-22", "972", "deny:holiday"),  # abolition of slavery, in Martinique
    ],
)
def test_no_calls_on_public_holidays_with_those_of_the_region(
    day: str, region: str | None, expected: str
) -> None:
    early = person(word(channel="phone", stated_at=at("2025-12-01")))
    noon = at(f"{day} 11:00", "America/Martinique" if region == "972" else "Europe/Paris")
    assert answer(early, "phone", noon, region=region) == expected


def test_a_consent_to_calls_at_any_time_lifts_days_and_hours_until_the_law_wants_a_date() -> None:
    anytime = person(word(channel="phone"), any_time=True)
    for when in ("2026-05-09 21:00", "2026-05-01 09:00", "2026-08-10 23:00"):
        assert answer(anytime, "phone", when) == "allow:consent"
        assert (
            answer(person(word(channel="phone"), any_time=False), "phone", when) != "allow:consent"
        )
    assert answer(anytime, "phone", "2026-08-11 21:00") == "deny:hour"
    agreed = at("2026-08-11 21:00")
    for minutes, expected in ((-16, "deny:hour"), (-15, "allow:consent"), (15, "allow:consent")):
        when = agreed + minutes * 60_000
        assert answer(CALLED, "phone", when, appointment_at=agreed) == expected


def test_four_calls_in_thirty_days_are_the_most() -> None:
    now = at("2026-05-29 11:00")
    calls = tuple(now - days * DAY for days in (1, 5, 9))
    assert answer(CALLED, "phone", now, past_contacts=calls) == "allow:consent"
    for oldest, expected in ((29, "deny:too_often"), (30, "allow:consent")):
        four = (*calls, now - oldest * DAY)
        assert answer(CALLED, "phone", now, past_contacts=four) == expected
    later = (*calls, now + DAY)
    assert answer(CALLED, "phone", now, past_contacts=later) == "allow:consent"
    often = (*calls, now - 2 * DAY)
    assert answer(person(word()), "email", now, past_contacts=often) == "allow:consent"


def test_a_refusal_is_followed_by_sixty_days_of_peace() -> None:
    refused = at("2026-03-02 15:00")
    for when, expected in (
        ("2026-03-02 16:00", "deny:resting"),
        ("2026-04-30 11:00", "deny:resting"),  # the 59th day
        ("2026-05-04 11:00", "allow:consent"),
    ):
        assert answer(CALLED, "phone", when, last_refusal_at=refused) == expected
    sixtieth = at("2026-05-15 19:00")
    assert answer(CALLED, "phone", sixtieth, last_refusal_at=at("2026-03-16 10:00")) == (
        "deny:resting"
    )
    assert answer(CALLED, "phone", sixtieth, last_refusal_at=at("2026-03-15 19:59")) == (
        "allow:consent"
    )


@pytest.mark.parametrize(
    ("last", "today", "expected"),
    [
        ("2023-05-06 09:00", "2026-05-05 23:00", "allow:not_objected"),
        ("2023-05-06 09:00", "2026-05-06 00:00", "deny:data_too_old"),
        ("2024-02-29 09:00", "2027-02-27 12:00", "allow:not_objected"),
        ("2024-02-29 09:00", "2027-02-28 12:00", "deny:data_too_old"),
    ],
)
def test_prospects_are_contacted_for_three_years_from_their_last_own_contact(
    last: str, today: str, expected: str
) -> None:
    assert answer(None, "post", today, last_own_contact_at=at(last)) == expected
    for relation in ({"own_customer": True}, {"contract": True}):
        known = {"last_own_contact_at": at(last), **relation}
        assert answer(None, "post", today, **known) == "allow:not_objected"


def test_a_prospect_of_whom_no_contact_is_known_is_not_contacted() -> None:
    assert answer(None, "post", last_own_contact_at=None) == "deny:last_contact_unknown"
    granted = person(word(stated_at=at("2023-05-07")))
    assert answer(granted, last_own_contact_at=None) == "allow:consent"
    assert answer(granted, "email", "2026-05-07 11:00", last_own_contact_at=None) == (
        "deny:data_too_old"
    )
