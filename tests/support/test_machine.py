"""What others take of the machine is told from what a test takes itself, and excuses it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import machine
from tests.support.machine import OTHERS_MAX, QUIET_MAX, Stopwatch

BUSY_FOR_A_WHILE = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"


def test_what_a_child_takes_is_its_parents_while_it_runs_and_when_it_has_ended() -> None:
    before = machine._own()
    with subprocess.Popen(
        [sys.executable, "-c", BUSY_FOR_A_WHILE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert machine._own() - before >= 0.45
        child.communicate(b"\n")
    assert machine._own() - before >= 0.45


@pytest.mark.parametrize(
    ("seconds", "others", "stretched", "kept"),
    [
        (4.9, 0.0, 1.0, True),
        (5.1, 0.0, 1.0, False),
        (5.1, OTHERS_MAX, QUIET_MAX, False),
        (5.1, OTHERS_MAX + 0.01, 1.0, True),
        (5.1, 0.0, QUIET_MAX + 0.01, True),
        (20.1, OTHERS_MAX + 0.01, QUIET_MAX + 0.01, False),
    ],
)
def test_a_time_that_was_not_kept_is_excused_only_where_others_were_busy(
    monkeypatch: pytest.MonkeyPatch, seconds: float, others: float, stretched: float, kept: bool
) -> None:
    monkeypatch.setattr(machine, "stretch", lambda: stretched)
    watch = Stopwatch()
    watch.seconds, watch.others = seconds, others
    assert watch.kept(5) is kept


def test_the_time_of_others_is_a_share_of_all_there_is() -> None:
    with Stopwatch() as watch:
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert 0 <= watch.others <= 1.1
    assert watch.seconds > 0
