"""A worker as a process of its own, for as long as a ``with`` block."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.devkit.process import ChildProcess
from ccstream.errors import DevkitError

__all__ = ["WorkerProcess"]

READY_S_MAX: Final = 60.0
"""It takes 2 to 5 s; a restore of a large state takes longer."""

STOP_S_MAX: Final = 10.0
"""A worker stops in under 5 s."""

POLL_S: Final = 0.1
ANSWER_S: Final = 2.0
LOG_LINES_SHOWN: Final = 3


class WorkerProcess:
    """``ccstream worker`` with settings of its own; ready when the block begins.

    ``settings``: by the names of their environment variables without ``CCSTREAM_``.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)
        self._port = 0
        self._log: Path | None = None
        self._child: ChildProcess | None = None

    def __enter__(self) -> Self:
        self._port = free_port()
        handle, path = tempfile.mkstemp(prefix="ccstream-worker-", suffix=".log")
        os.close(handle)
        self._log = Path(path)
        settings = {"LOG__LEVEL": "warning", **self._settings, "WEB__PORT": str(self._port)}
        self._child = ChildProcess(
            [sys.executable, "-m", "ccstream", "worker", "--no-restart"],
            log=self._log,
            env=os.environ | {f"CCSTREAM_{name}": value for name, value in settings.items()},
        )
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
        """Raise DevkitError, with the worker's last words, if it has ended by itself."""
        if self._child is None:
            raise DevkitError("the worker was stopped before it was ready")
        code = self._child.exit_code
        if code is not None:
            raise DevkitError(f"the worker ended with exit code {code}: {self._last_words()}")

    def stop(self) -> None:
        """End it after its last commit; may be called twice."""
        child, self._child = self._child, None
        if child is not None:
            child.end(signal.SIGTERM, within_s=STOP_S_MAX)
        if self._log is not None:
            self._log.unlink(missing_ok=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S_MAX
        while not self._ready():
            self.check()
            if time.monotonic() > deadline:
                raise DevkitError(
                    f"the worker was not ready within {READY_S_MAX:.0f} s: {self._last_words()}"
                )
            time.sleep(POLL_S)

    def _ready(self) -> bool:
        # Not urllib: a proxy of the surroundings has no business on the loopback interface.
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=ANSWER_S)
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
