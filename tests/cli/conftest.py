from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from ccstream.cli import main


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def bare_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings from the environment or the working directory of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith("CCSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CCSTREAM_CONFIG", "")  # so that what a command sets is taken back
    monkeypatch.setenv("CCSTREAM_KAFKA__CONNECT_TIMEOUT_MS", "20000")  # a busy machine's broker
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands that set up logging do so for a process that ends with them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def ccstream(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command line in this process."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return Ended(code, written.out, written.err)

    return run
