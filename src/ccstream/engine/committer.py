"""A thread that carries out one commit at a time.

librdkafka's calls that end a transaction or flush a producer block without holding the
interpreter, so folding goes on meanwhile in its own thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from ccstream.errors import DeliveryError

__all__ = ["Committer", "Step"]

Step = Callable[[], None]


class Committer:
    """Runs jobs one after the other; a failure is kept and raised by :meth:`finished`.

    A job is a sequence of steps; one that fails is the last. One that takes longer than
    ``seconds_max`` is given up: its calls have deadlines of their own, but while brokers are
    away, and even once they are back, librdkafka does not always keep them.
    """

    def __init__(self, name: str, seconds_max: float = 15.0) -> None:
        self._seconds_max = seconds_max
        self._jobs: queue.SimpleQueue[tuple[Step, ...] | None] = queue.SimpleQueue()
        self._done = threading.Event()
        self._hastened = threading.Event()
        self._failure: BaseException | None = None
        self._seconds = 0.0
        self._begun_at = 0.0
        self.busy = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def begin(self, *job: Step) -> None:
        """Start a job; not while :attr:`busy`."""
        if self.busy:
            raise DeliveryError("a commit was begun while another was on its way")
        self.busy = True
        self._begun_at = time.monotonic()
        self._failure = None  # of the job before, which may have been one to try again
        self._done.clear()
        self._hastened.clear()
        self._jobs.put(job)

    def pause(self, seconds: float) -> None:
        """Of a step: to wait for so long, but no longer than until it is hastened."""
        self._hastened.wait(seconds)

    def hasten(self) -> None:
        """The job on its way does not pause any more."""
        self._hastened.set()

    def finished(self) -> float | None:
        """The duration in seconds if the job begun last has ended since; None otherwise.

        Raises whatever the job raised, or DeliveryError if it never seems to end.
        """
        if not self.busy:
            return None
        if not self._done.is_set():
            if time.monotonic() - self._begun_at > self._seconds_max:
                raise DeliveryError(
                    f"a commit has not ended within {self._seconds_max:.0f} s; brokers are, or "
                    "were, away"
                )
            return None
        self.busy = False
        if self._failure is not None:
            raise self._failure
        return self._seconds

    def wait(self, timeout: float) -> float | None:
        """As :meth:`finished`, after waiting for the job for at most ``timeout`` seconds.

        Raises:
            DeliveryError: it did not end in time.
        """
        self.hasten()
        if self.busy and not self._done.wait(timeout):
            raise DeliveryError(f"a commit did not end within {timeout:.0f} s")
        return self.finished()

    def close(self) -> None:
        self.hasten()
        self._jobs.put(None)
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            started = time.perf_counter()
            try:
                for step in job:
                    step()
            except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
                self._failure = error
            self._seconds = time.perf_counter() - started
            self._done.set()
