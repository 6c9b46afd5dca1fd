"""Restarts worker processes that ended for a reason that a restart mends.

A worker never mends itself in memory: an aborted transaction, a lost broker or a lost group
membership ends it, and the next process reads what was committed. Where nothing else restarts
processes, this does, with back-off; a worker that ended for good (its state or its settings do
not fit) is not restarted, and its exit status is passed on. Of several each is restarted by itself,
and one that ended for good ends all.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from ccstream.engine.status import ExitStatus
from ccstream.ops.logs import logger

__all__ = ["BACKOFF", "Child", "die_with", "supervise"]

BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before each further restart; the last is repeated."""

_STEADY_AFTER = 60.0
"""Seconds that a worker must have run for its end to count as a first one again."""

_STOP_TIMEOUT = 10.0
"""Seconds that a worker has to stop in after a signal; it takes less than 5."""

_TURN = 0.1
"""Seconds between looks at the children."""

_PR_SET_PDEATHSIG = 1

_FINAL = frozenset(
    {ExitStatus.STOPPED, ExitStatus.USAGE, ExitStatus.STATE, ExitStatus.MISSING_PART}
)

log = logger(__name__)


class Child:
    """One worker process, started again and again.

    It is told how often it was, so that whoever scrapes one of its lives knows of those between:
    a worker that dies within seconds is up at few scrapes.

    Args:
        command: what to run; ``--restarts`` is added.
        fds: file descriptors that it inherits.
        name: how the log calls it, where there are several.
    """

    def __init__(self, command: Sequence[str], fds: Sequence[int] = (), name: str = "") -> None:
        self._command = list(command)
        self._fds = tuple(fds)
        self._named = {"process": name} if name else {}
        self._process: subprocess.Popen[bytes] | None = None
        self._attempt = 0
        self._started_at = 0.0
        self._start_at = 0.0
        self.restarts = -1

    @property
    def running_for(self) -> float | None:
        """Seconds since it was started; None while it is not running."""
        if self._process is None or self._process.poll() is not None:
            return None
        return time.monotonic() - self._started_at

    def tell(self, *options: str) -> None:
        """Give it these options as well, from its next start on."""
        self._command += options

    def turn(self) -> int | None:
        """Start it if it is time to; its exit status if it has just ended."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_at:
                self._started_at = now
                self.restarts += 1
                command = [*self._command, "--restarts", str(self.restarts)]
                self._process = subprocess.Popen(command, pass_fds=self._fds)
            return None
        status = self._process.poll()
        if status is not None:
            self._process = None
        return status

    def restart_later(self, status: int) -> None:
        """Start it anew after a pause that grows with each time that it does not run for long."""
        now = time.monotonic()
        if now - self._started_at > _STEADY_AFTER:
            self._attempt = 0
        pause = BACKOFF[min(self._attempt, len(BACKOFF) - 1)]
        self._attempt += 1
        self._start_at = now + pause
        log.warning("restarting the worker", exit_status=status, after_seconds=pause, **self._named)

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def end(self, deadline: float) -> int:
        """Its exit status, once it has ended; killed if it has not by then."""
        if self._process is None:
            return ExitStatus.STOPPED
        try:
            return max(0, self._process.wait(max(0.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return max(0, self._process.wait())

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()


def supervise(children: Sequence[Child]) -> int:
    """Run them until one ends for good or this process is told to stop; then all end.

    SIGTERM and SIGINT are passed on. Returned is the exit status of the one that ended for good,
    or else the first that is not 0. That a single worker ends with 0 is for good; of several, one
    that somebody stopped is started again, for it has a share of the work.
    """
    stop = threading.Event()
    final = _FINAL if len(children) == 1 else _FINAL - {ExitStatus.STOPPED}

    def pass_on(number: int, _frame: FrameType | None) -> None:
        stop.set()
        for child in children:
            child.signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        while not stop.is_set():
            for child in children:
                status = child.turn()
                if status is None:
                    continue
                if status in final:
                    for other in children:
                        other.signal(signal.SIGTERM)
                    _end(children)
                    return status
                if not stop.is_set():
                    child.restart_later(status)
            stop.wait(_TURN)
        for child in children:
            child.signal(signal.SIGTERM)  # also one that was just being started
        return next((status for status in _end(children) if status), int(ExitStatus.STOPPED))
    finally:
        for child in children:
            child.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(children: Sequence[Child]) -> list[int]:
    deadline = time.monotonic() + _STOP_TIMEOUT
    return [child.end(deadline) for child in children]


def die_with(parent: int) -> None:
    """In a worker: end when the supervisor is killed, also if it just was (where Linux helps)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(ExitStatus.STOPPED)
