"""The file of rules about identifiers: the one in the package, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccstream.domain.limits import TENURES_MAX
from ccstream.errors import RulesError, SettingsError
from ccstream.ops.identity_rules import load_identifier_rules, read_identifier_rules

GOOD = 'format = 1\n[classes]\naccount = ["member"]\nshared = ["till"]\n'


def test_the_rules_in_the_package_know_the_usual_identifiers() -> None:
    rules = load_identifier_rules(None)
    assert rules.class_of("customer:42") == "account"
    assert rules.class_of("loyalty:77") == rules.class_of("anything:1") == "personal"
    assert rules.class_of("visitor:9f") == "device"
    assert rules.class_of("till:3") == "shared"
    for blocked in ("visitor:null", "visitor:NULL", "device:00000000-0000-0000-0000-000000000000"):
        assert rules.is_blocked(blocked)
    for good in ("visitor:9f", "loyalty:1000", "customer:42", "visitor:nullable"):
        assert not rules.is_blocked(good)


def test_rules_of_ones_own_take_the_place_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD + '[blocked]\nvalues = ["NONE"]\n[accounts_max]\npersonal = 2\n')
    rules = load_identifier_rules(file)
    assert rules.class_of("member:1") == "account"
    assert rules.class_of("customer:1") == "personal"
    assert rules.is_blocked("member:none") and not rules.is_blocked("member:null")
    assert dict(rules.accounts_max) == {"personal": 2}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "classes|format"),
        ("[", "is not TOML"),
        ("format = 2\n[classes]\naccount = []", "format"),
        ('format = 1\n[classes]\npersonal = ["a"]', "classes.account: names no namespace"),
        ('format = 1\n[classes]\naccount = ["A"]', "is no namespace"),
        ('format = 1\n[classes]\naccount = ["a"]\ndevice = ["a"]', "of another class as well"),
        (
            'format = 1\n[classes]\naccount = ["a"]\nrobot = ["b"]',
            "rules.toml: classes.robot: Invalid enum value 'robot'",
        ),
        (
            'format = 1\n[classes]\naccount = ["a"]\ndevice = ["b", 7]',
            r"rules.toml: classes.device\[1\]: Expected `str`, got `int`",
        ),
        (GOOD + "[limits]\nx = 1", "limits"),
        (GOOD + "[accounts_max]\npersonal = 1\ndevice = 0", "accounts_max.device: "),
        (GOOD + f"[accounts_max]\ndevice = {TENURES_MAX + 1}", "accounts_max.device: "),
        (GOOD + "[accounts_max]\nshared = 1", "accounts_max"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_the_place(content: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        read_identifier_rules(content.encode(), "rules.toml")


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"setting identity\.rules: .* cannot be read"):
        load_identifier_rules(tmp_path / "none.toml")


def test_how_sure_a_link_is_follows_from_its_reason() -> None:
    rules = load_identifier_rules(None)
    assert rules.strength_of("log_in") == "verified"
    assert rules.strength_of("card_scanned") == "asserted"
    assert rules.strength_of("a_guess") == "observed"
    assert rules.identifiers_max == 50


@pytest.mark.parametrize(
    "said",
    [
        "[links]\nidentifiers_max = 51",
        "[links]\nidentifiers_max = 1",
        '[links]\nother = "certain"',
        '[links.strengths]\nverified = ["told"]\nobserved = ["told"]',
    ],
)
def test_rules_about_links_that_cannot_be_are_refused(said: str) -> None:
    content = f'format = 1\n[classes]\naccount = ["customer"]\n{said}\n'
    with pytest.raises(RulesError, match="mine"):
        read_identifier_rules(content.encode(), "mine.toml")
