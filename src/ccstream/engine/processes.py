"""Several workers on one machine, with one port for the metrics and probes of all.

Each is a process like any other worker, with names of its own; the supervisor starts it anew by
itself. It is handed a listening socket on the loopback interface that stays open from one life to
the next, so that no port has to be found out or can be lost to somebody else. What ``/metrics``
shows is what each says of itself, under its own label ``process``: nothing is added up, so gauges
stay what they are and counters begin anew with their process, as Prometheus expects.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import orjson
from msgspec import structs

from ccstream.engine.supervisor import Child, supervise
from ccstream.ops.exposition import Lines
from ccstream.ops.health import QUESTION, SIGNATURE, Health
from ccstream.ops.metrics import METRICS
from ccstream.ops.metrics_engine import RESTARTS
from ccstream.ops.settings import WebSettings
from ccstream.wire.query import QUESTION_BYTES_MAX

__all__ = ["PROCESSES_MAX", "Fleet", "Member", "run_processes"]

PROCESSES_MAX: Final = 64
"""More workers than any machine has cores for would only share the partitions in vain."""

_ANSWER_SECONDS: Final = 2.0
"""For one worker to answer; a scrape waits for all at once, and Prometheus for 10 s."""

_START_SECONDS: Final = 60.0
"""A worker that does not answer by then, though its process runs, is not live."""

_LOOPBACK: Final = "127.0.0.1"


class Member:
    """One of the workers: its process, and where it answers."""

    def __init__(self, number: int, command: Sequence[str]) -> None:
        self.name = str(number)
        self._socket = socket.create_server((_LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        fd = self._socket.fileno()
        self.child = Child(
            [*command, "--process", self.name, "--web-socket", str(fd)], (fd,), self.name
        )

    def ask(self, path: str) -> tuple[int, bytes] | None:
        """Status and body of its answer; None if there is none."""
        return self._request("GET", path)

    def put(self, body: bytes, signature: str) -> tuple[int, bytes] | None:
        """The same for a question about rows."""
        return self._request("POST", QUESTION, body, {SIGNATURE: signature})

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[int, bytes] | None:
        if self.child.running_for is None:
            return None
        connection = http.client.HTTPConnection(_LOOPBACK, self.port, timeout=_ANSWER_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def close(self) -> None:
        self._socket.close()


class Fleet:
    """What the workers say, put together."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._asking = ThreadPoolExecutor(len(members), "ccstream-ask")
        self._lines = Lines()

    def exposition(self) -> bytes:
        """Each sample of each worker, with its label ``process``; of one that is away only how
        often it was started anew.
        """
        families: dict[str, list[str]] = {}
        for member, answer in self._answers("/metrics"):
            if answer is not None and answer[0] == HTTPStatus.OK:
                _gather(answer[1].decode(), member.name, families)
        restarts: dict[tuple[str, ...], float] = {
            (one.name,): max(0, one.child.restarts) for one in self._members
        }
        spec = structs.replace(METRICS[RESTARTS], labels=("process",))
        families[RESTARTS] = list(self._lines.values(spec, restarts))
        return "".join(chain.from_iterable(families.values())).encode()

    def live(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether no process hangs: one that is being started anew is cared for."""

        def good(member: Member, status: int | None) -> bool:
            seconds = member.child.running_for
            return status == HTTPStatus.OK or seconds is None or seconds < _START_SECONDS

        return self._all("/livez", good)

    def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether each worker is ready."""
        return self._all("/readyz", lambda _, status: status == HTTPStatus.OK)

    def pass_on(self, path: str, body: bytes, signature: str) -> tuple[int, bytes]:
        """A question goes to the worker whose number ends the path, with what shows who asks."""
        name = path.rpartition("/")[2]
        member = next((member for member in self._members if member.name == name), None)
        answer = None if member is None else member.put(body, signature)
        return (HTTPStatus.SERVICE_UNAVAILABLE, b"") if answer is None else answer

    def close(self) -> None:
        self._asking.shutdown(wait=False, cancel_futures=True)

    def _all(
        self, path: str, good: Callable[[Member, int | None], bool]
    ) -> tuple[bool, Mapping[str, Any]]:
        answers = self._answers(path)
        details = {
            member.name: {
                "restarts": max(0, member.child.restarts),
                **(
                    {"state": "does not answer"}
                    if answer is None
                    else {"ok": answer[0] == HTTPStatus.OK, **_details(answer[1])}
                ),
            }
            for member, answer in answers
        }
        well = all(good(member, None if a is None else a[0]) for member, a in answers)
        return well, {"processes": details}

    def _answers(self, path: str) -> list[tuple[Member, tuple[int, bytes] | None]]:
        asked = self._asking.map(lambda member: member.ask(path), self._members)
        return list(zip(self._members, asked, strict=True))


def run_processes(command: Sequence[str], count: int, web: WebSettings) -> int:
    """Run ``count`` workers until they are told to stop or one ends for good; the exit status.

    Raises:
        SettingsError: the address of the web settings cannot be listened on.
    """
    with ExitStack() as stack:
        members = []
        for number in range(count):
            member = Member(number, command)
            stack.callback(member.close)
            members.append(member)
        fleet = Fleet(members)
        stack.callback(fleet.close)
        health = Health(
            fleet.live,
            fleet.ready,
            fleet,
            web.host,
            web.port,
            ask=fleet.pass_on,
            question_bytes_max=QUESTION_BYTES_MAX,
        )
        stack.enter_context(health)
        url = health.reached_at(web.advertised_host) + QUESTION
        for member in members:
            member.child.tell("--query-url", f"{url}/{member.name}")
        return supervise([member.child for member in members])


def _gather(text: str, process: str, families: dict[str, list[str]]) -> None:
    """Add what one worker says to the lines of each metric, whose head stands once.

    Lines are not taken apart: prometheus_client's reader takes 30 µs for each.
    """
    label = f'process="{process}"'
    lines: list[str] = []
    known = False
    for line in text.splitlines(keepends=True):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            known = name in families
            lines = families.setdefault(name, [])
        if line.startswith("#"):
            if not known:
                lines.append(line)
            continue
        name, brace, rest = line.partition("{")
        if brace:
            lines.append(f"{name}{{{label},{rest}")
        else:
            name, _, value = line.partition(" ")
            lines.append(f"{name}{{{label}}} {value}")


def _details(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return {name: value for name, value in found.items() if name not in {"ok", "version"}}
