"""Says why, and ends the worker, when records wait and nothing folds them.

It looks from a thread of its own, and asks the brokers itself: neither the engine's thread nor
the data plane has to be in good health for it to see that they are not.

What counts is each input partition that is served: how far it is folded, and how far its log can
be read. It has *stalled* when there was a record to fold all the time and none was folded for
``engine.stall_timeout_ms``; as long as other partitions move, for five times as long, since a
long backlog is folded in the order in which it was fetched. That a log ends in transaction
markers is no lag, so the record is looked for before anything is said.

It says nothing

* while brokers do not answer: what then ends a worker, and when, commits and heartbeats decide;
* of a partition number that waits for the rest of its topics: a restart would not help it, so
  it is only told once in a while;
* of a take-over that makes progress: a restore may be long. One that does not for the same time,
  beyond what its own deadlines allow, has stalled as well.

A thread that does not come back from one step, be it from its last record, has stalled in any case.

A thread that never lets go of the interpreter stops this one, too; `/livez` then does not answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import structlog
from msgspec import Struct

from ccstream.engine.clock import Clock
from ccstream.engine.cluster import TopicPartitionKey
from ccstream.errors import BrokerUnavailableError, StalledError

__all__ = ["Logs", "Sight", "Watchdog"]

_OTHERS_MOVE: Final = 5
"""Times the time-out for a partition that stands while others move: a consumer hands over what
it fetched ahead, 16 MiB at most, in the order in which it came, and there are two of them."""

_STEP_SECONDS: Final = 30.0
"""What a step other than a take-over may wait on its own, beyond the time-out: for room in a
producer's queue 10 s, for a commit 15 s at most."""

_TAKE_OVER_SECONDS: Final = 120.0
"""What a take-over may wait without a sign: its own deadlines (transactions of others 60 s, a
fence 20 s, its commit 20 s, some questions of 10 s) end it before, with a better reason."""

_LOOKS: Final = 4
"""Looks in the time of a time-out: it is noticed a quarter late at most."""

_EXIT_SECONDS: Final = 10.0
"""For the process to end by itself once the stall is told; what is stuck may hold it up."""

log = structlog.get_logger(__name__)


class Sight(Struct, frozen=True):
    """What is seen of the engine at one moment.

    Args:
        activity: what its thread is at, as part of a sentence.
        steps: how many steps it has begun; a step is a command or a turn of the chunk loop.
        folded: the last offset folded of every input partition that is served.
        waiting: partition numbers that wait for the rest of their topics.
        progress: anything that changes while a take-over gets on; None if there is none.
    """

    activity: str
    steps: int
    folded: Mapping[TopicPartitionKey, int]
    waiting: frozenset[int] = frozenset()
    progress: object = None


