"""Many people under many names are brought together, and taken apart, without a loss."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ccstream.domain import forest
from tests.engine.crashing_town import CrashingWorld
from tests.engine.large_town import live

SMALL, LARGE = 200, 10_000
MEET = {
    "log-ins",
    "log-outs",
    "undone",
    "linked again",
    "passed over",
    "links to somebody else",
    "came twice",
    "folded again",
}


@pytest.mark.timeout(60)
def test_everybody_ends_with_their_own_names_and_baskets() -> None:
    assert live(1, SMALL).keys() >= MEET


@pytest.mark.long
@pytest.mark.timeout(900)
def test_so_do_ten_thousand_people() -> None:
    assert live(2, LARGE).keys() >= MEET


@pytest.mark.timeout(60)
def test_a_link_that_is_not_undone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> bool:
        return False

    monkeypatch.setattr(forest, "is_undone", never)
    with pytest.raises(AssertionError):
        live(1, SMALL)


@pytest.mark.timeout(60)
def test_so_is_what_is_not_folded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    crash = CrashingWorld.crash

    def lossy(self: CrashingWorld, dice: random.Random) -> int:
        for records in self._since:
            del records[:1]
        return crash(self, dice)

    monkeypatch.setattr(CrashingWorld, "crash", lossy)
    with pytest.raises(AssertionError):
        live(1, SMALL)
