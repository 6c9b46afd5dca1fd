"""Carries a history out: the workers, their group, and what happens to them.

Nothing sleeps and nothing runs at the same time as anything else; where a worker would wait or
ask the cluster, the history may put other actions in between. In the end all zombies die, what
lives gets a last assignment, and everything published is folded and committed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ccstream.engine.segment_rolls import roll_key
from ccstream.engine.timers import NEVER
from ccstream.errors import BrokerUnavailableError, CcstreamError, FencedError
from ccstream.wire.catalogue import OWNERS_TOPIC, SYNC_TOPICS, TABLES
from tests.simulation.author import Author
from tests.simulation.broker import FakeBroker, LogRecord
from tests.simulation.clock import FakeClock
from tests.simulation.disk import FakeDisk
from tests.simulation.history import (
    AT_WORK,
    SLOTS,
    Action,
    Cancel,
    Compact,
    Crash,
    Deliver,
    History,
    Mark,
    Nested,
    Publish,
    Rebalance,
    Restart,
    Step,
    Turn,
    Wait,
)
from tests.simulation.lineage import Lineage
from tests.simulation.process import (
    APP,
    STEPS,
    Parts,
    Process,
    SimulatedCrash,
    make_layout,
    make_topics,
)

__all__ = ["Simulation", "Violation", "is_roll"]

_SETTLING_ROUNDS = 60
"""Rounds in which everything must be folded, and fire, once nothing goes wrong any more."""

_SETTLING_ATTEMPTS = SLOTS + 2
"""Assignments for that: any worker may have been fenced before without having met it yet."""

_SHORT_SLEEPS = 12
"""Sleeps within one rebalance after which the clock runs faster, towards the next time-out."""

_MARKED = 10
"""Markers that are written in a second then; one transaction may be in sixty partitions."""


class Violation(Exception):  # noqa: N818 - what a history is said to be, not an error of ours
    """A promise that a history broke."""


def is_roll(record: LogRecord) -> bool:
    """Whether it is what makes a segment end where nothing comes."""
    return record.key() == roll_key(record.partition()).encode() and record.value() is None


class Simulation:
    """One history's world. ``points`` counts where workers died, by name."""

    def __init__(self, history: History, parts: Parts) -> None:
        self.history = history
        self.layout = make_layout(history.partitions)
        self.clock = FakeClock()
        self.broker = FakeBroker(self.clock, make_topics(self.layout), APP)
        self.author = Author(self.broker, history.partitions)
        self.lineage = Lineage(self.broker)
        self.points: Counter[str] = Counter()
        self._parts = parts
        self._slots: list[Process | None] = [None] * SLOTS
        self._zombies: list[Process] = []
        self._disks = [FakeDisk() for _ in range(SLOTS)]
        self._started = 0
        self._stack: list[Process] = []
        self._doomed: set[Process] = set()
        self._nested: list[Nested] = []
        self._chances = 0
        self._group_changes = 0
        self._slept = 0

    def run(self) -> None:
        """Everything, to the end.

        Raises:
            Violation: a worker failed for no reason, or work was never finished.
        """
        for action in self.history.actions:
            self._act(action)
            self.broker.expire()
        self._settle_down()

    # single actions

    def _act(self, action: Action) -> None:
        match action:
            case Publish():
                self.author.publish(action)
            case Turn():
                self._turn(action)
            case Deliver():
                process = self._pick(action.worker, lambda p: any(map(len, p.producers)))
                if process is not None:
                    holding = [producer for producer in process.producers if len(producer)]
                    producer = holding[action.producer % len(holding)]
                    producer.deliver(action.count, action.mix)
            case Step():
                process = self._pick(action.worker, lambda p: p.committer.steps_left > 0)
                if process is not None:
                    for producer in process.producers:
                        producer.flaky = action.flaky
                    with self._within(process):
                        process.committer.step()
                    for producer in process.producers:
                        producer.flaky = False
            case Mark():
                self.broker.write_markers(action.count, random.Random(action.mix))
            case Wait():
                self.clock.advance(action.ms / 1000)
            case Compact():
                self._compact(action)
            case Crash():
                self._crash(action.worker)
            case Cancel():
                process = self._slots[action.worker]
                if process is not None and process in self._stack:
                    process.cancelled = True
                    process.engine.release()
            case Rebalance():
                with self._interleaving(action.during):
                    self._rebalance(action)
            case Restart():
                with self._interleaving(action.during):
                    self._restart(action)

    def _turn(self, action: Turn) -> None:
        self.clock.advance(action.ms / 1000)
        for slot, one in enumerate(self._slots):
            if (
                one is not None
                and one.alive
                and one.standbys is not None
                and action.mix >> slot & 1
            ):
                one.standbys.step(action.take, action.mix)
        process = self._pick(action.worker, lambda p: p.serving)
        if process is not None:
            for consumer in process.consumers:
                consumer.take = action.take
                consumer.mix = action.mix
            with self._within(process):
                process.turn(action.step_at)

    def _compact(self, action: Compact) -> None:
        number = action.partition % self.history.partitions
        for at in self.layout.changelogs([number]):
            # What a machine's disk or a standby has missed may be deletions: those stay for days.
            late = self._parts.stored or self._parts.standbys is not None
            tombstones = action.tombstones or late
            self.broker.compact(at, tombstones=tombstones)
        self.broker.compact((OWNERS_TOPIC, 0), tombstones=action.tombstones)

    def _crash(self, worker: int) -> None:
        if worker == AT_WORK:
            self._doomed.update(self._stack[:1])
            return
        process = self._pick(worker, lambda p: p.serving)
        if process is not None:
            self._bury(process, process.where)

    def _pick(self, worker: int, fits: Callable[[Process], bool]) -> Process | None:
        """One of those that can do it and are not in the midst of something."""
        if worker >= SLOTS:
            self._zombies = [zombie for zombie in self._zombies if zombie.alive]
        pool = self._zombies if worker >= SLOTS else self._slots
        able = [p for p in pool if p and p.alive and p not in self._stack and fits(p)]
        return able[worker % len(able)] if able else None

    # the group

    def _start(self, slot: int) -> Process:
        """A new process in this slot; it has not joined yet."""
        self._started += 1
        static = self.history.static >> slot & 1
        process = self._slots[slot] = Process(
            self.broker,
            self.layout,
            f"w{self._started}",
            f"slot{slot}" if static else None,
            self._point,
            self._parts,
            self._disk(slot) if self._parts.stored else None,
        )
        process.member = self.broker.group.new_member_id()
        self.lineage.follow(process.name, *process.consumers)
        return process

    def _disk(self, slot: int) -> FakeDisk:
        """That of the worker before; another machine's, if that one may still be running."""
        if any(zombie.alive for zombie in self._zombies):
            self._disks[slot] = FakeDisk()
        return self._disks[slot]

    def _rebalance(self, action: Rebalance) -> None:
        changes = self._group_changes
        for slot in range(SLOTS):
            process = self._slots[slot]
            wanted = bool(action.members >> slot & 1)
            if process is not None and process.alive:
                if process in self._stack or not action.told >> slot & 1:
                    self._zombies.append(process)
                    self._slots[slot] = None
                else:
                    self._do(process, "giving up", process.engine.release)
                    if self._group_changes != changes:
                        return
                    if process.alive and not wanted:
                        self._bury(process, "left")
            process = self._slots[slot]
            if wanted and (process is None or not process.alive):
                self._start(slot)
        self._assign(action)

    def _assign(self, action: Rebalance) -> None:
        group = self.broker.group
        members = [p for p in self._slots if p is not None and p.alive]
        generation = group.rebalance({p.member: p.instance for p in members})
        self._group_changes += 1
        changes = self._group_changes
        deal = random.Random(action.deal)
        shares: dict[str, set[int]] = {p.member: set() for p in members}
        for number in range(self.history.partitions if members else 0):
            shares[deal.choice(members).member].add(number)
        deal.shuffle(members)
        for process in members:
            process.generation, process.numbers = generation, frozenset(shares[process.member])
        for at, process in enumerate(members):
            # the numbers of the next one, as Faust's assignor never gives a worker both
            process.followed = members[at - 1].numbers if at or len(members) > 1 else frozenset()
        for process in members:
            if self._group_changes == changes and process.alive:
                self._do(process, "taking over", process.assign)

    def _restart(self, action: Restart) -> None:
        old = self._slots[action.worker]
        if old is None or old.instance is None or old.instance not in self._instances():
            return
        if old.alive and (action.twin or old in self._stack):
            self._zombies.append(old)
        elif old.alive:
            self._bury(old, old.where)
        process = self._start(action.worker)
        process.member = self.broker.group.replace(old.instance)
        process.generation, process.numbers = old.generation, old.numbers
        process.followed = old.followed
        self._group_changes += 1
        self._do(process, "taking over", process.assign)

    def _do(self, process: Process, phase: str, command: Callable[[], Any]) -> None:
        """Give a worker a command and let it carry it out."""
        process.phase = phase
        command()
        with self._within(process):
            process.engine.step()
            if process.cancelled:
                process.cancelled = False
                process.engine.step()

    def _is_member(self, process: Process) -> bool:
        """Whether the group knows it, in the generation that it knows of."""
        group = self.broker.group
        return process.member in group.members and process.generation == group.generation

    def _instances(self) -> set[str | None]:
        return set(self.broker.group.members.values())

    # what happens in between

    @contextmanager
    def _within(self, process: Process) -> Iterator[None]:
        """A worker does something; how it ends, if it does, is looked at here."""
        self._stack.append(process)
        try:
            yield
        except SimulatedCrash as crash:
            self._bury(process, str(crash))
        except FencedError as error:
            self._bury(process, "fenced", error)
        except BrokerUnavailableError as error:
            if self._is_member(process):
                raise Violation(f"{process.name} gave up waiting: {error!r}") from error
            self._bury(process, "outdated", error)
        except CcstreamError as error:
            raise Violation(f"{process.name} failed: {error!r}") from error
        finally:
            self._stack.pop()

    @contextmanager
    def _interleaving(self, nested: tuple[Nested, ...]) -> Iterator[None]:
        """Let these happen in between; what is itself in between has no such list."""
        if self._stack:
            yield
            return
        self._nested = list(nested)
        self._chances = self._slept = 0
        yield
        self._nested = []

    def _point(self, process: Process, where: str) -> None:
        """A worker is about to do ``where``: others may act, or it may die."""
        if self._nested and len(self._stack) == 1:
            self._chances += 1
            while self._nested and self._nested[0].point <= self._chances:
                self._act(self._nested.pop(0).action)
        elif where == "sleep":
            # Nothing else is going to happen, so that waiting may as well be over soon.
            self._slept += 1
            patient = self._slept < _SHORT_SLEEPS
            self.clock.advance(0.05 if patient else 1.0)
            self.broker.write_markers(1 if patient else _MARKED, random.Random(self._slept))
        self.broker.expire()
        if process in self._doomed:
            self._doomed.discard(process)
            raise SimulatedCrash(f"{process.phase}: {where}")

    def _bury(self, process: Process, where: str, why: BaseException | None = None) -> None:
        self.points[where] += 1
        if process.standbys is not None:
            self.points.update(process.standbys.taken)
        process.end(why)

    # the end

    def _settle_down(self) -> None:
        """No more mishaps: all that was published gets folded and committed, or a `Violation`."""
        for process in [*self._zombies, *self._slots]:
            if process is not None and process.alive and not process.serving:
                self._bury(process, "settled")
        for zombie in self._zombies:
            if zombie.alive:
                self._bury(zombie, "settled")
        self.clock.advance(11.0)
        self.broker.expire()
        self.broker.write_markers()
        for attempt in range(_SETTLING_ATTEMPTS):
            living = sum(1 << i for i, p in enumerate(self._slots) if p is not None and p.alive)
            self._act(Rebalance(living or 1, 7, attempt))
            if self._finish():
                return
        raise Violation("what was published was never folded and committed to its end")

    def _finish(self) -> bool:
        for _ in range(_SETTLING_ROUNDS):
            for slot in range(SLOTS):
                self._act(Turn(slot, 1 << 20, 0, 700))
                for _ in range(STEPS):
                    self._act(Step(slot))
                self._act(Turn(slot, 1 << 20, 0, 0))
            self.broker.write_markers()
            serving: set[int] = set()
            for process in self._slots:
                if process is not None and process.serving:
                    serving |= process.numbers
            if len(serving) < self.history.partitions:
                return False
            if self._finished():
                return True
        return False

    def _finished(self) -> bool:
        broker = self.broker
        living = [p for p in self._slots if p is not None and p.alive]
        if broker.undecided or any(len(producer) for p in living for producer in p.producers):
            return False
        if any(one.committer.busy for one in living):  # one that failed is still to be told
            return False
        held = [one for p in living for one in p.chunks.partitions.values()]
        if any(one.changed or one.timers.next_due < NEVER for one in held):
            return False
        for at in self.layout.inputs(range(self.history.partitions)):
            log = broker.logs[at]
            folded = broker.group.offsets.get(at, 0)
            if any(True for _ in log.committed(folded)):
                return False
        return all(map(self._ends, (*SYNC_TOPICS.values(), *map(self.layout.changelog_of, TABLES))))

    def _ends(self, topic: str) -> bool:
        """Whether what was written last to each partition is there to make the segment end."""
        logs = (self.broker.logs[topic, number] for number in range(self.history.partitions))
        return all(is_roll(last) for log in logs for last in [*log.committed(0)][-1:])