class Logs(Protocol):
    """What is asked of the brokers; see `Cluster`."""

    def readable_ends(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> Mapping[TopicPartitionKey, int]: ...

    def next_record(self, topic: str, partition: int, offset: int) -> int | None: ...


class _Mark:
    """Where a partition stands, since when it does, and since when there is more to fold."""

    __slots__ = ("behind_since", "empty_to", "folded")

    def __init__(self, folded: int) -> None:
        self.folded = folded
        self.behind_since: float | None = None
        self.empty_to = -1


class Watchdog:
    """Looks every quarter of the time-out, from :meth:`start` to :meth:`stop`.

    Args:
        see: what the engine is at.
        logs: asks the brokers.
        stack: where the engine's thread is at the moment, innermost last.
        timeout: seconds; see the module.
        clock: whose time counts.
        on_stall: told once, in this thread.
        give_up: ends the process where that does not.
    """

    def __init__(
        self,
        see: Callable[[], Sight],
        logs: Logs,
        stack: Callable[[], tuple[str, ...]],
        *,
        timeout: float,
        clock: Clock,
        on_stall: Callable[[BaseException], None],
        give_up: Callable[[], None],
    ) -> None:
        self._see = see
        self._logs = logs
        self._stack = stack
        self._timeout = timeout
        self._clock = clock
        self._on_stall = on_stall
        self._give_up = give_up
        self._marks: dict[TopicPartitionKey, _Mark] = {}
        self._moved_at = clock.monotonic()
        self._progress: object = None
        self._steps = -1
        self._progress_at = clock.monotonic()
        self._warned_at = clock.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ccstream-watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        """One look.

        Raises:
            StalledError: records wait and nothing folds them.
        """
        now, sight = self._clock.monotonic(), self._see()
        self._look_at_step(now, sight)
        self._tell_of_waiting(now, sight)
        behind = self._standing(now, sight)
        if not behind:
            return
        ends = self._logs.readable_ends(behind)
        for at in behind:
            self._judge(now, at, ends.get(at))
        patience = self._timeout
        if now - self._moved_at < self._timeout:
            patience *= _OTHERS_MOVE
        for (topic, number), mark in self._marks.items():
            if mark.behind_since is not None and now - mark.behind_since >= patience:
                raise StalledError(self._sentence(now, topic, number, ends, sight))

    def _standing(self, now: float, sight: Sight) -> list[TopicPartitionKey]:
        """The partitions that stand where they stood at the last look."""
        standing = []
        marks: dict[TopicPartitionKey, _Mark] = {}
        for at, folded in sight.folded.items():
            mark = self._marks.get(at)
            if mark is None or mark.folded != folded:
                if mark is not None:
                    self._moved_at = now
                mark = _Mark(folded)
            else:
                standing.append(at)
            marks[at] = mark
        self._marks = marks
        return standing

    def _judge(self, now: float, at: TopicPartitionKey, end: int | None) -> None:
        mark = self._marks[at]
        behind = end is not None and mark.folded + 1 < end and mark.empty_to < end
        if behind and mark.behind_since is None:
            try:
                behind = self._logs.next_record(*at, mark.folded + 1) is not None
            except BrokerUnavailableError:
                behind = False
            else:
                mark.empty_to = -1 if behind or end is None else end
        if not behind:
            mark.behind_since = None
        elif mark.behind_since is None:
            mark.behind_since = now

    def _look_at_step(self, now: float, sight: Sight) -> None:
        spare = _STEP_SECONDS if sight.progress is None else _TAKE_OVER_SECONDS
        if sight.steps != self._steps or sight.progress != self._progress:
            self._steps, self._progress, self._progress_at = sight.steps, sight.progress, now
        elif now - self._progress_at >= self._timeout + spare:
            raise StalledError(
                f"the engine has been {sight.activity} for {now - self._progress_at:.0f} s "
                f"without progress; its thread is at {self._place()}"
            )

    def _tell_of_waiting(self, now: float, sight: Sight) -> None:
        if sight.waiting and now - self._warned_at >= self._timeout:
            self._warned_at = now
            log.warning(
                "partitions wait for the rest of their topics; do all workers have the same "
                "version and channels?",
                partitions=sorted(sight.waiting),
            )

    def _sentence(
        self,
        now: float,
        topic: str,
        number: int,
        ends: Mapping[TopicPartitionKey, int],
        sight: Sight,
    ) -> str:
        mark = self._marks[topic, number]
        since = now - (now if mark.behind_since is None else mark.behind_since)
        others = sum(one.behind_since is not None for one in self._marks.values()) - 1
        return (
            f"nothing was folded of {topic}[{number}] for {since:.0f} s: it stands at offset "
            f"{mark.folded + 1}, its log ends at {ends.get((topic, number))}"
            f"{f', and so it is with {others} more' if others else ''}; the engine is "
            f"{sight.activity}, its thread is at {self._place()}"
        )

    def _place(self) -> str:
        return " < ".join(reversed(self._stack())) or "its end"

    def _run(self) -> None:
        while not self._stopped.wait(self._timeout / _LOOKS):
            try:
                self.look()
            except StalledError as stalled:
                self._on_stall(stalled)
                time.sleep(_EXIT_SECONDS)  # if it ends by itself, this thread ends with it
                self._give_up()
                return
            except Exception:  # a look that fails is none; the next one tells
                log.exception("the watchdog could not look")
