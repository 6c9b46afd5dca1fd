"""Where workers come from: a process that has imported all of it, and forks one when asked.

A start of Python costs more than all else in a run, and a run has several. The supervisor is the
real one; only what it starts is forked from it instead of started anew. Neither it nor this process
has a thread or a Kafka client when it forks.

Asked by a line of JSON each on its input: ``{"env", "log", "supervised"}`` starts a worker and is
answered by its process id, ``{"status": pid}`` by its exit status or null. Ends with its input.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from ccstream.engine import supervisor
from ccstream.ops import logs
from ccstream.ops.settings import Settings

__all__ = ["Forked", "Nursery"]

ROOT = Path(__file__).parent.parent.parent
ANSWER_S_MAX = 60.0
POLL_S = 0.05


class Forked:
    """A forked child with as much of ``subprocess.Popen`` as the supervisor uses."""

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> None:
        self.returncode: int | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            restarts = int(command[-1])  # as the supervisor tells a worker's command line
            _become(lambda: _work(restarts), lambda: supervisor.die_with(parent))

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(what: Callable[[], int], first: Callable[[], None] | None = None) -> None:
    """In a forked child: do that and nothing else."""
    code = 70
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        random.seed()
        if first is not None:
            first()
        code = what()
    except BaseException:  # noqa: BLE001 - as the interpreter would at the end of a program
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _work(restarts: int = 0) -> int:
    from tests.chaos.faulty_worker import main

    # A worker has all of its objects collected once, which would copy every page that it shares
    # with this process: seconds in which it sends no heartbeat, on a machine slow to give memory.
    gc.unfreeze = _leave_frozen
    return main(restarts)


def _leave_frozen() -> None:
    pass


def _supervise() -> int:
    logs.configure(Settings.load().log)
    stand_in: Any = SimpleNamespace(Popen=Forked, TimeoutExpired=subprocess.TimeoutExpired)
    supervisor.subprocess = stand_in
    return supervisor.supervise([supervisor.Child([])])


def _start(asked: Mapping[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:

        def set_up() -> None:
            os.setsid()
            supervisor.die_with(parent)
            with Path(asked["log"]).open("ab") as log:
                for stream in (1, 2):
                    os.dup2(log.fileno(), stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.environ.update(asked["env"])

        _become(_supervise if asked["supervised"] else _work, set_up)
    return pid


def main() -> None:
    import tests.chaos.faulty_worker  # noqa: F401 - so that no child has to

    gc.freeze()
    started: dict[int, int | None] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "status" in asked:
            pid = asked["status"]
            if started[pid] is None:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    started[pid] = os.waitstatus_to_exitcode(status)
            answer = started[pid]
        else:
            answer = _start(asked)
            started[answer] = None
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    for pid, status in started.items():
        if status is None:
            os.kill(pid, signal.SIGKILL)


class Nursery:
    """The process, as long as the ``with`` block; any thread may ask."""

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=ANSWER_S_MAX)

    def start(self, env: Mapping[str, str], log: Path, *, supervised: bool) -> int:
        """The process id of a new worker, or of its supervisor."""
        pid = self._ask({"env": dict(env), "log": str(log), "supervised": supervised})
        assert pid is not None
        return pid

    def status(self, pid: int) -> int | None:
        """Its exit status, None while it runs."""
        return self._ask({"status": pid})

    def _ask(self, what: Mapping[str, Any]) -> int | None:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{json.dumps(what)}\n")
            self._process.stdin.flush()
            answer: int | None = json.loads(self._process.stdout.readline())
            return answer


if __name__ == "__main__":
    main()
