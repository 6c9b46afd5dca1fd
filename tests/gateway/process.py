"""``ccstream gateway`` as a process of its own, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ccstream.devkit.ports import free_port
from tests.support.topics import make_pushed_topics

__all__ = ["GatewayProcess", "Reply", "gateway"]


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class GatewayProcess:
    """Started with settings by their environment's names without ``CCSTREAM_GATEWAY__``."""

    def __init__(self, bootstrap: str, tls: bool = False, **settings: str) -> None:
        make_pushed_topics(bootstrap)
        self.port = free_port()
        self._tls = tls
        self._log = Path(tempfile.mkstemp(prefix="gateway-", suffix=".log")[1])
        environment = {name: text for name, text in os.environ.items() if "CCSTREAM" not in name}
        environment |= {f"CCSTREAM_GATEWAY__{name}": text for name, text in settings.items()}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ccstream", "gateway", "--bootstrap", bootstrap),
                    *("--port", str(self.port), "--log-level", "debug"),
                ],
                stdout=output,
                stderr=output,
                env=environment,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request on a connection of its own."""
        context = ssl._create_unverified_context()
        connection = (
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
            if self._tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        )
        try:
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, target, body, named)
            answer = connection.getresponse()
            sent = {name.lower(): text for name, text in answer.getheaders()}
            return Reply(answer.status, sent, answer.read())
        finally:
            connection.close()

    def post(
        self, event: Any, media_type: str = "application/cloudevents+json", **headers: str
    ) -> Reply:
        body = json.dumps(event).encode()
        return self.ask("POST", "/v1/events", body, content_type=media_type, **headers)

    def wait_ready(self, timeout_s: float = 40.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not self._ready():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._log.unlink(missing_ok=True)


@contextmanager
def gateway(bootstrap: str, tls: bool = False, **settings: str) -> Iterator[GatewayProcess]:
    """A gateway that is ready."""
    one = GatewayProcess(bootstrap, tls, **settings)
    try:
        one.wait_ready()
        yield one
    finally:
        one.close()
