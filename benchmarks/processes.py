"""What is measured, as processes of their own: workers, peers, brokers, instruments."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from confluent_kafka.admin import AdminClient

from benchmarks.processor_time import processor_seconds
from benchmarks.records import BenchmarkError, delete_topics
from ccstream.devkit.kafka import LocalKafka
from ccstream.devkit.ports import LOOPBACK, free_port
from ccstream.devkit.process import ChildProcess

__all__ = [
    "FAUST",
    "ROOT",
    "Broker",
    "Instrument",
    "Program",
    "Worker",
    "apply_topics",
    "ccstream_worker",
    "fresh_topics",
    "kafka",
    "scratch",
    "wait_until",
    "worker_environment",
]

ROOT = Path(__file__).parent.parent
FAUST = Path(sys.executable).with_name("faust")

GIVEN = "CCSTREAM_BENCH_BOOTSTRAP"
"""Names a cluster to be used instead of one of the benchmarks' own."""

READY_S_MAX = 90.0
STOP_S_MAX = 15.0
POLL_S = 0.05


def scratch() -> Path:
    """The folder for logs of this run's processes, removed by the caller of the benchmarks."""
    return Path(os.environ["BENCH_SCRATCH"])


def _python_path() -> str:
    """This folder, the compiled package where `scripts/bench` put one, and the one as it is, for
    environments that have none.
    """
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"), f"{ROOT}/src")))


class Broker:
    """The Kafka of a run; ``node`` is None where it is a cluster that was given."""

    def __init__(self, bootstrap: str, node: LocalKafka | None = None) -> None:
        self.bootstrap = bootstrap
        self._node = node

    def cpu_seconds(self) -> float | None:
        """Processor time of the node so far; None where it cannot be known."""
        pid = self._node.pid if self._node is not None else None
        return processor_seconds(pid) if pid is not None else None


def _inherited() -> dict[str, str]:
    """The environment of children: ccstream refuses to start with a setting it does not know."""
    return {name: value for name, value in os.environ.items() if name != GIVEN}


@contextmanager
def kafka(**config: str) -> Iterator[Broker]:
    """A fresh one-node Kafka, or the cluster that ``CCSTREAM_BENCH_BOOTSTRAP`` names."""
    given = os.environ.get(GIVEN)
    if given:
        if _own_topics(given):
            raise BenchmarkError(
                f"{given} has topics of ccstream; benchmarks need an empty cluster"
            )
        yield Broker(given)
        return
    settings = {name.replace("_", "."): value for name, value in config.items()}
    with LocalKafka(config=settings, brief=False) as node:
        yield Broker(node.bootstrap, node)


class Program:
    """A running command; its output goes to a log that is quoted if it fails."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.name = name
        handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".log", dir=scratch())
        os.close(handle)
        self.log = Path(path)
        environment = {**_inherited(), "PYTHONPATH": _python_path(), **env}
        self._process = ChildProcess(command, log=self.log, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise BenchmarkError, with its last words, if it has ended by itself."""
        code = self._process.exit_code
        if code is not None:
            words = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise BenchmarkError(f"{self.name} ended with exit code {code}: {' | '.join(words)}")

    def stop(self) -> int:
        return self._process.end(signal.SIGTERM, within_s=STOP_S_MAX)

    def cpu_seconds(self) -> float | None:
        """Processor time used so far, all threads, children too; None where it is not told."""
        return processor_seconds(self.pid)


class Worker(Program):
    """``ccstream worker``, or a program that is one, and its health server."""

    def __init__(self, env: Mapping[str, str], *module: str) -> None:
        self.port = free_port()
        super().__init__(
            "worker",
            [sys.executable, "-m", *(module or ("ccstream", "worker", "--no-restart"))],
            {**env, "CCSTREAM_WEB__PORT": str(self.port), "CCSTREAM_LOG__LEVEL": "warning"},
        )

    def ready(self) -> bool:
        return self._get("/readyz")[0] == 200

    def metrics(self) -> dict[str, float]:
        """All samples by name with labels, as the exposition writes them."""
        samples: dict[str, float] = {}
        for line in self._get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def resident_bytes(self) -> int:
        """The resident set now, as the worker states it: what was started only supervises it."""
        found = self.metrics().get("process_resident_memory_bytes")
        if found is None:
            raise BenchmarkError("this system does not tell what memory a process takes")
        return int(found)

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()


def worker_environment(
    bootstrap: str, app_id: str, delivery: str, **settings: str
) -> dict[str, str]:
    """The settings of a worker; more of them as ``window__horizon_days="400"``."""
    chosen = {"app_id": app_id, "delivery": delivery, "kafka__bootstrap": bootstrap, **settings}
    return {f"CCSTREAM_{name.upper()}": value for name, value in chosen.items()}


def apply_topics(env: Mapping[str, str]) -> None:
    """Make the topics as a user would."""
    done = subprocess.run(
        [sys.executable, "-m", "ccstream", "topics", "apply"],
        env={**_inherited(), **env},
        capture_output=True,
        text=True,
        timeout=READY_S_MAX,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"topics apply failed: {done.stderr.strip().splitlines()[-1:]}")


def fresh_topics(bootstrap: str, env: Mapping[str, str], keep: Sequence[str] = ()) -> None:
    """Delete what earlier runs left, except ``keep``, and make the topics anew."""
    left = [name for name in _own_topics(bootstrap) if name not in keep]
    if left:
        delete_topics(bootstrap, left)
    apply_topics(env)


def _own_topics(bootstrap: str) -> list[str]:
    topics = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).topics
    return [name for name in topics if name.startswith(("bench-", "channel.", "sync.", "ccstream"))]


@contextmanager
def ccstream_worker(env: Mapping[str, str], *module: str) -> Iterator[Worker]:
    """A worker that is ready: ``ccstream worker``, or the module with these arguments."""
    with Worker(env, *module) as worker:
        wait_until(worker.ready, READY_S_MAX, "the worker is ready", worker)
        yield worker


class Instrument:
    """A measuring process: it says ``ready``, then works, then prints one JSON document."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._name = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={**_inherited(), "PYTHONPATH": _python_path()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            self.stop()
            raise BenchmarkError(f"{module} did not start")

    def tell(self, number: int) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()

    def result(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the end and return what it measured."""
        try:
            said, _ = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            self.stop()
            raise BenchmarkError(f"{self._name} did not end in {timeout_s:.0f} s") from error
        if self._process.returncode:
            raise BenchmarkError(f"{self._name} failed with {self._process.returncode}")
        document: dict[str, Any] = json.loads(said)
        return document

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def wait_until(
    condition: Callable[[], bool],
    timeout_s: float,
    what: str,
    *programs: Program,
    every_s: float = POLL_S,
) -> None:
    """Wait for ``condition()``; raise BenchmarkError if a program ends or time runs out."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        for program in programs:
            program.check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(every_s)
