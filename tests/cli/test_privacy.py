"""Erasing by the command line says first whom, and somebody unknown only if that is meant."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.cli import main
from ccstream.cli.exits import ExitCode
from ccstream.evidence import erasures
from ccstream.evidence.erasures import Asked

NOBODY = "customer:nobody"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What was asked for; nothing is known of anybody."""
    asked: list[Asked] = []

    def ask(settings: Any, whom: Asked, channel: str, reason: str) -> str:
        asked.append(whom)
        return "the id"

    monkeypatch.setattr(erasures, "find_person", lambda _, key, __: Asked(key, (), 0))
    monkeypatch.setattr(erasures, "ask_to_erase", ask)
    return asked


def test_an_erasure_of_somebody_unknown_is_not_asked_for(
    published: list[Asked], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["privacy", "erase", NOBODY, "--yes"]) == ExitCode.NEGATIVE
    assert published == []
    assert "nothing is held on this key" in capsys.readouterr().err


def test_it_is_if_that_is_meant(published: list[Asked]) -> None:
    assert main(["privacy", "erase", NOBODY, "--unknown", "--yes"]) == ExitCode.OK
    assert published == [Asked(NOBODY, (), 0)]


def test_without_a_yes_nothing_is_done(
    published: list[Asked], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["privacy", "erase", NOBODY, "--unknown"]) == ExitCode.OK
    assert published == []
    assert "nothing was done" in capsys.readouterr().err
