from __future__ import annotations

from pathlib import Path

import pytest

from ccstream.ops.licences import installed, not_allowed, page


def test_the_page_of_licences_is_fresh(root: Path) -> None:
    there = (root / "docs" / "licences.md").read_text(encoding="utf-8")
    assert there == page(root / "uv.lock"), "stale: run `make generate`"


def test_what_ccstream_needs_and_what_that_needs_is_there(root: Path) -> None:
    names = {one.name for one in installed(root / "uv.lock")}
    assert {"faust-streaming", "mode-streaming", "cryptography", "avro"} <= names
    assert not names & {"ccstream", "pytest", "mypy"}


def test_every_package_is_under_terms_that_can_simply_be_followed(root: Path) -> None:
    wrong = {one.name: not_allowed(one.licence) for one in installed(root / "uv.lock")}
    assert {name: terms for name, terms in wrong.items() if terms} == {}


@pytest.mark.parametrize(
    ("licence", "wrong"),
    [
        ("MIT", []),
        ("Apache-2.0 OR BSD-3-Clause", []),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", []),
        ("GPL-3.0-only OR MIT", []),
        ("MIT AND GPL-3.0-only", ["GPL-3.0-only"]),
        ("unknown", ["unknown"]),
        ("AGPL-3.0-or-later", ["AGPL-3.0-or-later"]),
    ],
)
def test_of_terms_that_one_may_choose_from_one_will_do_of_others_all_count(
    licence: str, wrong: list[str]
) -> None:
    assert not_allowed(licence) == wrong
