"""A real Apache Kafka on this machine, without Docker: Java and Maven are enough.

One node in KRaft mode on free loopback ports, up in a few seconds, its log in a scratch
folder that goes with it. It can be killed and restarted on the same log, which is what
failure tests need. It never outlives the process that started it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, NoReturn, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ccstream.devkit.kafka_jars import KAFKA_VERSION, fetch_jars, find_java
from ccstream.devkit.kafka_settings import CLUSTER_ID, render
from ccstream.devkit.ports import LOOPBACK, free_port, is_free
from ccstream.devkit.process import ChildProcess
from ccstream.errors import DevkitError

__all__ = ["LocalKafka"]

START_S_MAX: Final = 90.0
"""It takes 3 s on an idle machine; a starved one, or a long log to recover, takes longer."""

STOP_S_MAX: Final = 15.0
"""A clean stop takes under 1 s; after this the node is killed."""

FORMAT_S_MAX: Final = 60.0
"""It takes 2 s on an idle machine."""

BIND_ATTEMPTS_MAX: Final = 3
"""Somebody else may take a free port before the node does; thrice in a row is no accident."""

_QUICK_COMPILER: Final = "-XX:TieredStopAtLevel=1"
"""Java's second compiler takes about half of a broker's processor time in its first minutes; a
node of a test or a demo seldom lives longer. One that does takes 40 % more without it."""

_BRIEF: Final = ("-XX:MaxGCPauseMillis=20", _QUICK_COMPILER)
_LASTING: Final = (
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
)
"""As Kafka's own start script has them, which also gives the heap its size from the beginning: one
that grows as Java pleases stays small, and is collected several times as often."""

HEAP_MB: Final = 1024
"""Enough for benchmarks of a few million records; a brief node takes only what it needs of it."""

ASK_S: Final = 1.0
POLL_S: Final = 0.05
LOG_LINES_SHOWN: Final = 4


class LocalKafka:
    """One Kafka node, running as long as the ``with`` block.

    ``port``: the port clients connect to; 0 takes a free one.
    ``data``: a folder for the log, kept and reused; without it a scratch folder, removed.
    ``config``: broker settings by name, over those for quick tests.
    ``brief``: the node lives for minutes and is not measured, so Java compiles it quickly.
    ``proxy_port``: where a proxy of the caller's listens. Clients that come by it are told to stay
    with it; it forwards them to :attr:`behind_proxy`. 0 for none.
    ``listeners``: more listeners by name, in capitals, each with its security protocol, as
    ``{"SECURED": "SASL_SSL"}``; what they need besides goes into ``config``. :meth:`address` says
    where each is.
    ``report``: told in plain words before anything slow happens.
    """

    def __init__(
        self,
        *,
        version: str = KAFKA_VERSION,
        port: int = 0,
        data: Path | None = None,
        config: Mapping[str, str] = MappingProxyType({}),
        heap_mb: int = HEAP_MB,
        brief: bool = True,
        proxy_port: int = 0,
        listeners: Mapping[str, str] = MappingProxyType({}),
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._version = version
        self._port_wanted = port
        self._port = 0
        self._folder_kept = data
        self._folder: Path | None = None
        self._config = dict(config)
        self._java_options = [
            f"-Xmx{heap_mb}m",
            *(_BRIEF if brief else (f"-Xms{heap_mb}m", *_LASTING)),
        ]
        self._proxy_port = proxy_port
        self._behind_proxy = 0
        self._protocols = dict(listeners)
        self._ports: dict[str, int] = {}
        self._report = report
        self._node: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients; the same before and after :meth:`restart`."""
        if not self._port:
            raise DevkitError("Kafka has not been started yet: call start() first.")
        return f"{LOOPBACK}:{self._port}"

    def address(self, listener: str) -> str:
        """``host:port`` of one of the listeners; the same before and after :meth:`restart`."""
        if listener not in self._ports:
            raise DevkitError(f"Kafka was not started with a listener {listener}.")
        return f"{LOOPBACK}:{self._ports[listener]}"

    @property
    def behind_proxy(self) -> int:
        """The port that a proxy forwards to; the same before and after :meth:`restart`."""
        if not self._behind_proxy:
            raise DevkitError("Kafka was not started with the port of a proxy.")
        return self._behind_proxy

    @property
    def pid(self) -> int | None:
        """The process of the node, or ``None`` when none runs."""
        return self._node.pid if self._node and self._node.exit_code is None else None

    @property
    def log(self) -> str:
        """What the node said since the folder was made (warnings and errors)."""
        path = self._folder and self._folder / "server.log"
        return path.read_text(errors="replace") if path and path.exists() else ""

    def start(self) -> Self:
        """Start the node and return once it answers; nothing happens if it runs.

        Raises ``DevkitError`` where Java, Maven, the download, the port or the node fails.
        """
        if self.pid is not None:
            return self
        if self._port_wanted and not is_free(self._port_wanted):
            raise DevkitError(
                f"Port {self._port_wanted} of {LOOPBACK} is taken; choose another, or 0 for any."
            )
        java = find_java()
        jars = fetch_jars(self._version, self._report)
        try:
            self._open_folder()
            for attempt in range(BIND_ATTEMPTS_MAX):
                self._port = self._port_wanted or free_port()
                self._behind_proxy = free_port() if self._proxy_port else 0
                self._ports = {name: free_port() for name in self._protocols}
                said = len(self.log)
                if self._launch(java, jars):
                    return self
                if "BindException" not in self.log[said:] or attempt == BIND_ATTEMPTS_MAX - 1:
                    break
            raise DevkitError(f"Kafka {self._version} did not start: {self._last_words()}")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the node cleanly, by force if that takes too long, and remove a scratch folder.

        May be called at any time, and twice.
        """
        self._end(signal.SIGTERM)
        folder, self._folder = self._folder, None
        if folder is not None and folder != self._folder_kept:
            shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """End the node as a power cut would (SIGKILL); its log stays for :meth:`restart`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start the node again on the same port and the same log, after a clean stop if it runs.

        Raises ``DevkitError`` if it was never started, or does not come back.
        """
        if self._folder is None:
            raise DevkitError("Kafka has not been started yet: call start() first.")
        self._end(signal.SIGTERM)
        if not self._launch(find_java(), fetch_jars(self._version, self._report)):
            raise DevkitError(f"Kafka {self._version} did not come back: {self._last_words()}")

    def wait(self) -> NoReturn:
        """Wait until the node ends by itself, and raise ``DevkitError``: it never should."""
        if self._node is None:
            raise DevkitError("Kafka has not been started yet: call start() first.")
        code = self._node.wait()
        raise DevkitError(f"Kafka ended by itself with exit code {code}: {self._last_words()}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _open_folder(self) -> Path:
        try:
            if self._folder_kept is not None:
                self._folder_kept.mkdir(parents=True, exist_ok=True)
            self._folder = self._folder_kept or Path(tempfile.mkdtemp(prefix="ccstream-kafka-"))
        except OSError as error:
            raise DevkitError(f"Kafka has no folder for its log: {error}") from error
        return self._folder

    def _launch(self, java: str, jars: Path) -> bool:
        """Format the log if it is new, start the node; False if it ended before it served."""
        folder = self._folder or self._open_folder()
        properties = folder / "server.properties"
        properties.write_text(
            render(
                host=LOOPBACK,
                port=self._port,
                controller_port=free_port(),
                data=folder / "data",
                config=self._config,
                proxied=(self._behind_proxy, self._proxy_port) if self._proxy_port else None,
                more_listeners={
                    name: (self._protocols[name], port) for name, port in self._ports.items()
                },
            ),
            encoding="utf-8",
        )
        if not (folder / "data" / "meta.properties").exists():
            _format(java, jars, properties)
        self._report(f"Starting Apache Kafka {self._version} on {self.bootstrap}.")
        self._node = ChildProcess(
            [
                *(java, *self._java_options),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                *("-cp", f"{jars}/*", "kafka.Kafka", str(properties)),
            ],
            log=folder / "server.log",
            scratch=None if folder == self._folder_kept else folder,
        )
        return self._serves()

    def _serves(self) -> bool:
        """Wait for an answer to a metadata request that names the node."""
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if self.pid is None:
                self._end(signal.SIGKILL)
                return False
            if _listens(self._port) and _answers(self.bootstrap):
                return True
            time.sleep(POLL_S)
        raise DevkitError(
            f"Kafka {self._version} did not answer on {self.bootstrap} within {START_S_MAX:.0f} s: "
            f"{self._last_words()}"
        )

    def _end(self, how: signal.Signals) -> None:
        node, self._node = self._node, None
        if node is not None:
            node.end(how, within_s=STOP_S_MAX)

    def _last_words(self) -> str:
        return _gist(self.log)


def _format(java: str, jars: Path, properties: Path) -> None:
    command = [
        *(java, "-Xmx128m", _QUICK_COMPILER, "-XX:+UseSerialGC"),
        *("-cp", f"{jars}/*", "kafka.tools.StorageTool", "format"),
        *("--cluster-id", CLUSTER_ID, "--config", str(properties)),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FORMAT_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DevkitError(f"Kafka did not format its log within {FORMAT_S_MAX:.0f} s.") from error
    if done.returncode != 0:
        raise DevkitError(f"Kafka could not format its log: {_gist(done.stderr or done.stdout)}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=ASK_S).close()
    except OSError:
        return False
    return True


def _answers(bootstrap: str) -> bool:
    # Level 0: a node that is not quite there yet is no news for stderr.
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return bool(client.list_topics(timeout=ASK_S).brokers)
    except KafkaException:
        return False


def _gist(said: str) -> str:
    """The last lines of a Java program's log, without the stack traces."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("\t")]
    return " | ".join(lines[-LOG_LINES_SHOWN:]) or "it gave no reason"
