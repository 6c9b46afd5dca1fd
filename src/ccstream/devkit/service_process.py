"""A command of ccstream's that serves HTTP, as a process of its own."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.devkit.process import ChildProcess
from ccstream.errors import DevkitError

__all__ = ["ServiceProcess"]

READY_S_MAX: Final = 60.0
"""It takes 2 to 5 s; a restore of a large state takes longer."""

STOP_S_MAX: Final = 10.0
"""A worker or gateway stops in under 5 s."""

POLL_S: Final = 0.1
ANSWER_S: Final = 2.0
LOG_LINES_SHOWN: Final = 3


class ServiceProcess:
    """``ccstream COMMAND`` with settings of its own; ready when the block begins.

    One that was stopped does not start any more, also where the stop came first: a thread that
    was asked to start it may run only after whoever asked has given up.

    Args:
        command: the command and its options.
        settings: by the names of their environment variables without ``CCSTREAM_``.
        port_setting: the one that says where it listens.
        port: where; a free one if None.
    """

    def __init__(
        self,
        command: Sequence[str],
        settings: Mapping[str, str],
        port_setting: str,
        port: int | None = None,
    ) -> None:
        self._command = tuple(command)
        self._settings = dict(settings)
        self._port_setting = port_setting
        self._given_port = port
        self.port = 0
        """Where it listens."""
        self._log: Path | None = None
        self._child: ChildProcess | None = None
        self._ended = False
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        with self._starting:
            self._start()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raise DevkitError, with its last words, if it has ended by itself."""
        child, name = self._child, self._command[0]
        if child is None:
            raise DevkitError(f"the {name} was stopped before it was ready")
        code = child.exit_code
        if code is not None:
            raise DevkitError(f"the {name} ended with exit code {code}: {self._last_words()}")

    def stop(self) -> None:
        """End it as SIGTERM does; may be called twice."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does; may be called twice."""
        self._end(signal.SIGKILL)

    def _start(self) -> None:
        if self._ended:
            raise DevkitError(f"the {self._command[0]} was stopped before it started")
        self.port = self._given_port or free_port()
        name = self._command[0]
        handle, path = tempfile.mkstemp(prefix=f"ccstream-{name}-", suffix=".log")
        os.close(handle)
        self._log = Path(path)
        given = {"LOG__LEVEL": "warning", **self._settings, self._port_setting: str(self.port)}
        self._child = ChildProcess(
            [sys.executable, "-m", "ccstream", *self._command],
            log=self._log,
            env=os.environ | {f"CCSTREAM_{name}": value for name, value in given.items()},
        )

    def _end(self, how: signal.Signals) -> None:
        with self._starting:
            self._ended = True
            child, self._child = self._child, None
        if child is not None:
            child.end(how, within_s=STOP_S_MAX)
        if self._log is not None:
            self._log.unlink(missing_ok=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S_MAX
        while not self._ready():
            self.check()
            if time.monotonic() > deadline:
                raise DevkitError(
                    f"the {self._command[0]} was not ready within {READY_S_MAX:.0f} s: "
                    f"{self._last_words()}"
                )
            time.sleep(POLL_S)

    def _ready(self) -> bool:
        # Not urllib: a proxy of the surroundings has no business on the loopback interface.
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        text = self._log.read_text(errors="replace") if self._log is not None else ""
        return " | ".join(text.strip().splitlines()[-LOG_LINES_SHOWN:]) or "it gave no reason"
