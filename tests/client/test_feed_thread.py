"""What a thread reads reaches the event loop in order, and so does its failure."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from ccstream.client.feed_thread import AHEAD_BATCHES_MAX, FeedThread


class Numbers:
    """A feed of batches; it notes in which threads it was used."""

    def __init__(
        self, count: int, fails_at: int = -1, start_error: Exception | None = None
    ) -> None:
        self._count = count
        self._fails_at = fails_at
        self._start_error = start_error
        self.at = 0
        self.threads: set[int] = set()
        self.closed = 0

    def start(self) -> None:
        self.threads.add(threading.get_ident())
        if self._start_error is not None:
            raise self._start_error

    def read(self, timeout_s: float) -> Sequence[int]:
        self.threads.add(threading.get_ident())
        if self.at == self._fails_at:
            raise ValueError("the feed broke")
        if self.at == self._count:
            time.sleep(min(timeout_s, 0.005))
            return []
        self.at += 1
        return [self.at]

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1


class Receiver:
    def __init__(self, feed: Numbers, *, takes: bool = True) -> None:
        self.got: list[int] = []
        self.error: BaseException | None = None
        self._takes = takes
        self.thread: FeedThread[int] = FeedThread(feed, self._deliver, self._failed)

    def _deliver(self, batch: Sequence[int]) -> None:
        self.got += batch
        if self._takes:
            self.thread.taken()

    def _failed(self, error: BaseException) -> None:
        self.error = error


async def test_batches_arrive_in_order_and_the_feed_stays_in_its_thread() -> None:
    feed = Numbers(500)
    receiver = Receiver(feed)
    await receiver.thread.start()
    async with asyncio.timeout(10):
        while len(receiver.got) < 500:  # noqa: ASYNC110 - deliveries are what is waited for
            await asyncio.sleep(0.005)
        await receiver.thread.stop()
        await receiver.thread.stop()
    assert receiver.got == list(range(1, 501))
    assert (len(feed.threads), feed.closed) == (1, 1)
    assert threading.get_ident() not in feed.threads


async def test_the_feed_is_not_read_far_ahead_of_a_slow_loop() -> None:
    feed = Numbers(500)
    receiver = Receiver(feed, takes=False)
    await receiver.thread.start()
    async with asyncio.timeout(10):
        while feed.at <= AHEAD_BATCHES_MAX:  # noqa: ASYNC110 - what is read is waited for
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.3)
    assert len(receiver.got) == AHEAD_BATCHES_MAX
    assert feed.at == AHEAD_BATCHES_MAX + 1
    async with asyncio.timeout(5):
        await receiver.thread.stop()
    assert feed.closed == 1


async def test_what_fails_at_the_start_is_raised_there() -> None:
    feed = Numbers(1, start_error=ValueError("no broker"))
    receiver = Receiver(feed)
    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="no broker"):
            await receiver.thread.start()
        await receiver.thread.stop()
    assert (receiver.error, feed.closed) == (None, 1)


async def test_what_fails_later_is_told_after_what_was_read() -> None:
    receiver = Receiver(Numbers(10, fails_at=3))
    await receiver.thread.start()
    async with asyncio.timeout(5):
        while receiver.error is None:  # noqa: ASYNC110 - the failure is what is waited for
            await asyncio.sleep(0.005)
        await receiver.thread.stop()
    assert receiver.got == [1, 2, 3]
    assert str(receiver.error) == "the feed broke"


async def test_a_start_that_is_given_up_leaves_nothing_running() -> None:
    feed = Numbers(1_000_000)
    feed.start = lambda: time.sleep(0.2)  # type: ignore[method-assign]
    receiver = Receiver(feed)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await receiver.thread.start()
    async with asyncio.timeout(5):
        await receiver.thread.stop()
    assert (feed.closed, feed.at, receiver.error) == (1, 0, None)
