"""Empties the outbox into Kafka: what was stored first leaves first, subject by subject.

An event of a subject is handed to the producer only when the one before it has been
acknowledged, so no failure can let it overtake. Subjects do not wait for each other. What
is acknowledged is removed; what a crash left unremoved is sent again with the same
``event_id``, which the workers' duplicate window recognises.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

from confluent_kafka import KafkaError, Message

from ccstream.client.ack_producer import Acknowledge, Headers, NoRoomError
from ccstream.client.outbox import Outbox, Outgoing, Parked, Stored
from ccstream.client.position import Position
from ccstream.errors import DeliveryError, OutboxError, OutboxFullError
from ccstream.ops import refusals

__all__ = ["OutboxSender"]

log = logging.getLogger(__name__)

WINDOW_ROWS_MAX: Final = 1_000
"""Events held in memory; the others wait on the disk. Several round trips' worth."""

BACKOFF_S_MIN: Final = 0.5
BACKOFF_S_MAX: Final = 30.0
"""Between attempts at what fails for all: a topic that is not there, rights withdrawn."""

POISON: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
    }
)
"""Errors of this one event, which trying again cannot mend: it is parked, with the reason."""

T = TypeVar("T")


class Sends(Protocol):
    """What is needed of the producer."""

    def send(
        self, topic: str, key: bytes, value: bytes, headers: Headers, acknowledge: Acknowledge
    ) -> None: ...


class _Store(NamedTuple):
    records: Sequence[Outgoing]
    stored: asyncio.Future[list[asyncio.Future[Position]]]


