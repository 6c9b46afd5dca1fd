"""What a person said decides first, in every country; what is not known speaks against."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ccstream.domain.consent import Consents
from ccstream.errors import RulesError
from ccstream.rules import DENIALS, Context, contact, may_contact
from tests.rules.cases import POINT, answer, at, decide, person, word

OTHER = "cd" * 32


def test_without_a_word_marketing_by_email_is_denied() -> None:
    for nobody in (None, Consents()):
        assert answer(nobody) == "deny:no_consent"


def test_a_grant_allows_and_is_the_evidence() -> None:
    decision = decide(person(word(event_id="e-7")))
    assert decision.allowed
    assert (decision.reason, decision.evidence) == ("consent", "e-7")
    assert decision.contact_point == POINT
    assert decision.source == "CPCE, art. L34-5"


@pytest.mark.parametrize("status", ["withdrawn", "refused"])
def test_a_no_denies_also_where_nothing_would_be_needed(status: str) -> None:
    for channel in ("email", "sms", "post", "phone"):
        decision = decide(person(word(status, channel)), channel, own_customer=True, contract=True)
        assert (decision.verdict, decision.reason) == ("deny", status)
        assert decision.evidence == f"{status}-{channel}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (word("pending"), "deny:pending"),
        (word(valid_until=at("2026-05-06 11:00")), "deny:expired"),
        (word(valid_until=at("2026-05-06 11:00") + 1), "allow:consent"),
        (word(stated_at=at("2026-05-06 11:00") + 1), "deny:not_yet"),
        (word(stated_at=at("2026-05-06 11:00")), "allow:consent"),
        (word(legal_basis="legitimate_interest"), "deny:not_consent"),
        (word(purpose="survey"), "deny:no_consent"),
        (word(channel="sms"), "deny:no_consent"),
    ],
)
def test_only_a_consent_in_force_for_this_is_one(said: object, expected: str) -> None:
    assert answer(person(said)) == expected  # type: ignore[arg-type]


def test_one_contact_point_does_not_speak_for_another() -> None:
    both = person(word(), word("withdrawn", contact_point=OTHER, event_id="no"))
    assert answer(both, contact_point=POINT) == "allow:consent"
    assert answer(both, contact_point=OTHER) == "deny:withdrawn"
    assert decide(both).contact_point == POINT


def test_an_objection_to_all_marketing_beats_every_consent() -> None:
    decision = decide(person(word(), objects=True))
    assert (decision.reason, decision.evidence) == ("objected", "objection")
    assert answer(person(word(), objects=False)) == "allow:consent"


def test_an_opt_out_of_the_channel_beats_consent_and_service() -> None:
    someone = person(word(), opted_out="email")
    assert answer(someone) == "deny:channel_opted_out"
    assert answer(someone, purpose="service") == "deny:channel_opted_out"
    assert answer(someone, "post") == "allow:not_objected"


def test_service_needs_neither_consent_nor_country_and_heeds_no_objection_to_marketing() -> None:
    assert answer(person(objects=True), "sms", purpose="service", country=None) == "allow:service"
    night_on_sunday = "2026-05-03 23:00"
    assert answer(None, "phone", night_on_sunday, purpose="service") == "allow:service"
    no = person(word("withdrawn", purpose="service"))
    assert answer(no, purpose="service") == "deny:withdrawn"


@pytest.mark.parametrize(
    ("hours", "when", "denied"),
    [
        ((1_320, 480), "21:59", False),
        ((1_320, 480), "22:00", True),
        ((1_320, 480), "00:00", True),
        ((1_320, 480), "07:59", True),
        ((1_320, 480), "08:00", False),
        ((720, 840), "11:59", False),
        ((720, 840), "12:00", True),
        ((720, 840), "13:59", True),
        ((720, 840), "14:00", False),
        ((480, 480), "08:00", False),
    ],
)
def test_quiet_hours_begin_at_one_minute_and_end_at_the_other(
    hours: tuple[int, int], when: str, denied: bool
) -> None:
    someone = person(word(channel="sms"), quiet=hours)
    decision = decide(someone, "sms", f"2026-05-06 {when}")
    assert (decision.reason == "quiet_hours") is denied
    assert decision.evidence == ("quiet" if denied else "granted-sms")


def test_quiet_hours_hold_for_service_and_not_for_letters() -> None:
    someone = person(quiet=(0, 1_439))
    assert answer(someone, "sms", purpose="service") == "deny:quiet_hours"
    assert answer(someone, "post") == "allow:not_objected"
    assert answer(someone, "sms", purpose="service", country=None) == "deny:time_zone_unknown"


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_a_clock_shows_twice_is_quiet_both_times(fold: int) -> None:
    someone = person(word(channel="sms"), quiet=(120, 180))
    assert answer(someone, "sms", at("2026-10-25 02:30", fold=fold)) == "deny:quiet_hours"


def test_an_hour_that_a_clock_skips_makes_the_next_one_no_longer_quiet() -> None:
    someone = person(word(channel="sms"), quiet=(120, 180))
    last_before = at("2026-03-29 01:59")
    assert answer(someone, "sms", last_before) == "allow:consent"
    assert answer(someone, "sms", last_before + 60_000) == "allow:consent"  # it is 03:00


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"country": None}, "no_rules"),
        ({"country": "XX"}, "no_rules"),
        ({"region": "999"}, "region_unknown"),
        ({"time_zone": "Mars/Olympus"}, "time_zone_unknown"),
        ({"time_zone": "../../etc/passwd"}, "time_zone_unknown"),
    ],
)
def test_what_is_not_known_speaks_against(known: dict[str, str], reason: str) -> None:
    assert answer(person(word()), **known) == f"deny:{reason}"


def test_before_the_first_rule_of_a_channel_there_is_none() -> None:
    early = word(channel="push", stated_at=0)
    assert answer(person(early), "push", "2018-05-24 12:00") == "deny:no_rules"
    assert answer(
        person(early), "push", "2018-05-25 00:00", last_own_contact_at=at("2018-05-01")
    ) == ("allow:consent")


def test_the_day_a_rule_changes_is_the_recipients_day() -> None:
    moment = at("2026-08-11 00:30")  # in Martinique it is still the 10th
    assert answer(None, "phone", moment) == "deny:no_consent"
    assert answer(None, "phone", moment, region="972") == "allow:not_objected"


def test_a_channel_that_is_none_is_an_error() -> None:
    with pytest.raises(RulesError, match="no channel fax; there are email"):
        may_contact(None, "fax", "marketing", 0, Context())


def test_every_reason_of_a_no_is_in_the_list() -> None:
    """By which they are counted: from 0, and none beside."""
    source = ast.parse(Path(contact.__file__).read_text(encoding="utf-8"))
    found = {"refused", "withdrawn"}  # the words' own
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_deny":
            found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
        if isinstance(node, ast.FunctionDef) and node.name == "_lacking":
            returned = (one.value for one in ast.walk(node) if isinstance(one, ast.Return))
            found |= {one.elts[0].value for one in returned if isinstance(one, ast.Tuple)}
    assert len(DENIALS) == len(set(DENIALS))
    assert found == set(DENIALS)
