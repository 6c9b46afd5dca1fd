"""Metrics as Prometheus reads them, written quickly.

While a scrape is written the engine's thread cannot run. prometheus_client takes 15 to 25 µs a
series, which of a worker with 64 partitions is a tenth of a second each time; what stays the same
of a line, all but its number, is kept here from one scrape to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final, Protocol, runtime_checkable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ccstream.ops.metric_spec import MetricSpec

__all__ = ["CONTENT_TYPE", "Lines", "Registry", "Source", "Written", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPED: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@runtime_checkable
class Written(Protocol):
    """What writes its metrics by itself."""

    def exposition(self) -> bytes:
        """All of it, in Prometheus' text format."""


class Registry(CollectorRegistry):
    """A registry whose collectors write by themselves, those that can."""

    def __init__(self) -> None:
        super().__init__()
        self._registered: list[Collector] = []

    def register(self, collector: Collector) -> None:
        super().register(collector)
        self._registered.append(collector)

    def exposition(self) -> bytes:
        return b"".join(map(exposition, self._registered))


Source = Collector | Written
"""Whose metrics there are."""


def exposition(source: Source) -> bytes:
    """What ``source`` has, in Prometheus' text format."""
    return source.exposition() if isinstance(source, Written) else generate_latest(source)


class Lines:
    """The lines of metrics of the table, by their labels' values; one thread at a time."""

    def __init__(self) -> None:
        self._heads: dict[str, str] = {}
        self._starts: dict[tuple[str, tuple[str, ...]], str] = {}
        self._histogram_starts: dict[tuple[str, tuple[str, ...]], list[str]] = {}

    def values(self, spec: MetricSpec, series: Mapping[tuple[str, ...], float]) -> Iterator[str]:
        """Of a counter or gauge."""
        yield self._head(spec)
        starts, name = self._starts, spec.name
        for labels, value in series.items():
            start = starts.get((name, labels))
            if start is None:
                start = starts[name, labels] = f"{name}{_written(spec.labels, labels)} "
            yield f"{start}{float(value)!r}\n"

    def histograms(
        self, spec: MetricSpec, series: Mapping[tuple[str, ...], tuple[list[int], float]]
    ) -> Iterator[str]:
        """Of a histogram: how many are in each bucket, the last one +Inf, and their sum."""
        yield self._head(spec)
        for labels, (counts, total) in series.items():
            starts = self._histogram_starts.get((spec.name, labels))
            if starts is None:
                starts = _histogram_starts(spec, labels)
                self._histogram_starts[spec.name, labels] = starts
            cumulated = list(accumulate(counts))
            for start, value in zip(starts, (*cumulated, cumulated[-1]), strict=False):
                yield f"{start}{value}\n"
            yield f"{starts[-1]}{total!r}\n"

    def _head(self, spec: MetricSpec) -> str:
        head = self._heads.get(spec.name)
        if head is None:
            meaning = spec.help.replace("\\", r"\\").replace("\n", r"\n")
            head = f"# HELP {spec.name} {meaning}\n# TYPE {spec.name} {spec.kind}\n"
            self._heads[spec.name] = head
        return head


def _histogram_starts(spec: MetricSpec, values: tuple[str, ...]) -> list[str]:
    """Of its buckets, of its count and of its sum."""
    names = (*spec.labels, "le")
    edges = (*map(floatToGoString, spec.buckets), "+Inf")
    own = _written(spec.labels, values)
    return [
        *(f"{spec.name}_bucket{_written(names, (*values, edge))} " for edge in edges),
        f"{spec.name}_count{own} ",
        f"{spec.name}_sum{own} ",
    ]


def _written(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    pairs = sorted(zip(names, values, strict=True))
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in pairs) + "}"