class OutboxSender:
    """Stores and sends, on the event loop; the disk is waited for in a thread of its own."""

    def __init__(self, outbox: Outbox, producer: Sends) -> None:
        self._outbox = outbox
        self._producer = producer
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="ccstream-outbox")
        self._task: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        self._sending = True
        self._closing = False
        self._stores: deque[_Store] = deque()
        self._sent: list[int] = []
        self._refused: list[tuple[int, str]] = []
        self._queues: dict[bytes, deque[Stored]] = {}  # a subject's first is the one in flight
        self._waiting = outbox.rows
        self._window_rows = 0
        self._loaded_to = 0
        self._more_on_disk = outbox.rows > 0
        self._told: dict[int, asyncio.Future[Position]] = {}
        self._backoff_s = BACKOFF_S_MIN
        self._retry_at = 0.0
        self._emptied: asyncio.Future[None] | None = None
        self.trouble: OutboxError | None = None
        """Why the disk cannot be read or written just now; it is tried again."""

    @property
    def waiting(self) -> int:
        """Events that Kafka does not have yet, parked ones among them."""
        return self._waiting

    def start(self) -> None:
        """Begin to send what an earlier process left."""
        self._task = asyncio.get_running_loop().create_task(self._serve_disk())
        self._work.set()

    async def store(self, records: Sequence[Outgoing]) -> list[asyncio.Future[Position]]:
        """Store all of ``records`` or none, and send them in the background.

        They are on the disk when this returns; each future tells when Kafka has that one.
        Raises ``OutboxError`` if they could not be stored.
        """
        if not self._sending:
            raise DeliveryError("The publisher is closed; nothing can be published any more.")
        entry = _Store(records, asyncio.get_running_loop().create_future())
        self._stores.append(entry)
        self._work.set()
        return await asyncio.shield(entry.stored)

    async def flush(self) -> None:
        """Wait until Kafka has everything, except for what it refused for good."""
        while self._told or self._queues or self._more_on_disk or self._sent or self._stores:
            if self.trouble is not None:
                raise self.trouble
            if self._emptied is None:
                self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._emptied)

    def stop(self) -> None:
        """Hand nothing more to the producer; what Kafka has not got stays in the file."""
        self._sending = False

    async def close(self) -> None:
        """Finish with the disk, once the producer has told what became of the last events."""
        self._sending = False
        self._closing = True
        self._work.set()
        if self._task is not None:
            await self._task
        self._disk.shutdown()
        self._outbox.close()
        for future in self._told.values():
            future.cancel()

    async def parked(self) -> list[Parked]:
        """What Kafka refused for good."""
        return await self.on_disk(self._outbox.parked)

    async def unpark(self, parked: Parked) -> None:
        """Send a parked event after all; events of its subject may have overtaken it."""
        await self.on_disk(partial(self._outbox.unpark, parked.sequence))
        if parked.sequence <= self._loaded_to:
            self._take(Stored(parked.sequence, parked.record))

    async def discard(self, parked: Parked) -> None:
        """Give a parked event up."""
        await self.on_disk(partial(self._outbox.remove, [parked.sequence]))
        self._waiting -= 1

    async def on_disk(self, call: Callable[[], T]) -> T:
        """Run ``call`` where the outbox may be touched."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)

    # The disk: one job at a time, each taking all that has come together since the last.

    async def _serve_disk(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._remove()
                await self._store()
                await self._load()
                self.trouble = None
            except OutboxError as error:
                if self.trouble is None:
                    log.error("%s Trying again.", error)
                self.trouble = error
                if not self._closing:
                    asyncio.get_running_loop().call_later(BACKOFF_S_MIN, self._work.set)
            self._tell_progress()
            if self._closing and (self.trouble or not (self._stores or self._sent)):
                return

    async def _remove(self) -> None:
        sent = self._sent[:]
        refused = self._refused[:]
        if sent:
            await self.on_disk(partial(self._outbox.remove, sent))
            del self._sent[: len(sent)]
        for sequence, reason in refused:
            await self.on_disk(partial(self._outbox.park, sequence, reason))
            self._refused.pop(0)

    async def _store(self) -> None:
        entries = list(self._stores)
        if not entries:
            return
        self._stores.clear()
        try:
            together = [record for entry in entries for record in entry.records]
            await self._store_together(entries, together)
        except OutboxFullError:
            for entry in entries:  # some of them may still fit
                try:
                    await self._store_together([entry], entry.records)
                except OutboxError as error:
                    _fail(entry, error)
        except OutboxError as error:
            for entry in entries:
                _fail(entry, error)

    async def _store_together(self, entries: list[_Store], records: Sequence[Outgoing]) -> None:
        sequences = iter(await self.on_disk(partial(self._outbox.put, records)))
        self._waiting += len(records)
        loop = asyncio.get_running_loop()
        for entry in entries:
            futures: list[asyncio.Future[Position]] = []
            for record in entry.records:
                sequence = next(sequences)
                futures.append(loop.create_future())
                self._told[sequence] = futures[-1]
                if self._window_rows >= WINDOW_ROWS_MAX:
                    self._more_on_disk = True
                elif not self._more_on_disk:
                    self._take(Stored(sequence, record))
            if not entry.stored.done():
                entry.stored.set_result(futures)

    async def _load(self) -> None:
        room = WINDOW_ROWS_MAX - self._window_rows
        if not self._more_on_disk or room < WINDOW_ROWS_MAX // 2:
            return
        rows = await self.on_disk(partial(self._outbox.after, self._loaded_to, room))
        self._more_on_disk = len(rows) == room
        for stored in rows:
            self._take(stored)

    # Sending: a subject's events one after the other.

    def _take(self, stored: Stored) -> None:
        self._loaded_to = max(self._loaded_to, stored.sequence)
        self._window_rows += 1
        queue = self._queues.setdefault(stored.record.key, deque())
        queue.append(stored)
        if len(queue) == 1:
            self._send_first(stored.record.key)

    def _send_first(self, key: bytes) -> None:
        if not self._sending:
            return
        stored = self._queues[key][0]
        record = stored.record
        try:
            self._producer.send(
                record.topic,
                record.key,
                record.value,
                record.headers,
                partial(self._acknowledged, stored),
            )
        except (NoRoomError, DeliveryError) as error:
            self._try_later(key, str(error))

    def _acknowledged(self, stored: Stored, error: KafkaError | None, message: Message) -> None:
        key = stored.record.key
        if error is None:
            self._backoff_s = BACKOFF_S_MIN
            self._sent.append(stored.sequence)
            self._waiting -= 1
            told = self._told.pop(stored.sequence, None)
            if told is not None and not told.done():
                told.set_result(Position.of(message))
        elif error.code() in POISON:
            log.error("Kafka refuses event %d for good: %s", stored.sequence, error.str())
            self._refused.append((stored.sequence, error.str()))
            told = self._told.pop(stored.sequence, None)
            if told is not None and not told.done():
                told.set_exception(DeliveryError(f"Kafka refuses the event: {error.str()}"))
        else:
            self._try_later(key, refusals.told(error))
            return
        queue = self._queues[key]
        queue.popleft()
        self._window_rows -= 1
        if queue:
            self._send_first(key)
        else:
            del self._queues[key]
        self._work.set()

    def _try_later(self, key: bytes, why: str) -> None:
        if not self._sending:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._retry_at:  # else it shares the wait of those that failed just now
            log.warning(
                "%s; %d events wait in the outbox %s, trying again in %g s",
                why or "The producer is full",
                self.waiting,
                self._outbox.path,
                self._backoff_s,
            )
            self._retry_at = loop.time() + self._backoff_s
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_S_MAX)
        loop.call_at(self._retry_at, self._send_first, key)

    def _tell_progress(self) -> None:
        if self._emptied is not None:
            self._emptied.set_result(None)
            self._emptied = None


def _fail(entry: _Store, error: OutboxError) -> None:
    if not entry.stored.done():
        entry.stored.set_exception(error)
