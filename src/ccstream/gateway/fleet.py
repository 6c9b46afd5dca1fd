"""What the workers say of themselves: ``/metrics`` and ``/readyz`` of each, asked at once.

A name that leads to several addresses, as that of a headless service in Kubernetes does, is one
worker each. What a worker does not say is not guessed: one that does not answer is told of with
the reason, and what it serves is not known.
"""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import orjson
from msgspec import Struct, field

from ccstream.ops.metrics_engine import STEP

__all__ = ["WORKERS_MAX", "Fleet", "Histogram", "Look", "Sighting", "sightings"]

WORKERS_MAX: Final = 64
"""Addresses that are asked. Beyond, one page shows nothing at a glance, and a gateway would
spend its time on it: reading what a worker of 64 partitions says takes some 7 ms."""

ANSWER_S: Final = 2.0
"""For a worker to answer; one has a thread of its own for it and does in milliseconds."""

BYTES_MAX: Final = 8 << 20
"""Of an answer: 2,500 series are 300 KB, and a machine may have many processes."""

ASKED_AT_ONCE: Final = 16

Histogram = dict[float, float]
"""Counts up to each edge, as Prometheus has them."""

_EVENTS: Final = "ccstream_events_consumed_total"
_REJECTED: Final = "ccstream_rejected_total"
_LAG: Final = "ccstream_lag_records"
_LAG_S: Final = "ccstream_lag_seconds"
_RESTORE: Final = "ccstream_restore_remaining_records"
_STANDBY: Final = "ccstream_standby_lag_records"
_LATENCY: Final = "ccstream_sync_latency_seconds_bucket"
_COMMIT: Final = "ccstream_commit_duration_seconds_bucket"
_BUILD: Final = "ccstream_build_info"

_NAMES: Final = (
    STEP,
    _EVENTS,
    _REJECTED,
    _LAG,
    _LAG_S,
    _RESTORE,
    _STANDBY,
    _LATENCY,
    _COMMIT,
    _BUILD,
)

_SAMPLE: Final = re.compile(rf"^({'|'.join(_NAMES)})(?:\{{([^}}]*)\}})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"\\]*)"')
"""A worker's own lines, as it writes them: of labels whose values need no escapes. A parser of all
that Prometheus allows takes ten times as long, on the event loop's own core."""


class Sighting(Struct, kw_only=True):
    """One worker, as it said."""

    name: str
    state: str = "unknown"
    version: str = ""
    serving: frozenset[int] = frozenset()
    paused: frozenset[int] = frozenset()
    events: float = 0
    rejected: dict[str, float] = field(default_factory=dict)
    lag_records: dict[int, float] = field(default_factory=dict)
    lag_seconds: dict[int, float] = field(default_factory=dict)
    restoring: dict[int, float] = field(default_factory=dict)
    standby_lag: float = 0
    step_seconds: float = 0
    latency: dict[str, Histogram] = field(default_factory=dict)
    commits: Histogram = field(default_factory=dict)


class Look(NamedTuple):
    """All workers at one time."""

    at: float
    sightings: tuple[Sighting, ...]
    silent: Mapping[str, str]
    """Who did not answer, with why."""


