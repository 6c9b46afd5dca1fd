"""The engine: one thread that takes partitions over, folds chunks and commits.

Faust's loop speaks to it through three calls, each answered without waiting: ``assign``
(these partitions are yours now), ``release`` (give them up: what was folded is committed
first) and ``stop``. Everything else happens in the engine's own thread, one thing after the
other: poll, fold, hand outputs over, and every ``commit.interval`` take a snapshot and commit.

Whatever fails here ends the worker. Nothing is rolled back in memory; the next start reads
what was committed.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path

import structlog

from ccstream.engine.assignment import Assignment
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.partition import Partition
from ccstream.engine.standbys import Standbys
from ccstream.engine.takeover import TakeOver, TakeOverCancelled
from ccstream.errors import DeliveryError

__all__ = ["Activity", "Engine"]

_IDLE_WAIT = 0.2
"""Seconds to wait for a command while no partition is held."""

log = structlog.get_logger(__name__)


class Activity(StrEnum):
    """What the thread is at, as part of a sentence."""

    IDLE = "waiting for partitions"
    TAKING_OVER = "taking partitions over"
    SERVING = "serving"
    GIVING_UP = "giving partitions up"


class _Assign:
    def __init__(self, assignment: Assignment, served: Callable[[], None]) -> None:
        self.assignment = assignment
        self.served = served


class _Release:
    def __init__(self) -> None:
        self.done: Future[None] = Future()


class _Stop:
    pass


class Engine:
    """The thread, and what it is told.

    Args:
        takeover: how partitions are acquired.
        chunks: folding and committing of what is held.
        release_timeout: seconds for the last commit before partitions are given up.
        on_failure: called once, in the engine's thread, with what ended it.
        standbys: what is followed of partitions that others own, if anything is.
    """

    def __init__(
        self,
        takeover: TakeOver,
        chunks: ChunkLoop,
        *,
        release_timeout: float,
        on_failure: Callable[[BaseException], None],
        standbys: Standbys | None = None,
    ) -> None:
        self._takeover = takeover
        self._chunks = chunks
        self._release_timeout = release_timeout
        self._on_failure = on_failure
        self._standbys = standbys
        self._commands: queue.SimpleQueue[_Assign | _Release | _Stop] = queue.SimpleQueue()
        self._retained: dict[int, Partition] = {}
        self._retained_generation = -1
        self._failed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ccstream-engine", daemon=True)
        self.assignment: Assignment | None = None
        self.activity = Activity.IDLE
        self.steps = 0
        self._step_began_at = time.monotonic()

    @property
    def partitions(self) -> dict[int, Partition]:
        """What is held and served at the moment, by partition number."""
        return self._chunks.partitions

    @property
    def doing(self) -> str:
        """What the thread is at, for a sentence that says where it is stuck."""
        commit = self.activity == Activity.SERVING and self._chunks.committing
        return f"{self.activity}, with a commit on its way" if commit else str(self.activity)

    @property
    def step_seconds(self) -> float:
        """How long the turn of serving takes that it is at; 0 while it does something else."""
        serves = self.activity == Activity.SERVING and self.assignment is not None
        return time.monotonic() - self._step_began_at if serves else 0.0

    def stack(self) -> tuple[str, ...]:
        """Where the thread is at the moment, innermost last: places in the code, no values."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return tuple(
            f"{Path(code.f_code.co_filename).name}:{line} {code.f_code.co_name}"
            for code, line in (traceback.walk_stack(frame) if frame is not None else ())
        )[::-1]

    def start(self) -> None:
        self._thread.start()

    def assign(self, assignment: Assignment, served: Callable[[], None]) -> None:
        """Take over ``assignment``; ``served`` is called in the engine's thread when done."""
        self._commands.put(_Assign(assignment, served))

    def release(self) -> Future[None]:
        """Fold nothing more, commit what was folded, give the partitions up.

        Done at once where there is nothing to do. A failure ends the engine, not the future:
        the group must not wait for a worker that is ending.
        """
        command = _Release()
        self._commands.put(command)
        if self._failed.is_set():
            self._answer_the_rest()
        return command.done

    def stop(self, timeout: float) -> None:
        """End the thread; what was not released is not committed."""
        self._commands.put(_Stop())
        self._thread.join(timeout)

    def step(self) -> bool:
        """Carry out one command, or else one turn of the chunk loop; False once told to stop.

        The thread does nothing but this, over and over.
        """
        self.steps += 1
        self._step_began_at = time.monotonic()
        command = self._next_command()
        if isinstance(command, _Release):
            self._give_up(command)
        elif isinstance(command, _Assign):
            self._take(command)
        elif command is None and self.assignment is not None:
            self._chunks.turn(self.assignment)
        return not isinstance(command, _Stop)

    def _run(self) -> None:
        try:
            while self.step():
                pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the worker
            self._failed.set()
            self._on_failure(error)
        finally:
            self._failed.set()
            self._answer_the_rest()
            self._chunks.close()
            if self._standbys is not None:
                self._standbys.close()

    def _next_command(self) -> _Assign | _Release | _Stop | None:
        try:
            if self.assignment is not None:
                return self._commands.get_nowait()
            return self._commands.get(timeout=_IDLE_WAIT)
        except queue.Empty:
            return None

    def _take(self, command: _Assign) -> None:
        assignment = command.assignment
        if self.assignment is not None:
            # What was folded under it would be committed under this one.
            raise DeliveryError("partitions were assigned before the last ones were given up")
        started = time.monotonic()
        followed = assignment.generation == self._retained_generation + 1
        retained = self._retained if followed else {}
        self._retained = {}
        if self._standbys is not None:
            self._standbys.stop()
        self.activity = Activity.TAKING_OVER
        try:
            partitions = self._takeover.acquire(
                assignment, retained, lambda: not self._commands.empty()
            )
        except TakeOverCancelled:
            self.activity = Activity.IDLE
            log.info("take-over cancelled", generation=assignment.generation)
            return
        self._chunks.begin(partitions, assignment.waiting)
        self.assignment = assignment
        if self._standbys is not None:
            self._standbys.follow(assignment.standbys)
        self.activity = Activity.SERVING
        log.info(
            "serving",
            partitions=sorted(partitions),
            generation=assignment.generation,
            seconds=round(time.monotonic() - started, 3),
        )
        if assignment.waiting:
            log.warning("waiting for the rest of partitions", partitions=sorted(assignment.waiting))
        command.served()

    def _give_up(self, command: _Release) -> None:
        assignment, self.assignment = self.assignment, None
        self.activity = Activity.GIVING_UP
        try:
            if assignment is not None:
                self._retained = self._chunks.end(assignment, self._release_timeout)
                self._retained_generation = assignment.generation
        except DeliveryError as error:
            raise DeliveryError(f"partitions could not be given up in time: {error}") from error
        finally:
            self.activity = Activity.IDLE
            command.done.set_result(None)

    def _answer_the_rest(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return
            if isinstance(command, _Release):
                command.done.set_result(None)
