"""Which ends of a worker are followed by a new one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
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
    ended = supervisor.supervise(
        [supervisor.Child([sys.executable, "-c", PROGRAM, str(lives), str(status)])]
    )
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


TOLD = """
import pathlib, sys
lives = pathlib.Path(sys.argv[1])
lives.write_text(lives.read_text() + sys.argv[-2] + sys.argv[-1])
sys.exit(5 if "2" not in sys.argv[-1] else 0)
"""


def test_each_life_is_told_how_many_there_were_before_it(tmp_path: Path) -> None:
    file = tmp_path / "lives"
    file.write_text("")
    supervisor.supervise([supervisor.Child([sys.executable, "-c", TOLD, str(file)])])
    assert file.read_text() == "--restarts0--restarts1--restarts2"


SEVERAL = """
import pathlib, sys, time
lives = pathlib.Path(sys.argv[1])
lives.write_text((lives.read_text() if lives.exists() else "") + "x")
if sys.argv[2] and len(lives.read_text()) == 1:
    sys.exit(int(sys.argv[2]))
time.sleep(60)
"""


def several(folder: Path, *statuses: str) -> list[supervisor.Child]:
    """Children of which each ends its first life with its status, if it has one, and then stays."""
    return [
        supervisor.Child([sys.executable, "-c", SEVERAL, str(folder / str(number)), status])
        for number, status in enumerate(statuses)
    ]


def when(condition: Callable[[], bool], do: Callable[[], None]) -> None:
    """From another thread, as the supervisor keeps this one."""

    def wait() -> None:
        while not condition():
            time.sleep(0.02)
        do()

    threading.Thread(target=wait, daemon=True).start()


def lives(folder: Path, number: int) -> int:
    file = folder / str(number)
    return len(file.read_text()) if file.exists() else 0


def test_of_several_each_is_restarted_by_itself_and_all_end_when_told_to(tmp_path: Path) -> None:
    children = several(tmp_path, "5", "", "0")
    stopped_at = []

    def stop() -> None:
        stopped_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    when(lambda: [lives(tmp_path, n) for n in range(3)] == [2, 1, 2], stop)
    supervisor.supervise(children)
    assert time.monotonic() - stopped_at[0] < 5
    assert [child.restarts for child in children] == [1, 0, 1]
    assert all(child.running_for is None for child in children)


def test_one_of_several_that_ends_for_good_ends_all_with_its_status(tmp_path: Path) -> None:
    children = several(tmp_path, "", str(int(ExitStatus.STATE)), "")
    assert supervisor.supervise(children) == ExitStatus.STATE
    assert all(child.running_for is None for child in children)