class Fleet:
    """Asks the workers at these addresses, ``host:port`` each."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)
        self._threads = ThreadPoolExecutor(ASKED_AT_ONCE, "ccstream-ask-workers")

    async def look(self, at: float) -> Look:
        """What all say now; ``at`` is the time that it is noted under."""
        loop = asyncio.get_running_loop()

        def run(function: Any, *arguments: Any) -> Any:
            return loop.run_in_executor(self._threads, function, *arguments)

        silent: dict[str, str] = {}
        targets: list[str] = []
        resolved = await asyncio.gather(*(run(_resolve, one) for one in self._addresses))
        for address, found in zip(self._addresses, resolved, strict=True):
            if not found:
                silent[address] = "its name leads nowhere"
            targets.extend(one for one in found if one not in targets)
        for address in targets[WORKERS_MAX:]:
            silent[address] = f"more than {WORKERS_MAX} workers are not asked"
        targets = targets[:WORKERS_MAX]
        answers = await asyncio.gather(*(run(_ask, one) for one in targets))
        seen: list[Sighting] = []
        for address, answer in zip(targets, answers, strict=True):
            if isinstance(answer, str):
                silent[address] = answer
            else:
                seen.extend(answer)
        return Look(at, tuple(seen), silent)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def sightings(address: str, metrics: str, ready: bytes) -> list[Sighting]:
    """The workers behind an address, of which there are several if it has ``--processes``.

    Raises:
        ValueError: what was answered is not what a worker says.
    """
    found: dict[str, Sighting] = {}
    for name, stated, value in _SAMPLE.findall(metrics):
        labels = dict(_LABEL.findall(stated))
        process = labels.get("process", "")
        seen = found.get(process)
        if seen is None:
            seen = found[process] = Sighting(name=f"{address}/{process}" if process else address)
        _note(seen, name, labels, float(value))
    details = orjson.loads(ready)
    if not found or not isinstance(details, dict):
        raise ValueError("no worker's metrics")
    for process, state in details.get("processes", {"": details}).items():
        name = f"{address}/{process}" if process else address
        seen = found.setdefault(process, Sighting(name=name))
        seen.state = str(state.get("state", "unknown"))
        seen.serving = _numbers(state.get("partitions"))
        seen.paused = _numbers(state.get("waiting_for_the_rest_of"))
    for seen in found.values():
        if seen.state == "serving":
            seen.restoring = {}  # what is left there is of a take-over that was called off
    return [found[process] for process in sorted(found)]


def _note(seen: Sighting, name: str, labels: Mapping[str, str], value: float) -> None:
    if name == _EVENTS:
        seen.events += value
    elif name == _REJECTED:
        seen.rejected[labels["reason"]] = value
    elif name == _LAG:
        _add(seen.lag_records, int(labels["partition"]), value)
    elif name == _LAG_S:
        seen.lag_seconds[int(labels["partition"])] = value
    elif name == _RESTORE:
        if value > 0:
            _add(seen.restoring, int(labels["partition"]), value)
    elif name == STEP:
        seen.step_seconds = value
    elif name == _STANDBY:
        seen.standby_lag += value
    elif name == _LATENCY:
        _add(seen.latency.setdefault(labels["aggregate"], {}), float(labels["le"]), value)
    elif name == _COMMIT:
        _add(seen.commits, float(labels["le"]), value)
    elif name == _BUILD:
        seen.version = labels["version"]


def _add(counts: dict[Any, float], key: object, value: float) -> None:
    counts[key] = counts.get(key, 0) + value


def _numbers(stated: Iterable[int] | None) -> frozenset[int]:
    return frozenset(int(number) for number in stated or ())


def _resolve(address: str) -> list[str]:
    """The addresses that a name leads to, those of IPv4 if there are any; none if it does not."""
    host, _, port = address.rpartition(":")
    try:
        entries = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError:
        return []
    # Both families are one worker, which commonly listens on IPv4 alone.
    short = [entry for entry in entries if entry[0] == socket.AF_INET] or entries
    hosts = sorted({str(entry[4][0]) for entry in short})
    return [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in hosts]


def _ask(address: str) -> list[Sighting] | str:
    """The workers at an address, or why there are none."""
    try:
        metrics = _get(address, "/metrics")
        return sightings(address, metrics.decode(), _get(address, "/readyz"))
    except TimeoutError:
        return f"it did not answer within {ANSWER_S:.0f} s"
    except OSError as problem:
        return (problem.strerror or type(problem).__name__).lower()
    except (http.client.HTTPException, AttributeError, KeyError, TypeError, ValueError):
        return "what answers there is no worker"


def _get(address: str, path: str) -> bytes:
    host, _, port = address.rpartition(":")
    # Not urllib: a proxy of the surroundings has no business between gateway and workers.
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ANSWER_S)
    try:
        connection.request("GET", path, headers={"Accept": "text/plain"})
        answer = connection.getresponse()
        content = answer.read(BYTES_MAX + 1)
    finally:
        connection.close()
    if len(content) > BYTES_MAX:
        raise ValueError("too long for a worker's answer")
    return content
