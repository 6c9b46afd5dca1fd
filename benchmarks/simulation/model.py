"""The model: partitions fill, workers fold chunks, and a coordinator moves partitions.

Time passes from event to event (a heap of them), so that a run is the same for the same seed.
Events of a partition are in one queue, in order, as batches of one arrival time; a worker takes a
chunk from all of its partitions in turn, and is busy for its cost.

=============  =================================================================================
restart        a worker ends well and is back after ``down_s``; nobody else notices (static)
crash          it is gone: after the session time-out all stop, its partitions go to the others,
               who take them over, and fold again
=============  =================================================================================
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise

__all__ = ["Incident", "Outcome", "Setup", "Simulation"]

TICK_S = 0.02
"""Between arrivals of a partition; shorter than the fetches of a worker under load."""

KEPT_UP_S = 1.0
"""Who waits less than the objective does not count as behind."""


@dataclass(frozen=True)
class Incident:
    """Something that happens to a worker: ``restart`` or ``crash``."""

    at_s: float
    kind: str
    worker: int
    down_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is simulated.

    Args:
        weights: each partition's share of the events; they add up to 1.
        workers: how many there are; partitions are shared out evenly, in runs.
        rate: events a second, of all.
        event_s: a worker's time for an event.
        chunk_s: a worker's time for a chunk, whatever is in it.
        chunk_records: most events of a chunk.
        seconds: how long events come.
        session_s: after which a silent member is dead.
        rebalance_s: how long nobody folds in a rebalance.
        take_over_s: how long a partition that moved is read before it is folded.
        incidents: what happens.
        seed: of the arrivals.
    """

    weights: Sequence[float]
    workers: int
    rate: float
    event_s: float = 60e-6
    chunk_s: float = 1e-3
    chunk_records: int = 500
    seconds: float = 30.0
    session_s: float = 10.0
    rebalance_s: float = 0.5
    take_over_s: float = 1.0
    incidents: tuple[Incident, ...] = ()
    seed: int = 1


@dataclass
class Outcome:
    """What came of it. Waits are from arrival to being folded, by 10 ms."""

    arrived: int = 0
    folded: int = 0
    waits: Counter[int] = field(default_factory=Counter)
    worst: dict[int, float] = field(default_factory=dict)
    of_worker: list[int] = field(default_factory=list)
    behind_until_s: float = 0.0

    def quantile(self, share: float) -> float:
        """So many of the events waited at most so long, in seconds."""
        left = share * self.folded
        for hundredths, events in sorted(self.waits.items()):
            left -= events
            if left <= 0:
                return hundredths / 100
        return 0.0

    @property
    def imbalance(self) -> float:
        """How many times the mean's events the busiest worker has folded."""
        return max(self.of_worker) * len(self.of_worker) / sum(self.of_worker)


class _Worker:
    def __init__(self, partitions: list[int]) -> None:
        self.partitions = partitions
        self.up = True
        self.folding = False
        self.next = 0
        self.folded = 0


class Simulation:
    """One run."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._random = random.Random(setup.seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._queues: list[deque[list[float]]] = [deque() for _ in setup.weights]
        self._ready_at = [0.0] * len(setup.weights)
        self._paused_until = 0.0
        self.now = 0.0
        self.outcome = Outcome(worst=dict.fromkeys(range(len(setup.weights)), 0.0))
        total = len(setup.weights)
        bounds = [number * total // setup.workers for number in range(setup.workers + 1)]
        self._workers = [_Worker(list(range(start, end))) for start, end in pairwise(bounds)]

    def run(self) -> Outcome:
        """Let events come for the time set, and everything be folded."""
        for partition in range(len(self._queues)):
            self._at(self._random.random() * TICK_S, lambda one=partition: self._arrive(one))
        for incident in self._setup.incidents:
            happen = self._restart if incident.kind == "restart" else self._crash
            self._at(incident.at_s, lambda what=happen, one=incident: what(one))
        while self._events:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
        self.outcome.of_worker = [worker.folded for worker in self._workers]
        return self.outcome

    def _at(self, time_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_s, next(self._numbers), happens))

    def _arrive(self, partition: int) -> None:
        events = self._poisson(self._setup.rate * self._setup.weights[partition] * TICK_S)
        if events:
            self._queues[partition].append([events, self.now])
            self.outcome.arrived += events
            owner = next((one for one in self._workers if partition in one.partitions), None)
            if owner is not None:
                self._fold(owner)
        if self.now + TICK_S < self._setup.seconds:
            self._at(self.now + TICK_S, lambda: self._arrive(partition))

    def _fold(self, worker: _Worker) -> None:
        if not worker.up or worker.folding or self.now < self._paused_until:
            return
        taken: list[tuple[int, int, float]] = []
        room = self._setup.chunk_records
        for step in range(len(worker.partitions)):
            partition = worker.partitions[(worker.next + step) % len(worker.partitions)]
            queue = self._queues[partition]
            while queue and room and self._ready_at[partition] <= self.now:
                batch = queue[0]
                events = min(room, int(batch[0]))
                taken.append((partition, events, batch[1]))
                room -= events
                batch[0] -= events
                if not batch[0]:
                    queue.popleft()
        if not taken:
            return
        worker.next += 1
        worker.folding = True
        events = self._setup.chunk_records - room
        cost = self._setup.chunk_s + events * self._setup.event_s
        self._at(self.now + cost, lambda: self._folded(worker, taken))

    def _folded(self, worker: _Worker, taken: list[tuple[int, int, float]]) -> None:
        worker.folding = False
        if worker.up:
            outcome = self.outcome
            for partition, events, arrived in taken:
                waited = self.now - arrived
                outcome.folded += events
                worker.folded += events
                outcome.waits[int(waited * 100) + 1] += events
                outcome.worst[partition] = max(outcome.worst[partition], waited)
                if waited > KEPT_UP_S:
                    outcome.behind_until_s = self.now
            self._fold(worker)
            return
        # It was gone before they were done: they are there as they were, in front of the others.
        for partition, events, arrived in reversed(taken):
            self._queues[partition].appendleft([events, arrived])
        self._wake()

    def _restart(self, incident: Incident) -> None:
        worker = self._workers[incident.worker]
        worker.up = False

        def back() -> None:
            worker.up = True
            self._fold(worker)

        self._at(self.now + incident.down_s, back)

    def _crash(self, incident: Incident) -> None:
        worker = self._workers[incident.worker]
        worker.up = False

        def noticed() -> None:
            self._paused_until = self.now + self._setup.rebalance_s
            for partition in worker.partitions:
                heir = min(
                    (one for one in self._workers if one.up), key=lambda one: len(one.partitions)
                )
                heir.partitions.append(partition)
                self._ready_at[partition] = self._paused_until + self._setup.take_over_s
            worker.partitions = []
            self._at(self._paused_until, self._wake)
            self._at(self._paused_until + self._setup.take_over_s, self._wake)

        self._at(self.now + self._setup.session_s, noticed)

    def _wake(self) -> None:
        for worker in self._workers:
            self._fold(worker)

    def _poisson(self, mean: float) -> int:
        """How many events come where so many do on average."""
        if mean > 50:
            return max(0, round(self._random.gauss(mean, mean**0.5)))
        events, passed = 0, self._random.expovariate(1.0)
        while passed < mean:
            events += 1
            passed += self._random.expovariate(1.0)
        return events
