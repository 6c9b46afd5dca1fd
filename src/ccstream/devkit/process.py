"""A child process that cannot outlive its parent, however the parent ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["ChildProcess"]

WATCHER: Final = 'read -r _; kill -KILL "$1" 2>/dev/null; [ -z "$2" ] || rm -rf -- "$2"'
"""Reads until our end of its pipe closes, which the kernel sees to even if we are killed."""


class ChildProcess:
    """A running command, its output appended to the file ``log``.

    ``scratch`` is a folder that nobody needs after it: if the parent is killed and cannot
    clean up, that goes too.

    The child gets a session of its own: Ctrl-C in a terminal reaches a whole session, and a
    server should end only when those who use it have said goodbye.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        scratch: Path | None = None,
    ) -> None:
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCHER, "watcher", str(self._child.pid), str(scratch or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id, also after the end."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs; the negative signal number if a signal ended it."""
        return self._child.poll()

    def wait(self) -> int:
        """Wait for it to end by itself and return its exit code."""
        return self._child.wait()

    def end(self, how: signal.Signals, *, within_s: float) -> int:
        """Send ``how``, kill it if it still runs ``within_s`` later, return its exit code.

        May be called again, and after it has ended by itself.
        """
        self._child.send_signal(how)
        try:
            code = self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        # The watcher last: until now it guarded a process id that was surely ours.
        self._watcher.kill()
        self._watcher.communicate()
        return code
