"""What takes hours is resumed file by file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import full
from benchmarks.records import BenchmarkError
from benchmarks.results import Result

Main = Callable[..., int]


@pytest.fixture
def taken() -> list[str]:
    """The names of what was measured, in order."""
    return []


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: list[str]) -> Main:
    """The command, whose measurements only note that they were taken; ``broken`` fails."""

    def measurements(_scale: float = 1.0) -> dict[str, Any]:
        def make(name: str) -> Callable[..., list[Result]]:
            def measure(**_: object) -> list[Result]:
                taken.append(name)
                if name == "broken":
                    raise BenchmarkError("it is")
                return [Result("q", name, "m", 1.0, "s")]

            return measure

        return {name: make(name) for name in ("first", "broken", "last")}

    def run(*arguments: str) -> int:
        command = ["full", "--scale", "0.5", "--into", str(tmp_path), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        return full.main()

    monkeypatch.setattr(full, "measurements", measurements)
    monkeypatch.setenv("BENCH_SCRATCH", "")  # set by the command; put back afterwards
    return run


def test_a_measurement_that_fails_stops_no_other_and_leaves_no_file(
    main: Main, tmp_path: Path, taken: list[str]
) -> None:
    assert main() == 1
    assert taken == ["first", "broken", "last"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.json", "last.json"]
    assert json.loads((tmp_path / "first.json").read_text())["results"][0]["subject"] == "first"


def test_what_is_there_is_not_taken_again(main: Main, taken: list[str]) -> None:
    main()
    taken.clear()
    main()
    assert taken == ["broken"]


def test_it_is_taken_again_where_that_is_asked_for(main: Main, taken: list[str]) -> None:
    main("first")
    main("first", "--again")
    assert taken == ["first", "first"]


def test_scaled_sizes_do_not_go_among_the_true_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["full", "--scale", "0.5"])
    with pytest.raises(SystemExit):
        full.main()
