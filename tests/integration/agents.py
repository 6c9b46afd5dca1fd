"""A user's Faust app as a process: the example, or one that does wrong on request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from ccstream.devkit.ports import free_port
from ccstream.ops.settings import Settings
from tests.integration.harness import PATIENCE_S, wait_until
from tests.support.source import ROOT

__all__ = ["EXAMPLE", "NOTER", "AgentApp", "agent_app"]

EXAMPLE = ROOT / "examples" / "large_baskets.py"
NOTER = Path(__file__).with_name("noter.py")


class AgentApp:
    """One process of such an app."""

    def __init__(self, program: Path, settings: Settings, **environment: str) -> None:
        self.port = free_port()
        self._log = Path(tempfile.mkstemp(prefix="agents-", suffix=".log")[1])
        kafka = settings.kafka
        env = {
            "CCSTREAM_APP_ID": settings.app_id,
            "CCSTREAM_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "CCSTREAM_KAFKA__PARTITIONS": str(kafka.partitions),
            **environment,
        }
        command = [sys.executable, str(program), "worker", "-l", "info", "-p", str(self.port)]
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=ROOT, env=os.environ | env
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def get(self, path: str) -> Any:
        """What it answers, or None while it does not."""
        try:
            url = f"http://127.0.0.1:{self.port}{path}"
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as page:
                return orjson.loads(page.read())
        except OSError:
            return None

    def wait_ready(self, timeout: float = 90.0) -> None:
        """Its tables are there: only then does Faust's web server answer."""
        path = "/baskets/nobody"
        url = f"http://127.0.0.1:{self.port}{path}"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return True
            except OSError:
                return self.process.poll() is not None

        wait_until(answers, timeout)
        assert self.process.poll() is None, self.log[-4000:]

    def wait_ended(self, timeout: float = 90.0) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s: {self.log[-4000:]}") from None

    def stop(self, timeout: float = 30.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait_ended(timeout)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._log.unlink(missing_ok=True)


@contextmanager
def agent_app(
    program: Path, settings: Settings, *, ready: bool = True, **environment: str
) -> Iterator[AgentApp]:
    one = AgentApp(program, settings, **environment)
    try:
        if ready:
            one.wait_ready()
        yield one
    finally:
        sys.stderr.write(one.log[-6000:])  # shown with a test that failed
        one.close()
