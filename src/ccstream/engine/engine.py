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
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from ccstream.engine.assignment import Assignment
from ccstream.engine.chunks import ChunkLoop
from ccstream.engine.partition import Partition
from ccstream.engine.standbys import Standbys
from ccstream.engine.takeover import TakeOver, TakeOverCancelled
from ccstream.errors import DeliveryError

__all__ = ["Engine"]

_IDLE_WAIT = 0.2
"""Seconds to wait for a command while no partition is held."""

log = structlog.get_logger(__name__)


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

    @property
    def partitions(self) -> dict[int, Partition]:
        """What is held and served at the moment, by partition number."""
        return self._chunks.partitions

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
        try:
            partitions = self._takeover.acquire(
                assignment, retained, lambda: not self._commands.empty()
            )
        except TakeOverCancelled:
            log.info("take-over cancelled", generation=assignment.generation)
            return
        self._chunks.begin(partitions, assignment.waiting)
        self.assignment = assignment
        if self._standbys is not None:
            self._standbys.follow(assignment.standbys)
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
        try:
            if assignment is not None:
                self._retained = self._chunks.end(assignment, self._release_timeout)
                self._retained_generation = assignment.generation
        except DeliveryError as error:
            raise DeliveryError(f"partitions could not be given up in time: {error}") from error
        finally:
            command.done.set_result(None)

    def _answer_the_rest(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return
            if isinstance(command, _Release):
                command.done.set_result(None)
