"""Each fault of a run, held or repeated until somebody has to be called, and who is called.

A fault that a run injects once mends itself within seconds, by design: nobody is woken for it, and
no alert of `deploy/prometheus` fires. What it is an alert's business to see is that it goes on.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.chaos.faulty_worker import AFTER_SOME, BEFORE_ANY, POINTS
from tests.support.alert_recorder import STEP_S

if TYPE_CHECKING:
    from tests.chaos.faults import Fault
    from tests.chaos.run import Run

__all__ = ["CALM", "HELD", "Held"]

RESTARTS: Final = 3
"""The alert wants more than two within a quarter of an hour, as scrapes see them."""

SEEN_S: Final = 2.0 * STEP_S
"""For a scrape to see what was started anew."""

HELD_S: Final = 150.0
"""Above the two minutes that a worker may be away, and the minute that heartbeats may."""

RESTORE_HELD_S: Final = 360.0
"""Above the five minutes that a restore may take."""

REFUSED_S: Final = 0.5

DELAY_S: Final = 0.3
"""Of each piece: what is read in many of them comes too slowly to be read at all."""


@dataclass(frozen=True)
class Held:
    """A fault that goes on.

    ``hold`` returns when the alerts of ``fires`` are firing; what is held is let go by who called
    it, with the run. ``alone`` says what the fault by itself, once, shows of it.
    """

    fault: str
    hold: Callable[[Run, Fault, random.Random], None]
    fires: tuple[str, ...]
    alone: str = "mended within seconds by a restart: nobody is called for one"
    how: str = ""

    @property
    def name(self) -> str:
        """The fault, and how it is held where that can be done in several ways."""
        return f"{self.fault} {self.how}".rstrip()

    @property
    def file(self) -> str:
        """The name of its recording."""
        return self.name.replace(",", "").replace(" ", "-") + ".yml"


def _again_and_again(run: Run, fault: Fault, dice: random.Random) -> None:
    for _ in range(RESTARTS):
        fault.inject(run, dice)
        for one in run.workers:
            one.wait_ready()
        time.sleep(SEEN_S)


def _frozen(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.send(run.workers[0].pid(), signal.SIGSTOP)
    time.sleep(HELD_S)


def _twins(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.extra_worker("twin", run.instance_id(0))
    time.sleep(HELD_S)


def _broker_away(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.kafka.kill()
    time.sleep(HELD_S)


def _cut_off(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.proxy.refusing = True
    deadline = time.monotonic() + HELD_S
    while time.monotonic() < deadline:
        run.proxy.cut()
        time.sleep(REFUSED_S)


def _delayed(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.proxy.delay_s = DELAY_S
    time.sleep(HELD_S)


def _throttled(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.proxy.bytes_per_second = 20_000
    time.sleep(HELD_S)


def _joiners_in_restore(run: Run, _fault: Fault, _dice: random.Random) -> None:
    with run.held_restore(AFTER_SOME):
        run.workers[0].signal(signal.SIGKILL)
        time.sleep(RESTORE_HELD_S / 2)
        second = run.extra_worker("joiner", None)
        time.sleep(SEEN_S)
        second.stop()
        time.sleep(RESTORE_HELD_S / 2 - SEEN_S)


def _compacted_in_restore(run: Run, _fault: Fault, _dice: random.Random) -> None:
    with run.held_restore(BEFORE_ANY):
        run.workers[0].signal(signal.SIGKILL)
        run.until(run.restoring, SEEN_S, "no worker restored anything")
        run.compact_changelogs()
        time.sleep(HELD_S)


def _clock_fast(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.worker_clock(3600)
    time.sleep(HELD_S)


def _clock_slow(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.worker_clock(-3600)
    time.sleep(HELD_S)


def _full(run: Run, _fault: Fault, _dice: random.Random) -> None:
    run.disk.fill()
    time.sleep(HELD_S)


_ONE_RESTORE = "the store is wiped and restored, as the log says: nobody is called for one restart"
_LATE = "events are late for seconds, of which the month's allowance has many"

HELD: Final[tuple[Held, ...]] = (
    *(Held(f"killed {at}", _again_and_again, ("CcstreamWorkerRestarts",)) for at in POINTS),
    Held("killed at any time", _again_and_again, ("CcstreamWorkerRestarts",)),
    Held("frozen beyond its session", _frozen, ("CcstreamWorkerDown",)),
    Held("two workers with one instance id", _twins, ("CcstreamWorkerRestarts",)),
    Held("broker killed", _broker_away, ("CcstreamHeartbeatMissing",)),
    Held("connections cut", _cut_off, ("CcstreamHeartbeatMissing",)),
    Held("connections delayed", _delayed, ("CcstreamHeartbeatMissing",), _LATE),
    Held("connections throttled", _throttled, ("CcstreamHeartbeatMissing",), _LATE),
    Held(
        "rebalance during a restore",
        _joiners_in_restore,
        ("CcstreamHeartbeatMissing", "CcstreamRestoreTooLong"),
    ),
    Held(
        "changelogs compacted during a restore",
        _compacted_in_restore,
        ("CcstreamHeartbeatMissing",),
    ),
    Held(
        "clocks jump",
        _clock_fast,
        ("CcstreamSyncLateFast",),
        "what a clock is wrong by is counted as lateness while it is wrong",
        how="ahead",
    ),
    Held(
        "clocks jump",
        _clock_slow,
        ("CcstreamClockSlow",),
        "nothing is late by a clock that is slow, so that it is told by records of its future",
        how="back",
    ),
    Held("state disk full", _full, ("CcstreamHeartbeatMissing", "CcstreamWorkerRestarts")),
    Held("state on disk damaged", _again_and_again, ("CcstreamWorkerRestarts",), _ONE_RESTORE),
)

CALM: Final = Held("undisturbed", lambda *_: time.sleep(HELD_S), ())
