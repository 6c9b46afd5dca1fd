"""The file of how traits are decided, and what is wrong with others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ccstream.domain.profile import Policies, Policy
from ccstream.engine.aggregates import Rules
from ccstream.errors import RulesError, SettingsError
from ccstream.ops.settings import Settings
from ccstream.ops.trait_policies import (
    POLICIES_BYTES_MAX,
    load_trait_policies,
    read_trait_policies,
)
from ccstream.wire.catalogue import CHANNELS

DOCS = Path(__file__).parents[2] / "docs" / "semantics.md"


def test_without_a_file_the_latest_statement_of_every_trait_holds() -> None:
    assert load_trait_policies(None, CHANNELS) == Policies()
    assert load_trait_policies(None, CHANNELS).of("city") == Policy("most_recent")


def test_the_file_in_the_documentation_decides_as_it_says(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(format = 1\n.*?)```", DOCS.read_text(), re.DOTALL)
    file = tmp_path / "traits.toml"
    file.write_text(shown)
    policies = Rules.of(Settings.load(profile__policies=str(file))).profile
    assert policies.of("city") == Policy(
        "most_trusted", ("verified", "store", "call_centre/desk:1")
    )
    assert policies.of("joined_on") == Policy("oldest")
    assert policies.of("interests") == Policy("union")
    assert policies.of("anything") == Policy("most_recent")


def test_all_that_are_not_named_may_have_another_policy() -> None:
    content = b'format = 1\nother = {policy = "most_trusted", trust = ["store"]}'
    assert read_trait_policies(content, "t.toml", ("store",)).of("x") == Policy(
        "most_trusted", ("store",)
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "format"),
        ("[", "is not TOML"),
        ("format = 2", "format"),
        ('format = 1\n[traits.city]\npolicy = "newest"', "newest"),
        ("format = 1\n[traits.city]", "policy"),
        ('format = 1\n[trait.city]\npolicy = "oldest"', "trait"),
        ('format = 1\n[traits.city]\npolicy = "most_trusted"', r"traits\.city\.trust: .* list"),
        ('format = 1\n[traits.city]\npolicy = "oldest"\ntrust = ["a"]', "goes by no trust"),
        ('format = 1\n[other]\npolicy = "most_trusted"\ntrust = ["Shop!"]', "other.trust: 'Shop!'"),
        (
            'format = 1\n[other]\npolicy = "most_trusted"\ntrust = ["store", "store"]',
            "there twice",
        ),
        ('format = 1\n[other]\npolicy = "most_trusted"\ntrust = ["stroe/till:7"]', "no channel"),
        ("#" * (POLICIES_BYTES_MAX + 1), "more than"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_the_place(content: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        read_trait_policies(content.encode(), "t.toml", CHANNELS)


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"setting profile\.policies: .*none\.toml cannot be read"
    ):
        load_trait_policies(tmp_path / "none.toml", CHANNELS)


def test_channels_of_ones_own_may_be_trusted(tmp_path: Path) -> None:
    file = tmp_path / "traits.toml"
    file.write_text('format = 1\nother = {policy = "most_trusted", trust = ["kiosk/7"]}')
    own = Settings.load(profile__policies=str(file), channels_extra=("kiosk",))
    assert Rules.of(own).profile.of("x") == Policy("most_trusted", ("kiosk/7",))
    with pytest.raises(SettingsError, match="no channel 'kiosk'"):
        Rules.of(Settings.load(profile__policies=str(file)))
