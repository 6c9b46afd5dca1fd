"""Restarts a worker process that ended for a reason that a restart mends.

A worker never mends itself in memory: an aborted transaction, a lost broker or a lost group
membership ends it, and the next process reads what was committed. Where nothing else restarts
processes, this does, with back-off; a worker that ended for good (its state or its settings do
not fit) is not restarted, and its exit status is passed on.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from ccstream.engine.status import ExitStatus
from ccstream.ops.logs import logger

__all__ = ["BACKOFF", "supervise"]

BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before each further restart; the last is repeated."""

_STEADY_AFTER = 60.0
"""Seconds that a worker must have run for its end to count as a first one again."""

_STOP_TIMEOUT = 10.0
"""Seconds that a worker has to stop in after a signal; it takes less than 5."""

_PR_SET_PDEATHSIG = 1

_FINAL = frozenset(
    {ExitStatus.STOPPED, ExitStatus.USAGE, ExitStatus.STATE, ExitStatus.MISSING_PART}
)

log = logger(__name__)


def supervise(command: Sequence[str]) -> int:
    """Run ``command`` until it ends for good or this process is told to stop.

    SIGTERM and SIGINT are passed on to the worker, whose exit status is returned.
    """
    stop = threading.Event()
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        stop.set()
        if child is not None and child.poll() is None:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    attempt = 0
    try:
        while True:
            started = time.monotonic()
            child = subprocess.Popen(list(command), preexec_fn=_die_with_parent)  # noqa: PLW1509
            status = _wait(child, stop)
            if stop.is_set() or status in _FINAL:
                return max(0, status)
            attempt = 0 if time.monotonic() - started > _STEADY_AFTER else attempt
            pause = BACKOFF[min(attempt, len(BACKOFF) - 1)]
            attempt += 1
            log.warning("restarting the worker", exit_status=status, after_seconds=pause)
            if stop.wait(pause):
                return ExitStatus.STOPPED
    finally:
        if child is not None and child.poll() is None:
            child.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


def _die_with_parent() -> None:
    """In the new process: a worker whose supervisor is killed ends, too (where Linux helps)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(child: subprocess.Popen[bytes], stop: threading.Event) -> int:
    """Wait for the child; a stop gives it a bounded time, then it is killed."""
    while True:
        try:
            return child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                break
    try:
        return child.wait(timeout=_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
