from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccstream.devkit.embedded import EMBEDDED_PARTITIONS
from ccstream.wire.catalogue import TABLES, changelog_topic
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from tests.cli.conftest import Ended
from tests.support.produce import Sent, produce

CODEC = Codec()
KEY = "customer:42"
CALL = ("--channel", "phone", "--purpose", "offers", "--country", "FR", "--own-customer")
POINT = "5f" * 32
BY_EMAIL = ("--channel", "email", "--purpose", "newsletter", "--at", "2026-05-06T11:00+02:00")

Ask = Callable[..., Ended]
Fill = Callable[..., None]


def consents(status: str = "granted", **more: Any) -> bytes:
    said = {
        "contact_point": POINT,
        "contact_channel": "email",
        "purpose": "newsletter",
        "status": status,
        "legal_basis": "consent",
        "proof": {
            "form_version": "f-1",
            "source_channel": "store",
            "captured_at": 1_777_000_000_000,
        },
        "valid_until": None,
        "stated_at": 1_777_000_000_000,
        "event_id": "e-7",
    }
    row = {
        "version": 1,
        "consents": [said],
        "channels": [],
        "quiet_hours": None,
        "language": None,
        "calls_at_any_time": None,
        "objects_to_marketing": None,
    }
    return CODEC.encode("ConsentRow", {**row, **more})


def profile(**traits: str) -> bytes:
    where = {"channel": "web", "source": "shop", "occurred_at": 5, "event_id": "e"}
    return CODEC.encode(
        "ProfileRow",
        {
            "version": 2,
            "traits": [
                {"name": name, "statements": [{"value": value, "verified": False, **where}]}
                for name, value in traits.items()
            ],
        },
    )


@pytest.fixture
def app(embedded_kafka: str, unique: str) -> Fill:
    def fill(**rows: bytes) -> None:
        home = partition_for(KEY.encode(), EMBEDDED_PARTITIONS)
        others = [Sent(changelog_topic(unique, table), "someone:else", None) for table in TABLES]
        ours = [
            Sent(changelog_topic(unique, table), KEY, value, partition=home)
            for table, value in rows.items()
        ]
        produce(embedded_kafka, [*others, *ours])

    return fill


@pytest.fixture
def ask(ccstream: Callable[..., Ended], embedded_kafka: str, unique: str) -> Ask:
    def run(*options: str) -> Ended:
        where = ("--bootstrap", embedded_kafka, "--app-id", unique)
        return ccstream("consent", "check", KEY, *where, *options)

    return run


def test_an_allowed_contact_is_told_with_reason_evidence_and_rule(app: Fill, ask: Ask) -> None:
    app(consents=consents())
    ended = ask(*BY_EMAIL, "--country", "FR")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "allow: consent (the person has consented)",
        "  evidence: e-7",
        "  rule: CPCE, art. L34-5",
        f"  contact point: {POINT}",
        "  on condition: opt_out_in_each_message",
    ]


def test_a_denied_contact_ends_with_1(app: Fill, ask: Ask) -> None:
    app(consents=consents("withdrawn"))
    ended = ask(*BY_EMAIL, "--country", "FR", "--json")
    assert ended.code == 1
    said = json.loads(ended.out)
    assert (said["verdict"], said["reason"], said["evidence"]) == ("deny", "withdrawn", "e-7")


def test_where_somebody_lives_is_taken_from_the_profile_unless_it_is_given(
    app: Fill, ask: Ask
) -> None:
    app(consents=consents(), profiles=profile(country="FR", region="67"))
    assert ask(*BY_EMAIL).code == 0
    good_friday = ("--channel", "phone", "--purpose", "offers", "--at", "2026-04-03T11:00+02:00")
    known = ("--contract", "--own-customer")
    assert ask(*good_friday, *known).out.startswith("deny: holiday")
    assert ask(*good_friday, *known, "--region", "75").out.startswith("allow: not_objected")
    assert ask(*BY_EMAIL, "--country", "XX").out.startswith("deny: no_rules")


