"""How many workers, partitions and brokers a load takes, by what was measured.

Pure arithmetic over the figures of ``capacity.json``, which `benchmarks.figures` writes from the
newest results: each line of the answer names the figure that it follows from, and which of several
limits is the one that is reached. What was not measured is not in it, and is said by `UNMEASURED`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from msgspec import Struct

from ccstream.errors import SettingsError
from ccstream.wire.catalogue import topics
from ccstream.wire.topics import RETENTION_MS

__all__ = ["PARTITION_COUNTS", "UNMEASURED", "Figures", "Line", "Load", "Plan", "plan"]

PARTITION_COUNTS: Final = (8, 12, 24, 48, 96, 144, 192, 288, 384, 576, 768, 1_152, 1_536, 2_304)
"""Counts that many numbers of workers divide: partitions that cannot be shared out evenly make the
busiest worker the limit."""

PARTITIONS_OF_WORKER: Final = 4
"""At least, at the size that is planned for: with one a worker, the fullest partition decides;
benchmarks/simulation shows how the busiest worker comes nearer to the mean."""

ROWS_OF_CUSTOMER: Final = 3
"""Cart, touches, window."""

SEGMENT_BYTES: Final = 1 << 30
"""Kafka's ``log.segment.bytes``: what is in the newest segment is not compacted yet."""

SEGMENT_S: Final = 24 * 3600
"""``segment.ms`` of our compacted topics: as long at most."""

PROCESS_BYTES: Final = 512 << 20
"""A worker without rows: interpreter and libraries, and what librdkafka may prefetch (16 MiB, and
as much of busy inputs) and keep to send (256 MiB)."""

REPLICATION: Final = "replication"
"""What decides how many brokers there are where the load would take fewer than there are copies."""

MEASURED_LINES: Final = 5
"""Of the carts whose memory was measured."""

UNMEASURED: Final = (
    "replication between brokers costs them processor time that is not in here",
    "the figures are of small events of one channel; log-ins send letters, which are events too",
    "absolute figures do not carry over to other machines: give your own with --worker-rate",
)


class Load(Struct, frozen=True, kw_only=True):
    """What is to be carried, and by what.

    Args:
        events_per_second: at the peak.
        average_per_second: over a week, for the disks; the peak, if None.
        customers: of whom something is kept.
        lines: in a customer's cart when something happens to it.
        readers: apps and gateways that read all sync topics.
        replication: copies of each topic.
        standbys: workers that follow each partition.
        worker_gib: memory of one worker.
        broker_cores: of one broker.
        broker_mb_per_second: that one broker's network and disks take, each way.
        busy: the share of each that may be used at the peak; the rest is for catching up.
        growth: how many times as many workers there may once be, since partitions stay.
        cache_rows: ``state.cache_rows_max``.
        worker_rate: events a second that a worker was measured to do on its own core, if known.
    """

    events_per_second: float
    customers: int
    lines: float = 3
    average_per_second: float | None = None
    readers: int = 2
    replication: int = 3
    standbys: int = 0
    worker_gib: float = 4
    broker_cores: int = 8
    broker_mb_per_second: float = 300
    busy: float = 0.6
    growth: float = 2
    cache_rows: int = 8_192
    worker_rate: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            least = 0 if name in {"standbys", "readers"} else 1e-9
            if value is not None and not least <= value < math.inf:
                bound = "a number" if not value < least else "above 0" if least else "at least 0"
                raise SettingsError(f"{name} is {value}; it has to be {bound}")
        if self.busy > 1:
            raise SettingsError(f"busy is {self.busy}; it is a share, at most 1")
        if (self.average_per_second or 0) > self.events_per_second:
            raise SettingsError(
                f"average_per_second is {self.average_per_second:g}, above the peak of "
                f"{self.events_per_second:g} events_per_second"
            )


class Line(Struct, frozen=True, kw_only=True):
    """One line of the answer: how much of what, and from which figure it follows."""

    name: str
    value: float
    unit: str
    because: str


class Plan(Struct, frozen=True, kw_only=True):
    """The answer.

    ``limit`` is what decides how many workers there are, and how many brokers if that is not the
    number of copies. ``workers_busy`` is without the one to spare.
    """

    lines: tuple[Line, ...]
    limit: str
    workers_busy: int
    partitions: int
    brokers: int

    def __getitem__(self, name: str) -> float:
        return next(line.value for line in self.lines if line.name == name)


class Figures(Struct, frozen=True, kw_only=True):
    """What was measured and weighed; ``sources`` says where each figure stands."""

    measured: str
    on: str
    figures: Mapping[str, float]
    sources: Mapping[str, str]
    sizes: Sequence[Mapping[str, int]]

    @classmethod
    def packaged(cls) -> Figures:
        """Those of this version."""
        return _packaged()

    def bytes_of(self, kind: str, lines: float) -> float:
        """What an event on a cart of so many lines makes: ``event``, ``sync`` or ``changelog``."""
        below = max(self.sizes[:-1], key=lambda one: (one["lines"] <= lines, one["lines"]))
        if below["lines"] > lines:
            below = self.sizes[0]
        above = next(one for one in self.sizes if one["lines"] > below["lines"])
        share = (lines - below["lines"]) / (above["lines"] - below["lines"])
        return max(0.0, below[kind] + share * (above[kind] - below[kind]))

    def cite(self, name: str) -> str:
        """A figure with its source."""
        return f"{self.sources[name]} = {self.figures[name]:,g}"


