"""What ccstream measures: one table, and the object that holds the figures.

Dashboards, alerts and docs/metrics.md use only names of this table. The engine counts a
chunk at a time, from plain dicts and lists; the exposition is prometheus_client's. A label
never holds anything of a customer: no key, no identifier, no value.

`Metrics` is a prometheus_client collector rather than a set of its counters, because one of
those costs about as much per event as folding the event; here a chunk of some thousand
latencies is bucketed by `bisect` and added under one lock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, product
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ccstream import __version__
from ccstream.domain import reasons
from ccstream.ops.exposition import Lines
from ccstream.ops.metric_spec import DURATION_BUCKETS, MetricSpec
from ccstream.ops.metrics_engine import ENGINE_METRICS, LOOKUPS
from ccstream.ops.metrics_events import EVENT_METRICS, NO_CHANNELS, OUTCOMES
from ccstream.ops.metrics_gateway import GATEWAY_METRICS
from ccstream.ops.metrics_heartbeat import HEARTBEAT_METRICS
from ccstream.ops.metrics_privacy import ERASURE_OUTCOMES, PRIVACY_METRICS
from ccstream.ops.metrics_process import registry_of_the_process
from ccstream.wire.catalogue import EVENT_TYPES, TABLES

__all__ = ["METRICS", "OTHER", "OUTCOMES", "MetricSpec", "Metrics"]

Labels = tuple[str, ...]

LINK_OUTCOMES: Final = ("merged", "moved", "split", "conflict")
OTHER: Final = "other"


RESTORE_BUCKETS: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)
CHUNK_BUCKETS: Final = (1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 8_000.0)

METRICS: Final[Mapping[str, MetricSpec]] = {
    spec.name: spec
    for spec in (
        *EVENT_METRICS,
        MetricSpec(
            name="ccstream_chunk_records",
            kind="histogram",
            unit="records",
            buckets=CHUNK_BUCKETS,
            help="Records folded at a time.",
        ),
        MetricSpec(
            name="ccstream_chunk_duration_seconds",
            kind="histogram",
            unit="seconds",
            buckets=DURATION_BUCKETS,
            help="Time to fold a chunk and hand its outputs to the producer.",
        ),
        MetricSpec(
            name="ccstream_commit_duration_seconds",
            kind="histogram",
            unit="seconds",
            buckets=DURATION_BUCKETS,
            help="Time to commit: rows, mail and offsets, with a pause of 40 ms at most.",
        ),
        MetricSpec(
            name="ccstream_commit_failures_total",
            kind="counter",
            unit="commits",
            help="Commits that failed; each ends the worker, and its supervisor restarts it.",
        ),
        MetricSpec(
            name="ccstream_rebalances_total",
            kind="counter",
            unit="rebalances",
            help="Times that the group's partitions were assigned anew.",
        ),
        MetricSpec(
            name="ccstream_lag_records",
            kind="gauge",
            unit="records",
            labels=("topic", "partition"),
            help="Records of an input that are stored and not yet folded.",
        ),
        MetricSpec(
            name="ccstream_lag_seconds",
            kind="gauge",
            unit="seconds",
            labels=("partition",),
            help="How long a record of an input has waited to be folded, at most; 0 where none "
            "waits. What was stored before the worker began to serve counts from then.",
        ),
        MetricSpec(
            name="ccstream_restore_remaining_records",
            kind="gauge",
            unit="records",
            labels=("table", "partition"),
            help="Changelog offsets still to be read before the partition is served.",
        ),
        MetricSpec(
            name="ccstream_restore_records_total",
            kind="counter",
            unit="records",
            help="Changelog records read while restoring.",
        ),
        MetricSpec(
            name="ccstream_restore_duration_seconds",
            kind="histogram",
            unit="seconds",
            buckets=RESTORE_BUCKETS,
            help="Time from the assignment of partitions to their being served.",
        ),
        MetricSpec(
            name="ccstream_standby_lag_records",
            kind="gauge",
            unit="records",
            labels=("table", "partition"),
            help="Changelog offsets that a standby has still to read, of partitions that another "
            "worker owns.",
        ),
        MetricSpec(
            name="ccstream_producer_queue_records",
            kind="gauge",
            unit="records",
            help="Records handed to the producer and not yet acknowledged by the broker.",
        ),
        MetricSpec(
            name="ccstream_store_rows",
            kind="gauge",
            unit="rows",
            labels=("table",),
            help="Rows held by this worker.",
        ),
        MetricSpec(
            name="ccstream_partition_paused",
            kind="gauge",
            unit="boolean",
            labels=("partition",),
            help="1 while this worker holds only a part of the partition's topics, and waits.",
        ),
        MetricSpec(
            name="ccstream_mail_total",
            kind="counter",
            unit="records",
            labels=("kind",),
            help="Mail sent from entity to entity, by kind.",
        ),
        *ENGINE_METRICS,
        MetricSpec(
            name="ccstream_links_total",
            kind="counter",
            unit="identifiers",
            labels=("outcome",),
            help="Accounts, cards and addresses that were linked: merged (now an alias), moved (to "
            "another root), split (on its own again), conflict (a link passed over: it "
            "would join two accounts, or what is kept apart).",
        ),
        MetricSpec(
            name="ccstream_build_info",
            kind="gauge",
            unit="info",
            labels=("version",),
            help="1, with the version that runs.",
        ),
        *GATEWAY_METRICS,
        *PRIVACY_METRICS,
        *HEARTBEAT_METRICS,
    )
}


class _Histogram:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)  # the last one is +Inf
        self.total = 0.0


class Metrics(Collector):
    """The figures of one worker. Every method may be called from any thread.

    Args:
        registry: where to register; a new one, with the process's own figures, if None.
        channels: the only values that a label ``channel`` may take, any other is counted
            as ``other``: what a channel writes into its events must not grow the memory of
            the worker and of Prometheus. None admits all. Of these every outcome of every type,
            of every reason to reject, outcome of a link or an erasure and table a count begins at
            0, as a rate needs one to begin at; what has no labels begins at 0 anyway.
        only: the metrics that this process has; all of the table if None.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        channels: Collection[str] | None = None,
        only: Collection[str] | None = None,
    ) -> None:
        if registry is None:
            registry = registry_of_the_process()
        self.registry = registry
        self._channels = None if channels is None else frozenset(channels)
        self._lock = Lock()
        self._writing = Lock()
        self._lines = Lines()
        self._known: set[tuple[str, Labels]] = set()
        self._watched: dict[str, Callable[[], float]] = {}
        self._values: dict[str, dict[Labels, float]] = {
            name: {} for name, spec in METRICS.items() if spec.kind != "histogram"
        }
        self._histograms: dict[str, dict[Labels, _Histogram]] = {
            name: {} for name, spec in METRICS.items() if spec.kind == "histogram"
        }
        self._shown = METRICS if only is None else {name: METRICS[name] for name in only}
        for name, spec in self._shown.items():
            if spec.kind == "counter" and not spec.labels:
                self.add(name, (), 0)
            elif spec.kind == "histogram" and not spec.labels:
                self.observe_many(name, (), ())
        if channels:
            self._begin_at_zero(sorted(set(channels) - NO_CHANNELS))
        self.set("ccstream_build_info", (__version__,), 1)
        registry.register(self)

    def _begin_at_zero(self, channels: Iterable[str]) -> None:
        types = [kind.__name__ for kind in EVENT_TYPES]
        known: Mapping[str, Iterable[Labels]] = {
            "ccstream_events_total": product(channels, types, OUTCOMES),
            "ccstream_rejected_total": product(
                getattr(reasons, name) for name in sorted(reasons.__all__)
            ),
            "ccstream_links_total": product(LINK_OUTCOMES),
            "ccstream_erasures_total": product(ERASURE_OUTCOMES),
            "ccstream_store_lookups_total": product(TABLES, LOOKUPS),
        }
        for name, series in known.items():
            self.add_many(name, dict.fromkeys(series, 0))

    def add(self, name: str, labels: Sequence[str] = (), amount: float = 1) -> None:
        """Add to a counter, or to a gauge."""
        key = self._key(name, labels)
        series = self._values[name]
        with self._lock:
            series[key] = series.get(key, 0) + amount

    def add_many(self, name: str, amounts: Mapping[Labels, float]) -> None:
        """Add a chunk's counts to a counter, by label values."""
        for labels, amount in amounts.items():
            self.add(name, labels, amount)

    def set(self, name: str, labels: Sequence[str], value: float) -> None:
        """Set a gauge."""
        key = self._key(name, labels)
        with self._lock:
            self._values[name][key] = value

    def watch(self, name: str, look: Callable[[], float]) -> None:
        """Have a gauge without labels looked at whenever somebody asks: what its owner cannot
        tell because it hangs is seen from outside.
        """
        self._key(name, ())
        self._watched[name] = look

    def remove(self, name: str, labels: Sequence[str]) -> None:
        """Forget a series: a partition that went to another worker has no lag here."""
        key = self._key(name, labels)
        with self._lock:
            self._values[name].pop(key, None)

    def observe(self, name: str, labels: Sequence[str], value: float) -> None:
        """Count one value into a histogram."""
        self.observe_many(name, labels, (value,))

    def observe_many(
        self, name: str, labels: Sequence[str], values: Iterable[float], scale: float = 1.0
    ) -> None:
        """Count many values into a histogram at once.

        Args:
            name: a histogram of the table.
            labels: the label values, in the table's order.
            values: what was measured, in units of ``scale`` times the metric's unit:
                milliseconds for a metric in seconds with ``scale=0.001``. Negative values
                (a channel's clock ahead of ours) count as 0.
        """
        key = self._key(name, labels)
        edges = _edges(METRICS[name].buckets, scale)
        ordered = sorted(values)  # so that there is something to do for each edge, not each value
        total = sum(ordered[bisect_right(ordered, 0) :]) * scale
        up_to = [bisect_right(ordered, edge) for edge in edges]
        with self._lock:
            histogram = self._histograms[name].get(key)
            if histogram is None:
                histogram = self._histograms[name][key] = _Histogram(len(edges))
            before = 0
            for place, count in enumerate((*up_to, len(ordered))):
                histogram.counts[place] += count - before
                before = count
            histogram.total += total

    def value(self, name: str, labels: Sequence[str] = ()) -> float:
        """What a counter or gauge stands at; for a histogram, how many it has counted."""
        key = self._key(name, labels)
        with self._lock:
            if name in self._histograms:
                histogram = self._histograms[name].get(key)
                return sum(histogram.counts) if histogram else 0
            return self._values[name].get(key, 0)

    def _key(self, name: str, labels: Sequence[str]) -> Labels:
        key = tuple(labels)
        if (name, key) in self._known:
            return key
        spec = METRICS.get(name)
        if spec is None:
            raise ValueError(f"{name} is not in the table of metrics")
        if len(key) != len(spec.labels):
            raise ValueError(f"{name} has the labels {spec.labels}, not {len(key)} values")
        if self._channels is not None and "channel" in spec.labels:
            place = spec.labels.index("channel")
            if key[place] not in self._channels:
                return (*key[:place], OTHER, *key[place + 1 :])
        self._known.add((name, key))
        return key

    def exposition(self) -> bytes:
        """All of it, in Prometheus' text format: as `collect` has it, and sooner."""
        values, histograms = self._looked_at()
        written: list[str] = []
        with self._writing:
            for name, spec in self._shown.items():
                if spec.kind == "histogram":
                    written.extend(self._lines.histograms(spec, histograms[name]))
                else:
                    written.extend(self._lines.values(spec, values[name]))
        return "".join(written).encode()

    def _looked_at(
        self,
    ) -> tuple[dict[str, dict[Labels, float]], dict[str, dict[Labels, tuple[list[int], float]]]]:
        for name, look in self._watched.items():
            self.set(name, (), look())
        with self._lock:
            values = {name: dict(series) for name, series in self._values.items()}
            histograms = {
                name: {key: (list(one.counts), one.total) for key, one in series.items()}
                for name, series in self._histograms.items()
            }
        return values, histograms

    def collect(self) -> Iterator[Metric]:
        values, histograms = self._looked_at()
        for name, spec in self._shown.items():
            if spec.kind == "histogram":
                yield _histogram_family(spec, histograms[name])
            else:
                family = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
                metric = family(name, spec.help, labels=spec.labels)
                for key, value in values[name].items():
                    metric.add_metric(key, value)
                yield metric


@lru_cache(maxsize=64)
def _edges(buckets: tuple[float, ...], scale: float) -> list[float]:
    # Rounded, as 0.003 / 0.001 is a little less than 3, which would put 3 ms a bucket up.
    return [round(edge / scale, 6) for edge in buckets]


def _histogram_family(
    spec: MetricSpec, series: Mapping[Labels, tuple[list[int], float]]
) -> HistogramMetricFamily:
    metric = HistogramMetricFamily(spec.name, spec.help, labels=spec.labels)
    edges = [*map(floatToGoString, spec.buckets), "+Inf"]
    for key, (counts, total) in series.items():
        cumulated = accumulate(counts)
        metric.add_metric(key, list(zip(edges, cumulated, strict=True)), total)
    return metric
