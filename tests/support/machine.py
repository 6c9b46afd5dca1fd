"""How long something took, and whether the machine had the time for it.

A promise of seconds is one of a machine that is not busy with other things: a time that was not
kept there is a failure, and elsewhere shows nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, Self

__all__ = ["QUIET_MAX", "Stopwatch", "stretch"]

QUIET_MAX: Final = 1.25
"""How many times its processor time a process that needs nothing else may take to be over."""

OTHERS_MAX: Final = 0.25
"""The share of the processors' time that others may take on a quiet machine."""

_BUSY_TIMES: Final = 4
"""How many times as long as on a quiet machine something may take on a busy one."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Stopwatch:
    """Seconds from the beginning of a ``with`` block to its end, and what others took meanwhile."""

    seconds = 0.0
    others = 0.0
    """The share of the processors' time that went to processes which are not this one's own."""

    def __enter__(self) -> Self:
        self._began, self._busy, self._own = time.monotonic(), _busy(), _own()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        taken = _busy() - self._busy - (_own() - self._own)
        self.others = max(0.0, taken / max(self.seconds, 0.01) / (os.cpu_count() or 1))

    @property
    def busy(self) -> bool:
        """Whether others took too much for the seconds to say anything."""
        return self.others > OTHERS_MAX

    def kept(self, seconds_max: float) -> bool:
        """Whether it took less, or a few times that where the machine is busy with other things."""
        if self.seconds < seconds_max:
            return True
        is_busy = self.busy or stretch() > QUIET_MAX
        return is_busy and self.seconds < _BUSY_TIMES * seconds_max

    def __repr__(self) -> str:
        return f"{self.seconds:.1f} s, {self.others:.0%} of the processors' time for others"


def stretch() -> float:
    """How many times its own processor time it takes to start what a worker is made of."""
    before = os.times()
    subprocess.run([sys.executable, "-c", "import ccstream.engine.worker"], check=True, timeout=60)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return (after.elapsed - before.elapsed) / used


def _busy() -> float:
    """Seconds of all processors that were not idle, with those that a host took from them; 0
    where only Linux would know.
    """
    known = Path("/proc/stat")
    if not known.exists():
        return 0.0
    all_processors = known.read_text(encoding="utf-8").partition("\n")[0]
    user, nice, system, _, _, irq, softirq, steal = map(int, all_processors.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _own() -> float:
    """Seconds that this process took, all below it, and those of them that have ended."""
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for one in Path("/proc").glob("[0-9]*"):
        try:
            told = (one / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has just ended, and its time is its parent's
        fields = told.rpartition(")")[2].split()  # behind its name, which may be anything
        parents[int(one.name)] = int(fields[1])
        used[int(one.name)] = sum(map(int, fields[11:15]))

    def is_ours(pid: int) -> bool:
        while pid != os.getpid():
            if pid not in parents:
                return False
            pid = parents[pid]
        return True

    return sum(time for pid, time in used.items() if is_ours(pid)) / _TICKS