def plan(load: Load, figures: Figures | None = None) -> Plan:
    """What the load takes."""
    known = figures or Figures.packaged()
    workers, limit, worker_lines = _workers(load, known)
    partitions = _partitions(workers, load.growth)
    brokers, brokers_limit, broker_lines = _brokers(load, known, partitions)
    specs = topics("ccstream")
    rows = ROWS_OF_CUSTOMER * load.customers / workers
    lines = [
        Line(name="workers", value=workers + 1, unit="", because=f"{limit}; and one to spare"),
        *worker_lines,
        Line(
            name="partitions",
            value=partitions,
            unit="a topic",
            because=f"{PARTITIONS_OF_WORKER} for each of {load.growth:g} times as many workers; "
            "the number is never changed",
        ),
        Line(
            name="partitions in all",
            value=sum(spec.partition_count(partitions) for spec in specs) * load.replication,
            unit="",
            because=f"{len(specs)} topics, {load.replication} copies",
        ),
        Line(
            name="restore",
            value=rows / known.figures["restore_records_per_second"],
            unit="s",
            because=f"{rows:,.0f} rows of a worker; {known.cite('restore_records_per_second')}",
        ),
        *broker_lines,
    ]
    if brokers_limit != REPLICATION:
        limit = f"{limit}, and the {brokers_limit} of the brokers"
    return Plan(
        lines=tuple(lines),
        limit=limit,
        workers_busy=workers,
        partitions=partitions,
        brokers=brokers,
    )


def _workers(load: Load, known: Figures) -> tuple[int, str, list[Line]]:
    cold = max(0.0, 1 - load.cache_rows / load.customers)
    warm_us, cold_us = known.figures["cpu_s_per_million"], known.figures["cold_cpu_s_per_million"]
    if load.worker_rate is None:
        rate = 1e6 / (warm_us + cold * (cold_us - warm_us))
        why = (
            f"{known.cite('cpu_s_per_million')} s where a row is decoded already, "
            f"{known.cite('cold_cpu_s_per_million')} s for the {cold:.0%} of customers beyond "
            f"state.cache_rows_max, as if all were equally active"
        )
    else:
        rate, why = load.worker_rate, "as you say"
    row = known.figures["bytes_per_cart"] + (
        known.bytes_of("changelog", load.lines) - known.bytes_of("changelog", MEASURED_LINES)
    )
    row = max(row, known.bytes_of("changelog", load.lines))
    held = load.customers * row * (1 + load.standbys)
    by_processor = math.ceil(load.events_per_second / (rate * load.busy))
    by_memory = math.ceil(held / max(1.0, load.worker_gib * 2**30 - PROCESS_BYTES))
    workers = max(1, by_processor, by_memory)
    limit = "processor of the workers" if by_processor >= by_memory else "memory of the workers"
    return (
        workers,
        limit,
        [
            Line(name="events of a worker", value=rate, unit="/s on a core", because=why),
            Line(
                name="memory of a worker",
                value=(held / workers + PROCESS_BYTES) / 2**30,
                unit="GiB",
                because=f"{row:,.0f} bytes a customer; {known.cite('bytes_per_cart')} with "
                f"{MEASURED_LINES} lines",
            ),
        ],
    )


def _partitions(workers: int, growth: float) -> int:
    wanted = math.ceil(workers * growth * PARTITIONS_OF_WORKER)
    last = PARTITION_COUNTS[-1]
    return next((count for count in PARTITION_COUNTS if count >= wanted), last * -(-wanted // last))


def _brokers(load: Load, known: Figures, partitions: int) -> tuple[int, str, list[Line]]:
    event, sync, changelog = (
        known.bytes_of(kind, load.lines) for kind in ("event", "sync", "changelog")
    )
    rate, copies = load.events_per_second, load.replication
    written = rate * (event + sync + changelog)
    received = written * copies
    sent = written * (copies - 1) + rate * (event + load.readers * sync + load.standbys * changelog)
    cores = rate * known.figures["broker_cpu_s_per_million"] / 1e6
    mb = max(received, sent) / 1e6
    counts = {
        "processor": math.ceil(cores / (load.broker_cores * load.busy)),
        "network": math.ceil(mb / (load.broker_mb_per_second * load.busy)),
        REPLICATION: copies,
    }
    limit = max(counts, key=lambda name: counts[name])
    brokers = counts[limit]
    lines = [
        Line(
            name="brokers",
            value=brokers,
            unit="",
            because=f"{limit}; "
            + ", ".join(f"{count} by {name}" for name, count in counts.items()),
        ),
        Line(
            name="cores of brokers",
            value=cores,
            unit="",
            because=known.cite("broker_cpu_s_per_million") + " s",
        ),
        Line(
            name="received by brokers",
            value=received / 1e6,
            unit="MB/s",
            because=f"{event:,.0f} bytes an event, {sync:,.0f} its sync events, {changelog:,.0f} "
            f"its rows, uncompressed, {copies} copies",
        ),
        Line(
            name="sent by brokers",
            value=sent / 1e6,
            unit="MB/s",
            because=f"followers, workers, and {load.readers} readers of all sync events",
        ),
        Line(
            name="disk of brokers",
            value=_disk(load, event, sync + changelog, partitions) / 1e9,
            unit="GB",
            because="a week of events, the last record of every row, and a day that is not "
            "compacted yet",
        ),
    ]
    return brokers, limit, lines


def _disk(load: Load, event: float, rows: float, partitions: int) -> float:
    rate = load.events_per_second if load.average_per_second is None else load.average_per_second
    inputs = rate * event * RETENTION_MS / 1000
    # At most a segment for each partition of each compacted topic, if it fills within the day.
    fresh = rate * rows * SEGMENT_S
    compacted = [spec for spec in topics("ccstream") if spec.compacted]
    most = partitions * len(compacted) * SEGMENT_BYTES
    return load.replication * (inputs + load.customers * rows + min(fresh, most))


@cache
def _packaged() -> Figures:
    text = files("ccstream.ops").joinpath("capacity.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return Figures(**document)
