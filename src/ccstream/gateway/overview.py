"""From looks at the workers to what somebody wants to know who was just woken.

Pure: two looks in, one document out. Rates and latencies are of the time between them; of one look
alone they are not known, and nothing stands in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from ccstream.gateway.fleet import Histogram, Look, Sighting

__all__ = [
    "LAG_BAD_S",
    "LAG_KNOWN_S",
    "Concern",
    "Overview",
    "PartitionRow",
    "RejectedCount",
    "SilentWorker",
    "SyncLatency",
    "WorkerRow",
    "overview",
    "quantile",
]

LAG_KNOWN_S: Final = 1.0
"""The objective is a second; more is worth a word."""

HANGS_S: Final = 10.0
"""A turn takes milliseconds, and some seconds where a commit is waited for."""

LAG_BAD_S: Final = 60.0
"""As the alert CcstreamLagGrowing has it."""

WITHIN_S: Final = 1.0
WITHIN_SHARE: Final = 0.99
"""The objective: so many sync events within so long."""

SERVING: Final = "serving"


class WorkerRow(Struct, frozen=True, kw_only=True):
    """A worker that answered."""

    name: str
    state: str
    version: str
    partitions: tuple[int, ...]
    lag_records: int
    lag_seconds: float
    restore_remaining: int
    standby_lag: int
    step_seconds: float
    events_per_second: float | None
    commit_p99_seconds: float | None


class PartitionRow(Struct, frozen=True, kw_only=True):
    """A partition number. ``state`` is serving, paused, restoring or unserved."""

    number: int
    state: str
    workers: tuple[str, ...]
    lag_records: int | None
    lag_seconds: float | None
    restore_remaining: int


class SyncLatency(Struct, frozen=True, kw_only=True):
    """From the time of an event to its sync event, of one table: each at most so long."""

    aggregate: str
    events: int
    p50_seconds: float | None
    p99_seconds: float | None
    within_objective: float | None


class RejectedCount(Struct, frozen=True, kw_only=True):
    """Dead letters of one reason, since the workers started and lately."""

    reason: str
    total: int
    recent: int | None


class SilentWorker(Struct, frozen=True, kw_only=True):
    """A worker that did not answer."""

    address: str
    reason: str


class Concern(Struct, frozen=True, kw_only=True):
    """Something to look at; ``runbook`` is its heading in docs/operations.md."""

    level: str
    text: str
    runbook: str


class Overview(Struct, frozen=True, kw_only=True):
    """Everything on the page. ``level``: ok, warn or bad."""

    level: str
    concerns: tuple[Concern, ...]
    window_seconds: float | None
    events_per_second: float | None
    workers: tuple[WorkerRow, ...]
    silent: tuple[SilentWorker, ...]
    partitions: tuple[PartitionRow, ...]
    latency: tuple[SyncLatency, ...]
    rejected: tuple[RejectedCount, ...]


def overview(now: Look, before: Look | None, partitions: int) -> Overview:
    """What there is to see.

    Args:
        now: the newest look.
        before: one some time ago; None if there was none.
        partitions: how many partition numbers there are.
    """
    seconds = None if before is None or now.at <= before.at else now.at - before.at
    earlier = (
        {} if before is None or seconds is None else {one.name: one for one in before.sightings}
    )
    pairs = [(one, earlier.get(one.name)) for one in now.sightings]
    workers = tuple(_worker(one, old, seconds) for one, old in pairs)
    rates = [one.events_per_second for one in workers if one.events_per_second is not None]
    numbers = _partitions(now.sightings, partitions)
    latency = _latency(pairs, seconds)
    rejected = _rejected(pairs, seconds)
    silent = tuple(
        SilentWorker(address=name, reason=why) for name, why in sorted(now.silent.items())
    )
    found = _concerns(workers, silent, numbers, latency, rejected)
    concerns = tuple(sorted(found, key=lambda one: one.level != "bad"))
    levels = {one.level for one in concerns}
    return Overview(
        level="bad" if "bad" in levels else "warn" if levels else "ok",
        concerns=concerns,
        window_seconds=None if seconds is None else round(seconds, 1),
        events_per_second=round(sum(rates), 1) if rates else None,
        workers=workers,
        silent=silent,
        partitions=numbers,
        latency=latency,
        rejected=rejected,
    )


def quantile(counts: Histogram, share: float) -> float | None:
    """The edge that so great a share of the values is at most; None beyond the last, or of none."""
    edges = sorted(counts)
    if not edges or counts[edges[-1]] <= 0:
        return None
    wanted = share * counts[edges[-1]]
    found = next(edge for edge in edges if counts[edge] >= wanted)
    return None if found == float("inf") else found


def _worker(one: Sighting, old: Sighting | None, seconds: float | None) -> WorkerRow:
    rate = None
    if old is not None and seconds is not None:
        rate = round(_grown(one.events, old.events) / seconds, 1)
    return WorkerRow(
        name=one.name,
        state=one.state,
        version=one.version,
        partitions=tuple(sorted(one.serving)),
        lag_records=round(sum(one.lag_records.values())),
        lag_seconds=round(max(one.lag_seconds.values(), default=0.0), 1),
        restore_remaining=round(sum(one.restoring.values())),
        standby_lag=round(one.standby_lag),
        step_seconds=round(one.step_seconds, 1),
        events_per_second=rate,
        commit_p99_seconds=None
        if old is None
        else quantile(_difference(one.commits, old.commits), 0.99),
    )


def _partitions(sightings: Sequence[Sighting], count: int) -> tuple[PartitionRow, ...]:
    known = [number for one in sightings for number in (*one.serving, *one.paused, *one.restoring)]
    return tuple(_partition(sightings, number) for number in range(max([count - 1, *known]) + 1))


def _partition(sightings: Sequence[Sighting], number: int) -> PartitionRow:
    owners = [one for one in sightings if number in one.serving and number not in one.paused]
    restoring = [one for one in sightings if number in one.restoring]
    paused = [one for one in sightings if number in one.paused]
    holders, state = next(
        (
            (found, state)
            for found, state in ((owners, SERVING), (restoring, "restoring"), (paused, "paused"))
            if found
        ),
        ([], "unserved"),
    )
    return PartitionRow(
        number=number,
        state=state,
        workers=tuple(one.name for one in holders),
        lag_records=round(sum(one.lag_records.get(number, 0) for one in owners))
        if owners
        else None,
        lag_seconds=round(max(one.lag_seconds.get(number, 0) for one in owners), 1)
        if owners
        else None,
        restore_remaining=round(sum(one.restoring.get(number, 0) for one in restoring)),
    )


def _latency(
    pairs: Sequence[tuple[Sighting, Sighting | None]], seconds: float | None
) -> tuple[SyncLatency, ...]:
    sums: dict[str, Histogram] = {}
    for one, old in pairs:
        for aggregate, counts in one.latency.items():
            total = sums.setdefault(aggregate, {})
            if seconds is not None and old is not None:
                for edge, count in _difference(counts, old.latency.get(aggregate, {})).items():
                    total[edge] = total.get(edge, 0) + count
    return tuple(_latency_of(name, counts) for name, counts in sorted(sums.items()))


def _latency_of(aggregate: str, counts: Histogram) -> SyncLatency:
    events = counts.get(float("inf"), 0)
    return SyncLatency(
        aggregate=aggregate,
        events=round(events),
        p50_seconds=quantile(counts, 0.5),
        p99_seconds=quantile(counts, 0.99),
        within_objective=round(counts.get(WITHIN_S, 0) / events, 4) if events else None,
    )


def _rejected(
    pairs: Sequence[tuple[Sighting, Sighting | None]], seconds: float | None
) -> tuple[RejectedCount, ...]:
    total: dict[str, float] = {}
    recent: dict[str, float] = {}
    for one, old in pairs:
        for reason, count in one.rejected.items():
            total[reason] = total.get(reason, 0) + count
            if old is not None:
                grown = _grown(count, old.rejected.get(reason, 0))
                recent[reason] = recent.get(reason, 0) + grown
    rows = [
        RejectedCount(
            reason=reason,
            total=round(count),
            recent=None if seconds is None else round(recent.get(reason, 0)),
        )
        for reason, count in total.items()
        if count
    ]
    return tuple(sorted(rows, key=lambda one: (-one.total, one.reason)))


def _concerns(
    workers: Sequence[WorkerRow],
    silent: Sequence[SilentWorker],
    partitions: Sequence[PartitionRow],
    latency: Sequence[SyncLatency],
    rejected: Sequence[RejectedCount],
) -> Iterable[Concern]:
    if not workers:
        text = "No worker answers, so nothing is known but that."
        yield Concern(level="bad", text=text, runbook="CcstreamWorkerDown")
        return
    for one in silent:
        text = f"Worker {one.address} is silent: {one.reason}."
        yield Concern(level="bad", text=text, runbook="CcstreamWorkerDown")
    for worker in workers:
        if worker.state != SERVING:
            text = f"Worker {worker.name} is not serving: {worker.state}."
            yield Concern(level="warn", text=text, runbook="CcstreamWorkerRestarts")
        if worker.step_seconds > HANGS_S:
            text = f"Worker {worker.name} hangs: at one step for {worker.step_seconds:,.0f} s."
            yield Concern(level="bad", text=text, runbook="CcstreamWorkerHangs")
    for state, what, runbook in (
        ("unserved", "served by no worker that answers", "CcstreamWorkerDown"),
        ("paused", "spread over workers of two versions, and waiting", "CcstreamPartitionPaused"),
        ("restoring", "being restored", "CcstreamRestoreTooLong"),
    ):
        found = [one.number for one in partitions if one.state == state]
        if found:
            level = "warn" if state == "restoring" else "bad"
            yield Concern(level=level, text=f"{_named(found)} {what}.", runbook=runbook)
    late = [one for one in partitions if (one.lag_seconds or 0) > LAG_KNOWN_S]
    if late:
        worst = max(one.lag_seconds or 0 for one in late)
        text = f"{_named([one.number for one in late])} behind, by {worst:,.0f} s at most."
        level = "bad" if worst > LAG_BAD_S else "warn"
        yield Concern(level=level, text=text, runbook="CcstreamLagGrowing")
    slow = [
        one.aggregate
        for one in latency
        if one.within_objective is not None and one.within_objective < WITHIN_SHARE
    ]
    if slow:
        text = f"Fewer than 99 % of sync events are within 1 s: {', '.join(slow)}."
        yield Concern(level="warn", text=text, runbook="CcstreamSyncLateFast")
    lately = sum(one.recent or 0 for one in rejected)
    if lately:
        text = f"{lately:,} event{'s were' if lately > 1 else ' was'} rejected in the last minute."
        yield Concern(level="warn", text=text, runbook="CcstreamDeadLetters")
    versions = sorted({one.version for one in workers if one.version})
    if len(versions) > 1:
        text = f"Workers of several versions run: {', '.join(versions)}."
        yield Concern(level="warn", text=text, runbook="CcstreamPartitionPaused")


def _named(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"Partitions {listed} are" if len(numbers) > 1 else f"Partition {listed} is"


def _difference(new: Histogram, old: Histogram) -> Histogram:
    """What came since; all of it, if the worker started anew meanwhile."""
    last = max(new, default=0.0)
    if new.get(last, 0) < old.get(last, 0):
        return dict(new)
    return {edge: count - old.get(edge, 0) for edge, count in new.items()}


def _grown(new: float, old: float) -> float:
    return new - old if new >= old else new
