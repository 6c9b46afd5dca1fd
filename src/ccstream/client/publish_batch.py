"""Many events with one wait: counted rather than given a future each."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, Message

from ccstream.client.ack_producer import Acknowledge, AckProducer, NoRoomError
from ccstream.client.event_writer import EventWriter
from ccstream.client.outbox import Outgoing
from ccstream.client.outbox_sender import OutboxSender
from ccstream.client.position import Position
from ccstream.domain.events import Event
from ccstream.errors import DeliveryError
from ccstream.ops.refusals import told

__all__ = ["PublishBatch"]

TURN_EVENTS: Final = 200
"""Events after which the event loop gets a turn: about 5 ms of work."""

STORE_EVENTS: Final = 500
"""Events that share one write to the outbox; each write waits for the disk."""


class PublishBatch:
    """Adds events one by one, keeps as many in flight as it may, and counts what came of it."""

    def __init__(
        self,
        writer: EventWriter,
        producer: AckProducer,
        sender: OutboxSender | None,
        in_flight_max: int,
    ) -> None:
        self._writer = writer
        self._producer = producer
        self._sender = sender
        self._in_flight_max = in_flight_max
        self._to_store: list[tuple[Event | None, Outgoing]] = []  # no event: a key
        self._keys = 0
        self._added = 0
        self._ended = 0
        self._error: DeliveryError | None = None
        self._failed = 0
        self._progress = asyncio.Event()

    async def add(self, event: Event, traceparent: str | None) -> None:
        """Send the event, waiting for room.

        Raises ``InvalidEventError`` if it is not valid, ``DeliveryError`` once one has failed.
        """
        if self._error is not None:
            await self.finish()
        record = self._writer.write(event, traceparent)
        keys = self._writer.take_keys()
        self._keys += len(keys)
        if self._sender is None:
            for key in keys:
                await self._send(key, self._acknowledged)
            followed = self._writer.follows(event)
            ended = partial(self._followed, event) if followed else self._acknowledged
            await self._send(record, ended)
            return
        self._to_store += [(None, key) for key in keys]
        self._to_store.append((event, record))
        if len(self._to_store) >= STORE_EVENTS:
            await self._store(self._sender)

    async def finish(self) -> int:
        """Wait for all; returns how many Kafka has stored. Raises ``DeliveryError`` if not all."""
        if self._sender is not None and self._to_store:
            await self._store(self._sender)
        await self._until_in_flight(0)
        if self._error is not None:
            raise DeliveryError(
                f"{self._failed} of {self._added} events were not stored; the first: "
                f"{self._error}. Publishing all of them again is safe: their ids are recognised."
            ) from self._error
        return self._added - self._keys

    async def _send(self, record: Outgoing, ended: Acknowledge) -> None:
        while True:
            try:
                self._producer.send(record.topic, record.key, record.value, record.headers, ended)
                break
            except NoRoomError:
                await self._producer.room()
        self._added += 1
        if self._added % TURN_EVENTS == 0:
            self._producer.poll()
            await asyncio.sleep(0)

    async def _store(self, sender: OutboxSender) -> None:
        await self._until_in_flight(self._in_flight_max)
        stored, self._to_store = self._to_store, []
        futures = await sender.store([record for _, record in stored])
        for (event, _), future in zip(stored, futures, strict=True):
            future.add_done_callback(partial(self._told, event))
        self._added += len(stored)

    async def _until_in_flight(self, most: int) -> None:
        while self._added - self._ended > most:
            self._progress.clear()
            await self._progress.wait()

    def _acknowledged(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._fail(DeliveryError(f"Kafka did not store the event: {told(error)}"))
        self._ended += 1
        self._progress.set()

    def _followed(self, event: Event, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._writer.placed(event, Position.of(message))
        self._acknowledged(error, message)

    def _told(self, event: Event | None, future: asyncio.Future[Position]) -> None:
        error = DeliveryError("closed") if future.cancelled() else future.exception()
        if error is not None:
            self._fail(error)
        elif event is not None and self._writer.follows(event):
            self._writer.placed(event, future.result())
        self._ended += 1
        self._progress.set()

    def _fail(self, error: BaseException) -> None:
        self._failed += 1
        if self._error is None:
            self._error = error if isinstance(error, DeliveryError) else DeliveryError(str(error))
