"""The settings of an application that rebuilds another, and rules to try."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccstream.errors import SettingsError
from ccstream.ops.other_rules import OTHER_RULES, read_other_rules
from ccstream.ops.rebuilds import rebuilt_settings
from ccstream.ops.settings import Settings
from ccstream.ops.settings_sources import known_paths
from ccstream.ops.topics import specs_of

SHOP = Settings(app_id="shop")


def test_what_it_puts_out_has_its_name_before_it_and_what_it_reads_is_shared() -> None:
    ours = {spec.name: spec.kind for spec in specs_of(rebuilt_settings(SHOP, "shop-2"))}
    theirs = {spec.name for spec in specs_of(SHOP)}
    kinds = {kind for name, kind in ours.items() if name in theirs}
    assert kinds == {"input", "mail", "owners", "audit"}
    assert all(name.startswith("shop-2") for name in ours if name not in theirs)
    assert "shop-2.ccstream.rejected.v1" in ours


def test_it_shares_no_folder_with_the_other() -> None:
    assert rebuilt_settings(SHOP, "shop-2").state.directory != SHOP.state.directory


def test_an_application_does_not_rebuild_itself_nor_under_a_name_that_is_none() -> None:
    with pytest.raises(SettingsError, match="cannot rebuild itself"):
        rebuilt_settings(SHOP, "shop")
    with pytest.raises(SettingsError, match="app_id"):
        rebuilt_settings(SHOP, "Shop 2")


@pytest.mark.parametrize("prefix", ["shop", "Shop.", ".", "a b."])
def test_a_prefix_of_topics_ends_in_a_dot_and_is_part_of_a_topics_name(prefix: str) -> None:
    with pytest.raises(SettingsError, match="output_prefix"):
        Settings.load(output_prefix=prefix)


def test_rules_to_try_are_settings_that_there_are() -> None:
    assert set(OTHER_RULES) <= set(map(".".join, known_paths(Settings)))


def rules(folder: Path, text: str) -> dict[str, object]:
    file = folder / "rules.toml"
    file.write_text(text)
    return read_other_rules(file)


def test_rules_of_a_file_are_read_and_take_the_place_of_those_configured(tmp_path: Path) -> None:
    read = rules(tmp_path, '[cart]\nlines_max = 3\n[identity]\ncart_merge = "sum"\n')
    made = Settings.load(**read)
    assert (made.cart.lines_max, made.identity.cart_merge) == (3, "sum")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[kafka]\npartitions = 3\n", "kafka.partitions is no rule"),
        ('app_id = "x"\n', "app_id is no rule"),
        ('[identity]\nrules = "mine.toml"\n', "cannot be tried"),
        ("", "has no rule"),
        ("[cart", "is no TOML"),
    ],
)
def test_what_is_no_rule_that_can_be_tried_is_refused_with_the_place(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        rules(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_other_rules(tmp_path / "none.toml")
