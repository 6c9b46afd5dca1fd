"""What docs/consent.md shows works, and says the same as the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from ccstream.domain.consent import Consents
from ccstream.rules import contact
from ccstream.rules.loading import read_pack
from ccstream.rules.pack import Frequency, Permission, Rest, Retention, Times


def blocks(root: Path, language: str) -> list[str]:
    page = (root / "docs" / "consent.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_pack_of_the_page_is_a_good_one_and_shows_every_field(root: Path) -> None:
    (shown,) = blocks(root, "toml")
    assert read_pack(shown.encode(), "be.toml").country == "BE"
    for kind in (Permission, Times, Frequency, Rest, Retention):
        for name in kind.__struct_encode_fields__:
            assert re.search(rf"^{name} = ", shown, re.MULTILINE), name


def test_the_programs_of_the_page_run(root: Path) -> None:
    for program in blocks(root, "python"):
        defined: dict[str, object] = {}
        exec(compile(program, "docs/consent.md", "exec"), defined)
        if "decide" in defined:
            defined["decide"](Consents(), 1_790_000_000_000)  # type: ignore[operator]


def test_every_reason_is_in_the_page(root: Path) -> None:
    page = (root / "docs" / "consent.md").read_text(encoding="utf-8")
    code = inspect.getsource(contact)
    reasons = set(re.findall(r'(?:_deny\(|return |reason(?:, detail)? ?= ?)"(\w+)"', code))
    reasons |= {"withdrawn", "refused", "own_customer", "contract"}
    assert len(reasons) >= 24
    assert not [reason for reason in reasons if f"`{reason}`" not in page]
