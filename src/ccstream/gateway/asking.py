"""Asks the worker that owns a key, wherever that is, and finds it again when it has moved.

A worker says where it is in the owners' topic, at every take-over. One that does not serve the
key just now, does not answer, or is gone is asked again, or its successor is, until a deadline.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from ccstream.client.feed_thread import FeedThread
from ccstream.client.log_reader import LogRecord
from ccstream.client.records import Gap
from ccstream.client.view_feed import CaughtUp, ViewFeed
from ccstream.errors import CcstreamError, UndecodableError
from ccstream.gateway.owners import OwnerAt, Owners
from ccstream.gateway.problems import ProblemError
from ccstream.ops.codecs import codec_of
from ccstream.ops.health import SIGNATURE
from ccstream.ops.logs import logger
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import OWNERS_TOPIC
from ccstream.wire.query import Answer, Question, decode_answer, encode, signature

__all__ = ["Asker"]

log = logger(__name__)

CALLS_MAX: Final = 32
"""Questions on their way at a time: a thread each, and twice what one worker answers at once."""

CALL_S_MAX: Final = 2.0
"""A worker answers within milliseconds, or, held up by a commit, within half a second."""

ANSWER_BYTES_MAX: Final = 64 << 20
"""A thousand orders of a hundred lines."""

PAUSE_S_MIN: Final = 0.005
PAUSE_S_MAX: Final = 0.1
"""Between two attempts, doubled each time: an event is folded within milliseconds, a partition
moves within seconds."""

RETRY_AFTER_S: Final = 2
RETRY_S: Final = 5.0
"""Before the owners' topic is read anew after a failure."""


class Asker:
    """Asks workers.

    Args:
        settings: how to reach Kafka, and whose tables are meant.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._owners = Owners(settings.app_id, codec_of(settings))
        self._calls = ThreadPoolExecutor(CALLS_MAX, "ccstream-ask")
        self.away: str | None = "the owners of partitions are being looked for"
        """Why nobody can be asked just now; None if somebody can."""

    async def run(self) -> None:
        """Follow the owners until cancelled."""
        while True:
            try:
                await self._follow()
            except CcstreamError as error:
                self.away = "the owners of partitions cannot be read"
                log.warning("no queries until the owners can be read", reason=str(error))
            await asyncio.sleep(RETRY_S)

    def close(self) -> None:
        """Ask nobody any more."""
        self._calls.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: Question, until: float) -> Answer:
        """The answer of the owner.

        Args:
            question: about whom, and what.
            until: the time of the event loop by which somebody must have answered.

        Raises:
            ProblemError: unavailable: the partition is moving, or its worker is away.
        """
        loop = asyncio.get_running_loop()
        body = encode(question)
        pause = PAUSE_S_MIN
        while True:
            owner = self._owners.of(question.entity)
            if owner is not None:
                # Not the default threads: those also look names up and read key sets.
                answer = await loop.run_in_executor(self._calls, _answered, owner, body)
                if answer is not None:
                    return answer
            if loop.time() + pause > until:
                raise ProblemError(
                    "unavailable",
                    "No worker answers for the key just now; ask again.",
                    headers={"Retry-After": str(RETRY_AFTER_S)},
                )
            await asyncio.sleep(pause)
            pause = min(PAUSE_S_MAX, pause * 2)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()
        start_s = self._settings.kafka.connect_timeout_ms / 1000
        feed = ViewFeed(self._settings, [OWNERS_TOPIC], start_s, live=True)

        def fail(error: BaseException) -> None:
            if not failed.done():
                failed.set_exception(error)

        def take(batch: Sequence[LogRecord | Gap | CaughtUp]) -> None:
            for item in batch:
                if isinstance(item, LogRecord):
                    self._owners.take(item)
                elif isinstance(item, CaughtUp):
                    self.away = None
            thread.taken()

        thread: FeedThread[LogRecord | Gap | CaughtUp] = FeedThread(feed, take, fail)
        try:
            await thread.start()
            await failed
        finally:
            await thread.stop()


def _answered(owner: OwnerAt, body: bytes) -> Answer | None:
    """What a worker answers; None if it does not, or not just now. In a thread."""
    where = urlsplit(owner.address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=CALL_S_MAX)
    try:
        signed = signature(owner.query_key, time.time_ns() // 1_000_000, body)
        connection.request("POST", where.path, body, {SIGNATURE: signed})
        reply = connection.getresponse()
        if reply.status != HTTPStatus.OK:
            return None
        return decode_answer(reply.read(ANSWER_BYTES_MAX))
    except (OSError, http.client.HTTPException):
        return None
    except UndecodableError as error:
        log.warning("a worker's answer cannot be read", reason=error.reason)
        return None
    finally:
        connection.close()
