from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccstream.ops.reference import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "page"), PAGES.items())
def test_the_generated_page_is_fresh(name: str, page: Callable[[], str]) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == page(), (
        "stale: run `python -m ccstream.ops.reference docs`"
    )
