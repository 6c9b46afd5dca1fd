"""What service staff is shown: masked by role, with whether they may be contacted and why."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.client.records import Interaction, ProfileTrait, TraitValue
from ccstream.domain.consent import Consent, ConsentProof, StatedFlag
from ccstream.gateway.agent_view import agent_view, masked_key, masked_text
from ccstream.gateway.aliases import Link
from ccstream.ops.identity_rules import load_identifier_rules

NOW = 1_790_000_000_000
POINT = "ab" * 32


def trait(name: str, value: str) -> ProfileTrait:
    return ProfileTrait(name, (TraitValue(value, "web", "shop-1", NOW, "e-1", True),))


TRAITS = (trait("given_name", "Camille"), trait("country", "FR"), trait("email", "c@shop.fr"))


def consent(status: str, **more: Any) -> dict[str, Any]:
    word = Consent(
        contact_point=POINT,
        contact_channel="email",
        purpose="marketing",
        status=status,
        legal_basis="consent",
        proof=ConsentProof(form_version="1", source_channel="web", captured_at=NOW - 10),
        valid_until=None,
        stated_at=NOW - 10,
        event_id="said-1",
    )
    nothing = dict.fromkeys(("quiet_hours", "language", "calls_at_any_time"))
    return {"consents": (word,), "channels": (), "objects_to_marketing": None, **nothing, **more}


def view(
    *,
    masked: bool = True,
    key: str = "customer:42",
    said: Any = None,
    traits: tuple[ProfileTrait, ...] = TRAITS,
    talks: Any = None,
) -> dict[str, Any]:
    return agent_view(
        key=key,
        subject="customer:42",
        records={
            "profile": {"traits": traits},
            "cart": None,
            "order": [],
            "consent": said,
            "interaction": talks,
        },
        links=[Link("loyalty:770042", "customer:42", NOW - 100, "scan-1")],
        rules=load_identifier_rules(None),
        now_ms=NOW,
        masked=masked,
    )


def values(shown: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["values"][0]["value"] for one in shown["traits"]}


def decision(shown: dict[str, Any], channel: str, purpose: str) -> dict[str, Any]:
    (found,) = (
        one
        for one in shown["may_contact"]
        if (one["channel"], one["purpose"]) == (channel, purpose)
    )
    return dict(found)


def test_who_may_only_look_sees_enough_to_compare_and_no_more() -> None:
    shown = view(said=consent("granted"))
    assert shown["masked"]
    assert values(shown) == {"given_name": "C•••", "country": "FR", "email": "c•••@shop.fr"}
    assert [one["key"] for one in shown["identifiers"]] == ["customer:42", "loyalty:•••042"]
    assert shown["consents"][0]["contact_point"].startswith("•••")
    assert POINT not in str(shown)


def test_who_may_read_sees_it_all_with_its_evidence() -> None:
    shown = view(masked=False, said=consent("granted"))
    assert values(shown)["given_name"] == "Camille"
    assert shown["identifiers"][1] == {
        "key": "loyalty:770042",
        "class": "personal",
        "since": NOW - 100,
        "evidence": "scan-1",
    }
    assert shown["consents"][0]["contact_point"] == POINT


def talk(number: int, **said: str) -> Interaction:
    return Interaction(
        f"e-{number}", f"c-{number}", "call", "call_centre", "desk-2", NOW + number, "tea", **said
    )


def test_staff_see_what_was_spoken_of_the_latest_first_and_what_was_said_by_their_role() -> None:
    sealed = "ccx1." + "a" * 22 + "." + "b" * 40
    talks = {"interactions": (talk(1, intent="refund"), talk(2, outcome=sealed))}
    latest, first = view(masked=False, talks=talks)["interactions"]
    assert (latest["topic"], latest["outcome"], latest["evidence"]) == ("tea", None, "e-2")
    assert (first["intent"], first["outcome"], first["kind"]) == ("refund", None, "call")
    assert view()["interactions"] == []


def test_of_what_was_said_in_a_call_nothing_is_left_whatever_is_in_it() -> None:
    said = {"intent": "w@b.fr, new card 4111 1111", "outcome": "refund to w@b.fr, 4111 1111"}
    (shown,) = view(talks={"interactions": (talk(1, **said),)})["interactions"]
    assert (shown["intent"], shown["outcome"]) == ("•••", "•••")
    assert (shown["kind"], shown["topic"], shown["evidence"]) == ("call", "tea", "e-1")


def test_an_identifier_that_was_asked_for_is_no_secret_and_the_others_are() -> None:
    keys = [one["key"] for one in view(key="loyalty:770042")["identifiers"]]
    assert keys == ["customer:•••2", "loyalty:770042"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Camille", "C•••"),
        ("", "•••"),
        ("a@b.fr", "a•••@b.fr"),
        ("ada.l@mail.b-c.co.uk", "a•••@mail.b-c.co.uk"),
        ("ada@bücher.example", "a•••@bücher.example"),
        # An address is shown as one only where there is nothing else.
        ("w@b.fr, new card 4111", "w•••"),
        ("write to ada@b.fr", "w•••"),
        ("ada@b.fr\n4111", "a•••"),
        ("a@b.fr,c@d.fr", "a•••"),
        ("a@4111.1111", "a•••"),
        ("@b.fr", "@•••"),
        ("ada@work", "a•••"),
    ],
)
def test_of_a_value_the_beginning_is_left(text: str, masked: str) -> None:
    assert masked_text(text) == masked


@pytest.mark.parametrize(
    ("key", "masked"),
    [("loyalty:123456789", "loyalty:•••6789"), ("loyalty:1", "loyalty:•••"), ("x:12", "x:•••2")],
)
def test_of_an_identifier_the_end_is_left_and_never_most_of_it(key: str, masked: str) -> None:
    assert masked_key(key) == masked


def test_each_channel_says_whether_they_may_be_contacted_why_and_by_which_word() -> None:
    shown = view(said=consent("granted"))
    assert decision(shown, "email", "marketing") | {"rule": None, "detail": ""} == {
        "channel": "email",
        "purpose": "marketing",
        "allowed": True,
        "reason": "consent",
        "detail": "",
        "evidence": "said-1",
        "rule": None,
    }
    assert not decision(shown, "sms", "marketing")["allowed"]
    assert decision(shown, "sms", "service")["allowed"]
    withdrawn = view(said=consent("withdrawn"))
    assert decision(withdrawn, "email", "marketing")["reason"] == "withdrawn"
    flag = StatedFlag(value=True, stated_at=NOW, event_id="no-1")
    objects = view(said=consent("granted", objects_to_marketing=flag))
    assert decision(objects, "email", "marketing")["evidence"] == "no-1"


SEALED = f"ccx1.{'k' * 22}.{'s' * 40}"


@pytest.mark.parametrize("masked", [True, False])
def test_ciphertext_is_never_shown_and_where_it_hides_the_country_that_is_said(
    masked: bool,
) -> None:
    shown = view(traits=(trait("given_name", SEALED), trait("country", SEALED)), masked=masked)
    for one in shown["traits"]:
        (value,) = one["values"]
        assert value["value"] is None
        assert not value["readable"]
    assert "ccx1" not in str(shown)
    marketing = decision(shown, "email", "marketing")
    assert (marketing["allowed"], marketing["reason"]) == (False, "unreadable")
    assert marketing["detail"].startswith("country: stored encrypted")
    assert decision(shown, "email", "service")["allowed"]


def test_who_never_said_anything_may_not_be_written_to_for_marketing() -> None:
    assert not decision(view(), "email", "marketing")["allowed"]
