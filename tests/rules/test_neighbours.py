"""The packs of Germany and of the United Kingdom."""

from __future__ import annotations

import pytest

from ccstream.errors import RulesError
from tests.rules.cases import answer, person, word

NIGHT = "2026-05-03 03:00"


@pytest.mark.parametrize(
    ("country", "channel", "known", "expected"),
    [
        ("DE", "email", {}, "deny:no_consent"),
        ("DE", "email", {"own_customer": True}, "allow:own_customer"),
        ("DE", "sms", {"own_customer": True}, "allow:own_customer"),
        ("DE", "phone", {}, "deny:no_consent"),
        ("DE", "phone", {"own_customer": True, "contract": True}, "deny:no_consent"),
        ("DE", "push", {"own_customer": True}, "deny:no_consent"),
        ("DE", "post", {}, "allow:not_objected"),
        ("GB", "email", {}, "deny:no_consent"),
        ("GB", "email", {"own_customer": True}, "allow:own_customer"),
        ("GB", "social", {}, "deny:no_consent"),
        ("GB", "phone", {}, "allow:not_objected"),
        ("GB", "phone", {"registers": frozenset({"tps"})}, "deny:on_register"),
        ("GB", "phone", {"registers": frozenset({"tps"}), "contract": True}, "deny:on_register"),
        ("GB", "phone", {"registers": frozenset({"TPS"})}, "deny:on_register"),
        ("GB", "phone", {"not_on_registers": frozenset({"Tps"})}, "allow:not_objected"),
        ("GB", "phone", {"not_on_registers": frozenset()}, "deny:register_unknown"),
        ("GB", "phone", {"not_on_registers": frozenset({"bloctel"})}, "deny:register_unknown"),
        ("GB", "post", {"not_on_registers": frozenset()}, "allow:not_objected"),
        ("GB", "post", {}, "allow:not_objected"),
    ],
)
def test_without_a_word(
    country: str, channel: str, known: dict[str, object], expected: str
) -> None:
    assert answer(None, channel, country=country, **known) == expected


@pytest.mark.parametrize("country", ["DE", "GB"])
@pytest.mark.parametrize("channel", ["email", "sms", "phone", "push", "chat", "social", "post"])
def test_with_consent_every_channel_is_allowed_at_any_hour(country: str, channel: str) -> None:
    who = person(word(channel=channel))
    known = {"country": country, "last_own_contact_at": None}
    assert answer(who, channel, NIGHT, **known) == "allow:consent"


def test_a_consent_makes_up_for_the_british_register_and_not_for_the_french_one() -> None:
    who = person(word(channel="phone"))
    on_both = frozenset({"tps", "bloctel"})
    assert answer(who, "phone", country="GB", registers=on_both) == "allow:consent"
    assert answer(who, "phone", country="FR", registers=on_both) == "deny:on_register"


@pytest.mark.parametrize("known", ["registers", "not_on_registers"])
def test_a_register_that_no_rule_knows_is_refused_and_the_others_are_named(known: str) -> None:
    with pytest.raises(RulesError, match="register tpss; there are: bloctel, tps"):
        answer(None, "phone", country="GB", **{known: frozenset({"tps", "TPSS"})})
