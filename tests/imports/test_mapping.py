from __future__ import annotations

from pathlib import Path

import pytest

from ccstream.errors import RulesError
from ccstream.imports.mapping import read_map
from ccstream.ops.identity_rules import load_identifier_rules
from tests.imports.customer_files import CRM_MAP, LOYALTY_MAP
from tests.support.source import ROOT

RULES = load_identifier_rules(None)


def test_a_map_names_every_column_that_it_reads_once(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(CRM_MAP)
    made, content = read_map(path, RULES)
    assert made.columns == ("id", "updated", "number", "mail", "tel", "city", "optin")
    assert content == CRM_MAP.encode()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('source = "crm"', "source = 5", "source: Expected `str`"),
        ('namespace = "customer"', 'namespace = "loyalty"', "account.namespace"),
        ('namespace = "email"', 'namespace = "till"', "many people use"),
        ('namespace = "email"', 'namespace = "customer"', "accounts belong under account"),
        ('region = "FR"', 'region = "France"', "row.region"),
        ('region = "FR"', 'region = "ZZ"', "row.region: is no country"),
        ('region = "FR"', 'region = "fr"', "row.region"),
        ('region = "FR"', 'time_zone = "Paris"', "row.time_zone"),
        ('point = "mail"', 'point = "city"', "consent[0].point"),
        ('channel = "email"', 'channel = "fax"', "consent[0].channel"),
        ('no = ["0"]', 'no = ["1"]', "in two of yes, no and unasked"),
        ('yes = ["1"]', "yes = []", "consent[0].yes"),
        ('form_version = "crm-1"', 'form_version = ""', "form_version"),
        ("format = 1", "format = 2", "format"),
        ('column = "city"', 'colum = "city"', "colum"),
        ("[row]", '[file]\nencoding = "klingon"\n[row]', "file.encoding"),
        ("[row]", '[file]\ndelimiter = ";;"\n[row]', "file.delimiter"),
    ],
)
def test_a_map_with_a_mistake_is_refused_with_its_place(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in CRM_MAP
    path = tmp_path / "map.toml"
    path.write_text(CRM_MAP.replace(before, after, 1))
    with pytest.raises(RulesError) as refused:
        read_map(path, RULES)
    assert str(refused.value).startswith("map.toml: ")
    assert said in str(refused.value)


def test_a_map_that_is_about_nobody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(LOYALTY_MAP.partition("[account]")[0])
    with pytest.raises(RulesError, match="about nobody"):
        read_map(path, RULES)
    with pytest.raises(RulesError, match="cannot be read"):
        read_map(tmp_path / "nowhere.toml", RULES)


def test_the_map_on_the_page_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    path = tmp_path / "map.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    made, _ = read_map(path, RULES)
    assert made.subject is not None and made.consent[0].unasked == ("0",)
