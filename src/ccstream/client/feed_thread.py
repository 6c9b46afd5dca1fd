"""Carries what a blocking reader reads onto the event loop, a batch at a time.

librdkafka's consumer can only be waited for in a thread. The thread wakes the loop once a
batch, and reads at most a few batches ahead of it; what more there is waits in librdkafka,
and behind that in Kafka.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["Feed", "FeedThread"]

AHEAD_BATCHES_MAX: Final = 8
"""Batches handed to the loop and not yet taken by it."""

POLL_S: Final = 0.1
"""The longest that a stop waits for a read that finds nothing."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Feed(Protocol[T_co]):
    """What is read: started, read and closed in one thread."""

    def start(self) -> None: ...

    def read(self, timeout_s: float) -> Sequence[T_co]: ...

    def close(self) -> None: ...


class FeedThread(Generic[T]):
    """Reads ``feed`` in a thread of its own.

    Args:
        feed: what to read.
        deliver: called on the event loop with each batch; ``taken`` is to be called for it.
        failed: called on the event loop if reading fails after the start.
    """

    def __init__(
        self,
        feed: Feed[T],
        deliver: Callable[[Sequence[T]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._feed = feed
        self._deliver = deliver
        self._failed = failed
        self._ahead = threading.Semaphore(AHEAD_BATCHES_MAX)
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start the feed; raises what its start raises."""
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.create_future()
        self._ended = self._loop.create_future()
        # A daemon: a program that forgot to close its reader can still end.
        threading.Thread(target=self._run, name="ccstream-reader", daemon=True).start()
        try:
            await self._started
        except BaseException:
            self._stopping.set()  # nobody waits for it any more
            raise

    def taken(self) -> None:
        """A batch was taken: there is room for another."""
        self._ahead.release()

    async def stop(self) -> None:
        """Stop reading and wait until the feed is closed. Stopping twice does nothing."""
        self._stopping.set()
        if self._ended is not None:
            await asyncio.shield(self._ended)

    def _run(self) -> None:
        try:
            try:
                self._feed.start()
                self._tell(_settle, self._started)
                while not self._stopping.is_set():
                    batch = self._feed.read(POLL_S)
                    if batch and self._may_deliver():
                        self._tell(self._deliver, batch)
            finally:
                self._feed.close()
        except BaseException as error:  # noqa: BLE001 - told on the loop, where somebody waits
            self._tell(self._fail, error)
        self._tell(_settle, self._ended)

    def _may_deliver(self) -> bool:
        while not self._ahead.acquire(timeout=POLL_S):
            if self._stopping.is_set():
                return False
        return True

    def _fail(self, error: BaseException) -> None:
        assert self._started is not None
        if not self._started.done():
            self._started.set_exception(error)
        elif not self._stopping.is_set():
            self._failed(error)

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
