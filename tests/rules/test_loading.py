"""Packs are read whole, or refused with the place that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccstream.domain.consent import CONTACT_CHANNELS
from ccstream.errors import RulesError
from ccstream.rules import Context, load_packs, may_contact, shipped_packs
from ccstream.rules.loading import PACK_BYTES_MAX, read_pack

GOOD = """
country = "BE"
name = "Belgium"
notice = "No legal advice."
time_zone = "Europe/Brussels"
regions = ["BRU", "VLG", "WAL"]
region.WAL = { time_zone = "Europe/Brussels" }

[[permission]]
channel = "email"
from = 2020-01-01
basis = "opt_in"
source = "here"

[[times]]
channel = "phone"
from = 2020-01-01
days = ["mon"]
hours = ["10:00-24:00"]
on_holidays = false
source = "there"
"""


def test_every_shipped_pack_says_that_it_is_no_legal_advice_and_names_each_rules_source() -> None:
    assert set(shipped_packs()) == {"FR", "DE", "GB"}
    for pack in shipped_packs().values():
        assert "not legal advice" in pack.notice
        assert all(rule.source for rules in pack.kinds().values() for rule in rules)
        assert {rule.channel for rule in pack.permission} == set(CONTACT_CHANNELS)


def test_a_good_pack_is_read() -> None:
    assert read_pack(GOOD.encode(), "be.toml").times[0].allow(1_439)


@pytest.mark.parametrize(
    ("was", "becomes", "place"),
    [
        ('country = "BE"', 'country = "Belgium"', "be.toml: country: "),
        ('country = "BE"', "", "be.toml: the file: Object missing required field `country`"),
        ('notice = "No legal advice."', 'notice = ""', "be.toml: notice: "),
        ('source = "here"', "", "be.toml: permission[0]: Object missing required field `source`"),
        ('source = "here"', 'sauce = "here"', "be.toml: permission[0]: "),
        ('basis = "opt_in"', 'basis = "opt"', "be.toml: permission[0].basis: "),
        ('channel = "email"', 'channel = "fax"', "be.toml: permission[0].channel: "),
        ("from = 2020-01-01", 'from = "soon"', "be.toml: permission[0].from: "),
        ("from = 2020-01-01", "from = 2020-01-01\nuntil = 2020-01-01", "permission[0].until: is"),
        ('"10:00-24:00"', '"10-24"', "be.toml: times[0].hours[0]: "),
        ('"10:00-24:00"', '"20:00-10:00"', "be.toml: times[0].hours[0]: 20:00-10:00 ends"),
        ('["mon"]', "[]", "be.toml: times[0].days: "),
        ('["mon"]', '["monday"]', "be.toml: times[0].days[0]: "),
        ('"VLG", "WAL"', '"VLG"', "be.toml: region.WAL: is not in regions"),
        ('= "Europe/Brussels"\nreg', '= "Europe/Ghent"\nreg', "be.toml: time_zone: there is no"),
        ('{ time_zone = "Europe/Brussels" }', '{ holidays = "XYZ" }', "region.WAL.holidays: "),
        ('{ time_zone = "Europe/Brussels" }', '{ time_zone = "X" }', "region.WAL.time_zone: "),
        (
            "region.WAL",
            'region.BRU = {}\nregion.VLG = { holidayz = "X" }\nregion.WAL',
            "be.toml: region.VLG: Object contains unknown field `holidayz`",
        ),
        (
            "region.WAL = {",
            "region.WAL = { holidays = 5,",
            "be.toml: region.WAL.holidays: Expected",
        ),
        ('country = "BE"', 'country = "XX"', "be.toml: times: the package holidays knows none"),
        ("[[times]]", "[[times", "be.toml: is not TOML: "),
        (
            "[[times]]",
            GOOD[GOOD.index("[[permission]]") : GOOD.index("[[times]]")] + "[[times]]",
            "be.toml: permission[1]: holds for email on the same days as one above it",
        ),
    ],
)
def test_a_malformed_pack_is_refused_with_the_place(was: str, becomes: str, place: str) -> None:
    assert was in GOOD
    with pytest.raises(RulesError) as refused:
        read_pack(GOOD.replace(was, becomes, 1).encode(), "be.toml")
    assert place in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_rule_may_end_on_the_day_on_which_another_begins() -> None:
    permission = GOOD[GOOD.index("[[permission]]") : GOOD.index("[[times]]")]
    earlier = permission.replace("from = 2020-01-01", "from = 2010-01-01\nuntil = 2020-01-01")
    for both in (earlier + permission, permission + earlier):
        assert len(read_pack(GOOD.replace(permission, both).encode(), "be.toml").permission) == 2
    late = earlier.replace("until = 2020-01-01", "until = 2020-01-02")
    for both in (late + permission, permission + late):
        with pytest.raises(RulesError, match="on the same days"):
            read_pack(GOOD.replace(permission, both).encode(), "be.toml")


def test_what_is_no_text_or_too_long_is_refused() -> None:
    with pytest.raises(RulesError, match=r"be\.toml: is not TOML"):
        read_pack(b"\xff", "be.toml")
    with pytest.raises(RulesError, match=r"be\.toml: has more than"):
        read_pack(b" " * (PACK_BYTES_MAX + 1), "be.toml")


def test_a_folders_packs_stand_beside_the_shipped_ones_and_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "be.toml").write_text(GOOD)
    (tmp_path / "mine.toml").write_text(GOOD.replace('"BE"', '"FR"'))
    (tmp_path / "notes.txt").write_text("not a pack")
    packs = load_packs(tmp_path)
    assert set(packs) == {"BE", "DE", "FR", "GB"}
    assert packs["FR"].name == "Belgium"
    decision = may_contact(
        None, "email", "marketing", 1_790_000_000_000, Context(country="BE"), packs
    )
    assert (decision.reason, decision.source) == ("no_consent", "here")


def test_two_files_for_one_country_are_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(RulesError, match=r"b\.toml: country: another file"):
        load_packs(tmp_path)


def test_a_folder_without_a_pack_is_no_reason_to_go_by_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "fr.tom").write_text(GOOD)
    with pytest.raises(RulesError, match="has no rule pack in it"):
        load_packs(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="is no folder"):
        load_packs(tmp_path / "nowhere")
