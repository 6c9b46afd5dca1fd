"""The faults that a run is drawn from, and what each of them needs."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.disk import why_no_small_disk
from tests.chaos.faulty_worker import AFTER_SOME, BEFORE_ANY, POINTS
from tests.chaos.workers import SESSION_S

if TYPE_CHECKING:
    from tests.chaos.run import Run

__all__ = ["FAULTS", "Fault", "Plan", "available", "plan_for"]

AWAITED_S_MAX = 60.0
"""For what a worker does once it has recovered: seconds on an idle machine, more on a busy one."""


QUIET_S = 1.0
"""For a restarted worker to write something anew."""

FILLED_S = 2.0
"""For changelogs with several closed segments in which rows were written more than once."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    ``inject`` carries it out and returns when it is over, though its effects may not be.
    ``stored``: needs state on disk. ``restores``: needs restores that read more than a tail, so
    none. ``missing`` says why it cannot be had on this machine, if so.
    """

    name: str
    inject: Callable[[Run, random.Random], None]
    workers: int = 1
    proxied: bool = False
    static: bool = False
    compacting: bool = False
    restores: bool = False
    stored: bool = False
    small_disk: bool = False
    missing: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a seed stands for."""

    seed: int
    faults: tuple[Fault, ...]
    workers: int
    static: bool
    stored: bool

    @property
    def small_disk(self) -> bool:
        return any(fault.small_disk for fault in self.faults)

    @property
    def proxied(self) -> bool:
        return any(fault.proxied for fault in self.faults)

    @property
    def compacting(self) -> bool:
        return any(fault.compacting for fault in self.faults)


def _killed_at(point: str) -> Callable[[Run, random.Random], None]:
    def inject(run: Run, dice: random.Random) -> None:
        run.arm(point, dice.randint(1, 40 if "transaction" not in point else 5))
        run.until(lambda: not run.armed(), AWAITED_S_MAX, f"no worker came by the point {point!r}")

    return inject


def _killed(run: Run, dice: random.Random) -> None:
    time.sleep(dice.uniform(0.0, 0.5))
    dice.choice(run.workers).signal(signal.SIGKILL)


def _frozen(run: Run, dice: random.Random) -> None:
    """Longer than its session lasts; another takes over, then it wakes up."""
    pid = dice.choice(run.workers).pid()
    run.send(pid, signal.SIGSTOP)
    try:
        time.sleep(SESSION_S + dice.uniform(1.0, 2.0))
    finally:
        run.send(pid, signal.SIGCONT)


def _twin(run: Run, dice: random.Random) -> None:
    """A second worker with the same instance id: one of the two has to end."""
    first = run.workers[0]
    pid = first.pid()
    twin = run.extra_worker("twin", run.instance_id(0), supervised=False)
    run.until(
        lambda: twin.exit_status is not None or not run.alive(pid),
        AWAITED_S_MAX,
        "two workers with one instance id both went on",
    )
    time.sleep(dice.uniform(0.0, 2.0))
    twin.stop()


def _broker_killed(run: Run, dice: random.Random) -> None:
    run.kafka.kill()
    time.sleep(dice.uniform(0.0, 2.0))
    run.kafka.restart()


def _cut(run: Run, dice: random.Random) -> None:
    for _ in range(dice.randint(2, 5)):
        run.proxy.refusing = dice.random() < 0.5
        run.proxy.cut()
        time.sleep(dice.uniform(0.1, 1.0))
        run.proxy.refusing = False
        time.sleep(dice.uniform(0.0, 0.5))


def _delayed(run: Run, dice: random.Random) -> None:
    run.proxy.delay_s = dice.uniform(0.03, 0.3)
    time.sleep(3)
    run.proxy.heal()


def _throttled(run: Run, dice: random.Random) -> None:
    run.proxy.bytes_per_second = dice.randint(20_000, 100_000)
    time.sleep(3)
    run.proxy.heal()