def test_nobody_is_known_and_nothing_is_allowed(app: Fill, ask: Ask) -> None:
    app()
    assert ask(*BY_EMAIL).out.startswith("deny: no_rules")
    assert ask(*BY_EMAIL, "--country", "FR").out.startswith("deny: no_consent")
    assert ask(*BY_EMAIL, "--country", "FR", "--own-customer").out.startswith("allow: own_customer")


def test_what_is_known_of_past_calls_counts(app: Fill, ask: Ask) -> None:
    app()
    call = (*CALL, "--not-on", "bloctel")
    now = ("--at", "2026-05-06T11:00+02:00")
    calls = [f"2026-05-0{day}T11:00+02:00" for day in (1, 2, 3, 4)]
    past = [word for at in calls for word in ("--past-contact", at)]
    assert ask(*call, *now, *past).out.startswith("deny: too_often")
    assert ask(*call, *now, *past[2:]).code == 0
    assert ask(*call, *now, "--last-refusal", "2026-04-30T09:00+02:00").out.startswith(
        "deny: resting"
    )
    for name in ("bloctel", "Bloctel"):
        assert ask(*call, *now, "--register", name).out.startswith("deny: on_register")
    assert ask(*CALL, *now).out.startswith("deny: register_unknown")
    misspelt = ask(*call, *now, "--register", "blocktel")
    assert (misspelt.code, misspelt.out) == (2, "")
    assert "no rule knows a register blocktel; there are: bloctel, tps" in misspelt.err
    late = ("--at", "2026-05-06T21:00+02:00")
    assert ask(*call, *late).out.startswith("deny: hour")
    assert ask(*call, *late, "--appointment", "2026-05-06T21:00+02:00").code == 0


def test_a_pack_of_ones_own_is_used_and_a_malformed_one_is_one_sentence(
    app: Fill, ask: Ask, tmp_path: Path
) -> None:
    app(consents=consents())
    pack = tmp_path / "be.toml"
    pack.write_text(
        'country = "BE"\nname = "Belgium"\nnotice = "No advice."\ntime_zone = "Europe/Brussels"\n'
        '[[permission]]\nchannel = "email"\nfrom = 2020-01-01\nbasis = "opt_in"\nsource = "here"\n'
    )
    assert "rule: here" in ask(*BY_EMAIL, "--country", "BE", "--rules", str(tmp_path)).out
    pack.write_text("country = 5")
    ended = ask(*BY_EMAIL, "--country", "BE", "--rules", str(tmp_path))
    assert ended.code == 2
    assert "be.toml: " in ended.err and len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("point", ["ada@example.org", "+33612345678", POINT.upper(), POINT[:31]])
def test_a_contact_point_is_given_as_its_keyed_hash_and_an_address_is_not_repeated(
    app: Fill, ask: Ask, point: str
) -> None:
    app(consents=consents())
    ended = ask(*BY_EMAIL, "--country", "FR", "--contact-point", point)
    assert (ended.code, ended.out) == (2, "")
    assert "is the keyed hash of an address or number" in ended.err
    assert point not in ended.err
    assert ask(*BY_EMAIL, "--country", "FR", "--contact-point", POINT).code == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--channel", "fax", "--purpose", "x"), "no channel fax"),
        (("--channel", "sms", "--purpose", "x", "--at", "soon"), "is no time"),
        (
            ("--channel", "sms", "--purpose", "x", "--at", "2026-12-24T09:30"),
            "'2026-12-24T09:30' names no zone: add Z for UTC, or how far it is from there, as "
            "2026-12-24T09:30+01:00",
        ),
        (
            ("--channel", "sms", "--purpose", "x", "--last-refusal", "2026-12-24"),
            "names no zone: add Z for UTC, or how far it is from there, as 2026-12-24T00:00+01:00",
        ),
        (("--channel", "sms"), "--purpose"),
    ],
)
def test_what_cannot_be_asked_is_a_wrong_use(
    app: Fill, ask: Ask, wrong: tuple[str, ...], said: str
) -> None:
    app()
    ended = ask(*wrong)
    assert ended.code == 2
    assert said in ended.err.splitlines()[-1]
