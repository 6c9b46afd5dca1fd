"""Which ends of a worker are followed by a new one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ccstream.engine import supervisor
from ccstream.engine.status import ExitStatus

pytestmark = pytest.mark.timeout(30)

PROGRAM = """
import pathlib, sys
lives = pathlib.Path(sys.argv[1])
lives.write_text(lives.read_text() + "x")
sys.exit(int(sys.argv[2]) if len(lives.read_text()) == 1 else 0)
"""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF", (0.01,))


def lives_after(status: int, folder: Path) -> tuple[int, int]:
    """How often a program is started that ends with ``status`` once, and the last status."""
    lives = folder / "lives"
    lives.write_text("")
    ended = supervisor.supervise([sys.executable, "-c", PROGRAM, str(lives), str(status)])
    return len(lives.read_text()), ended


@pytest.mark.parametrize(
    "status",
    [
        ExitStatus.BROKER_UNAVAILABLE,
        ExitStatus.DELIVERY,
        ExitStatus.FENCED,
        ExitStatus.FAILED,
    ],
)
def test_a_worker_that_a_restart_mends_is_restarted(status: ExitStatus, tmp_path: Path) -> None:
    assert lives_after(status, tmp_path) == (2, 0)


@pytest.mark.parametrize("status", [ExitStatus.USAGE, ExitStatus.STATE, ExitStatus.MISSING_PART])
def test_a_worker_that_somebody_has_to_look_at_is_not_restarted(
    status: ExitStatus, tmp_path: Path
) -> None:
    assert lives_after(status, tmp_path) == (1, status)