def _rebalanced_in_restore(run: Run, dice: random.Random) -> None:
    """A second worker joins meanwhile, and leaves again some time later."""
    with run.held_restore(dice.choice((BEFORE_ANY, AFTER_SOME))):
        run.workers[0].signal(signal.SIGKILL)
        run.until(run.restoring, AWAITED_S_MAX, "no worker restored anything")
        second = run.extra_worker("joiner", None)
        run.until(lambda: not run.restoring(), AWAITED_S_MAX, "the restore was not given up")
    time.sleep(dice.uniform(0.0, 3.0))
    second.stop()


def _compacted_in_restore(run: Run, dice: random.Random) -> None:
    """What it is about to read goes away when it already knows how far it has to read."""
    time.sleep(FILLED_S)
    with run.held_restore(BEFORE_ANY):
        run.workers[0].signal(signal.SIGKILL)
        run.until(run.restoring, AWAITED_S_MAX, "no worker restored anything")
        run.compact_changelogs()
        if not run.restoring():
            raise TimeoutError("the restore did not last until the changelogs were compacted")


def _clocks_jump(run: Run, dice: random.Random) -> None:
    """The worker's by hours, the channels' by less than what a duplicate may be late by."""
    run.worker_clock(dice.choice((-7200, 3600)))
    run.author.skew_ms = dice.choice((-200_000, 200_000))
    time.sleep(1.5)
    run.author.skew_ms = 0
    run.worker_clock(dice.choice((0, 60)))


def _disk_full(run: Run, dice: random.Random) -> None:
    """A worker ends, and comes back again and again in vain until there is room."""
    run.disk.fill()
    try:
        run.until(
            lambda: any("no room left on disk" in one.log for one in run.workers),
            AWAITED_S_MAX,
            "no worker found its disk full",
        )
        time.sleep(dice.uniform(0.0, 2.0))
    finally:
        run.disk.free()


def _disk_damaged(run: Run, dice: random.Random) -> None:
    """After a restart, which turns the log of what was written into files, or before."""
    one = dice.choice(run.workers)
    if dice.random() < 0.7:
        one.signal(signal.SIGKILL)
        one.wait_ready()
        time.sleep(QUIET_S)
    pid = one.pid()
    run.send(pid, signal.SIGKILL)
    run.until(lambda: not run.alive(pid), AWAITED_S_MAX, "a killed process went on")
    run.disk.damage(one.name, dice)


FAULTS: tuple[Fault, ...] = (
    *(Fault(f"killed {point}", _killed_at(point)) for point in POINTS),
    Fault("killed at any time", _killed),
    Fault("frozen beyond its session", _frozen, workers=2),
    Fault("two workers with one instance id", _twin, static=True),
    Fault("broker killed", _broker_killed),
    Fault("connections cut", _cut, proxied=True),
    Fault("connections delayed", _delayed, proxied=True),
    Fault("connections throttled", _throttled, proxied=True),
    Fault("rebalance during a restore", _rebalanced_in_restore, restores=True),
    Fault(
        "changelogs compacted during a restore",
        _compacted_in_restore,
        compacting=True,
        restores=True,
    ),
    Fault("clocks jump", _clocks_jump),
    Fault("state disk full", _disk_full, stored=True, small_disk=True, missing=why_no_small_disk()),
    Fault("state on disk damaged", _disk_damaged, stored=True),
)


def available() -> tuple[Fault, ...]:
    """Those that can be had on this machine."""
    return tuple(fault for fault in FAULTS if fault.missing is None)


def plan_for(seed: int) -> Plan:
    """Each fault in turn, so that any 200 seeds have each at least 12 times; often a second one."""
    dice = random.Random(f"plan {seed}")
    faults = available()
    first = faults[seed % len(faults)]
    fitting = [one for one in faults if not (first.stored and one.restores)]
    if first.restores:
        fitting = [one for one in faults if not one.stored]
    drawn = (first,) if dice.random() < 0.6 else (first, dice.choice(fitting))
    return Plan(
        seed,
        drawn,
        max(dice.choice((1, 1, 2)), *(fault.workers for fault in drawn)),
        any(fault.static for fault in drawn) or dice.random() < 0.5,
        any(fault.stored for fault in drawn)
        or (not any(fault.restores for fault in drawn) and dice.random() < 0.5),
    )
