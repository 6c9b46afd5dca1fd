"""Workers as processes that a run may hurt, each with the supervisor that the real one has."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import urllib.request
from pathlib import Path

from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.ops.settings import Settings
from tests.chaos.faulty_worker import FOLDER
from tests.chaos.nursery import Nursery

__all__ = ["SESSION_S", "SupervisedWorker"]

SESSION_S = 5.0
"""Short, so that a run of half a minute sees a dead worker replaced; not shorter, or a busy machine
that gives a worker no time for some seconds would do so again and again."""

STOP_S_MAX = 30.0
READY_S_MAX = 90.0

SHORT = {
    "GROUP__SESSION_TIMEOUT_MS": str(int(SESSION_S * 1000)),
    "GROUP__HEARTBEAT_INTERVAL_MS": "500",
    "GROUP__REBALANCE_TIMEOUT_MS": "8000",
    "PRIVACY__ERASURE_KEY": "chaos " * 8,
    "PRIVACY__ERASURE_DEADLINE_MS": "3000",
    "LOG__LEVEL": "info",
    "LOG__FORMAT": "json",
}


class SupervisedWorker:
    """One worker. ``name`` is that of its log, and its instance where it has one."""

    def __init__(
        self,
        nursery: Nursery,
        settings: Settings,
        folder: Path,
        name: str,
        *,
        instance_id: str | None = None,
        supervised: bool = True,
        **environment: str,
    ) -> None:
        self.name = name
        self.port = free_port()
        self.log_path = folder / f"{name}.log"
        values = {
            "APP_ID": settings.app_id,
            "KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "KAFKA__PARTITIONS": str(settings.kafka.partitions),
            "WEB__PORT": str(self.port),
            **SHORT,
        }
        if instance_id is not None:
            values["GROUP__INSTANCE_ID"] = instance_id
        self._supervised = supervised
        self._nursery = nursery
        environment |= {f"CCSTREAM_{key}": value for key, value in values.items()}
        environment[FOLDER] = str(folder)
        self._pid = nursery.start(environment, self.log_path, supervised=supervised)

    @property
    def exit_status(self) -> int | None:
        """None while it runs, restarted or not."""
        return self._nursery.status(self._pid)

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def pid(self, timeout: float = 15.0) -> int:
        """The process that works: the supervisor's child, which may be about to be started."""
        if not self._supervised:
            return self._pid
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for pid in self._children():
                return pid
            time.sleep(0.02)
        raise AssertionError(f"no worker was started again: {self.log[-1000:]}")

    def signal(self, number: signal.Signals) -> None:
        """Send it to the process that works, if there is one."""
        self._send(self.pid(), number)

    def ready(self) -> bool:
        try:
            url = f"http://{LOOPBACK}:{self.port}/readyz"
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S_MAX
        while not self.ready():
            assert self.exit_status is None, self.log[-2000:]
            assert time.monotonic() < deadline, f"not ready: {self.log[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        self._send(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S_MAX
        while (status := self.exit_status) is None:
            assert time.monotonic() < deadline, f"told to stop, it went on: {self.log[-2000:]}"
            time.sleep(0.05)
        return status

    def close(self) -> None:
        """End it at once, frozen or not."""
        if self.exit_status is not None:
            return
        children = self._children() if self._supervised else []
        for pid in (self._pid, *children):
            self._send(pid, signal.SIGKILL)

    def _children(self) -> list[int]:
        try:
            at = Path(f"/proc/{self._pid}/task/{self._pid}/children")
            return [int(pid) for pid in at.read_text(encoding="utf-8").split()]
        except OSError:
            return []

    @staticmethod
    def _send(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
