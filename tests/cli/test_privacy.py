"""Erasing by the command line says first whom, and somebody unknown only if that is meant.

A legal hold that is in the way is told of, by both commands.
"""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.cli import main
from ccstream.cli.exits import ExitCode
from ccstream.evidence import erasures
from ccstream.evidence.erasures import Asked
from ccstream.ops import entity as rows
from ccstream.ops.entity import Entity, Row

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


HELD = "customer:42"


class Desk:
    """Commands about somebody of whom there are rows; what they ask workers for."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.held: bool | None = False
        self.asked: list[str] = []
        self._capsys = capsys
        patch.setattr(erasures, "find_person", lambda _, __, ___: Asked(HELD, (), 3))
        patch.setattr(erasures, "is_held", lambda _, key, __: self.held if key == HELD else None)
        patch.setattr(erasures, "ask_to_erase", lambda *_: self._ask("erase"))
        patch.setattr(
            erasures,
            "ask_to_hold",
            lambda _, key, *__, held: key == HELD and self._ask("hold" if held else "release"),
        )
        found = Entity(HELD, 0, (), {"windows": (Row(HELD, "", {}),)})
        patch.setattr(rows, "entity", lambda *_, **__: found)

    def _ask(self, what: str) -> str:
        self.asked.append(what)
        return f"id of {what}"

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(["privacy", *arguments])
        return code, *self._capsys.readouterr()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(monkeypatch, capsys)


def test_an_erasure_is_not_asked_for_against_a_legal_hold_unless_that_is_meant(desk: Desk) -> None:
    desk.held = True
    code, _, err = desk.run("erase", "loyalty:7")
    assert code == ExitCode.NEGATIVE
    assert "a legal hold is in place" in err and f"privacy hold {HELD} --release" in err
    code, out, err = desk.run("erase", "loyalty:7", "--yes")
    assert (code, out, desk.asked) == (ExitCode.NEGATIVE, "", [])
    assert "--despite-hold" in err
    code, out, err = desk.run("erase", "loyalty:7", "--yes", "--despite-hold")
    assert (code, out, desk.asked) == (ExitCode.OK, "id of erase\n", ["erase"])
    assert "it waits for the end of the hold" in err


@pytest.mark.parametrize("held", [False, None])
def test_an_erasure_says_how_to_see_what_has_come_of_it(desk: Desk, held: bool | None) -> None:
    desk.held = held
    code, out, err = desk.run("erase", HELD, "--yes")
    assert (code, out) == (ExitCode.OK, "id of erase\n")
    assert f"ccstream privacy receipts {HELD}" in err
    assert "legal hold is in place:" not in err


def test_holds_and_their_ends_are_asked_for_whatever_workers_have_read(desk: Desk) -> None:
    """What they have not read yet may be the opposite: nothing that is said last is dropped."""
    for held, arguments, remark in (
        (False, ["hold", "loyalty:7"], ""),
        (True, ["hold", "loyalty:7"], f"a legal hold on {HELD} already"),
        (True, ["hold", "loyalty:7", "--release"], ""),
        (False, ["hold", "loyalty:7", "--release"], f"no legal hold on {HELD} that workers"),
        (None, ["hold", "loyalty:7", "--release"], ""),
    ):
        desk.held = held
        code, out, err = desk.run(*arguments)
        what = "release" if "--release" in arguments else "hold"
        assert (code, out, desk.asked.pop()) == (ExitCode.OK, f"id of {what}\n", what)
        assert remark in err
        assert ("legal hold on" in err) == bool(remark)
