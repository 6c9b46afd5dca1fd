from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ccstream.ops.logs import configure
from ccstream.ops.settings import LogSettings


@pytest.fixture(autouse=True)
def bare_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings from the environment or the working directory of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith("CCSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Our logging during the test, what was there before after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(LogSettings(format="json"), io.StringIO())
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
