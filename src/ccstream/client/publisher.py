"""Publishing a channel's events: typed, checked before they leave, acknowledged by Kafka.

    async with ChannelPublisher(bootstrap="…", channel="web", source="shop-1") as publisher:
        added = publisher.event(CartItemAdded, "customer:42", sku="mug", quantity=2)
        await publisher.publish(added)

What ``publish`` returns for is stored by Kafka. With ``outbox`` every event is first stored
on the disk, and reaches Kafka as soon as it can, in order per subject, whatever happens to
Kafka, the network or this process in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from confluent_kafka import KafkaError, Message

from ccstream.client.ack_producer import AckProducer, NoRoomError
from ccstream.client.event_writer import EventWriter, Observes
from ccstream.client.outbox import BYTES_MAX, ROWS_MAX, Outbox, Outgoing, Parked
from ccstream.client.outbox_sender import OutboxSender
from ccstream.client.position import Position
from ccstream.client.publish_batch import PublishBatch
from ccstream.client.sealer import Sealer
from ccstream.client.surroundings import settings_for, topic_of
from ccstream.domain.events import Event
from ccstream.errors import DeliveryError, InvalidEventError
from ccstream.ops.codecs import codec_of
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.refusals import told
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import topic_numbers

__all__ = ["ChannelPublisher"]

log = logging.getLogger(__name__)

IN_FLIGHT_MAX: Final = 10_000
"""Events sent and not yet acknowledged: a fifth of a second at full speed."""

LINGER_MS: Final = 1.0
"""How long an event may wait for others of its partition: a broker chokes on one request
an event at a few thousand a second."""

FOREVER: Final = 0
"""librdkafka's word for a record that is tried until it is there."""

E = TypeVar("E", bound=Event)


class ChannelPublisher:
    """Publishes the events of one source of one channel. Use it on one event loop.

    Args:
        channel: the channel, as ``web``; it decides the topic.
        source: which part of the channel: this till, this shop server.
        bootstrap: Kafka's address; without it, that of the settings.
        settings: all settings; without them, those of the environment and ``ccstream.toml``.
        outbox: a file to keep events in until Kafka has them; one for each publisher.
        outbox_rows_max, outbox_bytes_max: what the file may hold; more is refused.
        view: what this source shows its users. Events that take something out of a cart
            then say by themselves what their author had seen.
        linger_ms: how long an event may wait for others, to be sent together.
        in_flight_max: events sent and not yet acknowledged; more wait.
        start_timeout_s: how long ``start`` waits for a broker.
        delivery_timeout_s: how long an event is tried before ``DeliveryError``. An outbox
            tries for ever.
        close_timeout_s: how long the end waits for an outbox to get empty.
    """

    def __init__(
        self,
        *,
        channel: str,
        source: str,
        bootstrap: str | None = None,
        settings: Settings | None = None,
        outbox: Path | str | None = None,
        outbox_rows_max: int = ROWS_MAX,
        outbox_bytes_max: int = BYTES_MAX,
        view: Observes | None = None,
        linger_ms: float = LINGER_MS,
        in_flight_max: int = IN_FLIGHT_MAX,
        start_timeout_s: float = 10.0,
        delivery_timeout_s: float = 30.0,
        close_timeout_s: float = 5.0,
    ) -> None:
        self.channel = channel
        self.source = source
        settings = settings_for(bootstrap, settings)
        self._topic = topic_of(channel, settings)
        self._outbox_path = None if outbox is None else Path(outbox)
        self._outbox_bounds = (outbox_rows_max, outbox_bytes_max)
        timeout_ms = FOREVER if outbox is not None else max(1, round(delivery_timeout_s * 1000))
        self._producer = AckProducer(
            producer_config(settings, role="publisher", linger_ms=linger_ms)
            | {"message.timeout.ms": timeout_ms},
            in_flight_max=in_flight_max,
        )
        self._sealer = Sealer.of(settings)
        self._writer = EventWriter(
            channel,
            source,
            self._topic,
            topic_numbers(settings.channels_extra)[self._topic],
            codec_of(settings),
            settings.kafka.max_message_bytes,
            view,
            self._sealer,
        )
        self._in_flight_max = in_flight_max
        self._start_timeout_s = start_timeout_s
        self._close_timeout_s = close_timeout_s
        self._sender: OutboxSender | None = None
        self._failures: list[BaseException] = []
        self._failed = 0

    async def start(self) -> Self:
        """Connect.

        Raises ``BrokerUnavailableError`` if no broker answers in time, ``AccessDeniedError`` if
        they do not let this client in or publish there, and ``TopicMismatchError`` if the
        channel has no topic there. With an outbox nothing of this is needed to begin with;
        ``OutboxError`` if its file cannot be used.
        """
        await asyncio.to_thread(self._writer.prepare)
        self._producer.open()
        try:
            if self._outbox_path is None:
                await self._producer.reach(self._topic, self._start_timeout_s)
            else:
                outbox = await asyncio.to_thread(Outbox, self._outbox_path, *self._outbox_bounds)
                self._sender = OutboxSender(outbox, self._producer)
                self._sender.start()
            if self._sealer is not None:
                self._sealer.known.start()
                if self._outbox_path is None:
                    await asyncio.to_thread(self._sealer.known.wait, self._start_timeout_s)
        except BaseException:
            self._producer.close()
            await self._stop_sealing()
            raise
        return self

    def event(self, kind: type[E], subject: str, /, **fields: Any) -> E:
        """An event of this channel and source that happened just now.

        ``event_id`` and ``occurred_at`` are filled in unless given. Raises
        ``InvalidEventError`` if a field is missing or unknown.
        """
        return self._writer.event(kind, subject, fields)

    async def publish(self, event: Event, *, traceparent: str | None = None) -> Position:
        """Publish an event and wait until Kafka has stored it.

        Returns where. Raises ``InvalidEventError`` before anything is sent, ``DeliveryError``
        if Kafka did not take it (with an outbox: only if it never will), ``OutboxError`` if
        the outbox did not. Publishing the same event again is safe: its id is recognised.
        With an outbox, giving up waiting does not take the event back.
        """
        return await (await self._send(event, traceparent))

    async def publish_soon(
        self, event: Event, *, traceparent: str | None = None
    ) -> asyncio.Future[Position]:
        """Publish an event without waiting for Kafka.

        With an outbox the event is on the disk when this returns, without one it waits in
        memory. The future tells when Kafka has it. Futures may be dropped: failures are also
        raised by the next ``flush``, or at the end.
        """
        future = await self._send(event, traceparent)
        future.add_done_callback(self._note_failure)
        return future

    async def publish_many(
        self, events: Iterable[Event] | AsyncIterable[Event], *, traceparent: str | None = None
    ) -> int:
        """Publish events in order and wait until Kafka has stored all; returns how many.

        At the first that cannot be published it stops, waits for those before it, and raises
        ``InvalidEventError`` (whose message counts events from 0) or ``DeliveryError``.
        """
        batch = PublishBatch(self._writer, self._producer, self._sender, self._in_flight_max)
        number = 0
        try:
            if isinstance(events, AsyncIterable):
                async for event in events:
                    await batch.add(event, traceparent)
                    number += 1
            else:
                for event in events:
                    await batch.add(event, traceparent)
                    number += 1
        except InvalidEventError as error:
            await batch.finish()
            raise InvalidEventError(error.reason, f"event {number}: {error.detail}") from error
        return await batch.finish()

    async def flush(self) -> None:
        """Wait until Kafka has everything published so far.

        Raises ``DeliveryError`` if an event of ``publish_soon`` was not stored.
        """
        if self._sender is not None:
            await self._sender.flush()
        await self._producer.flush()
        self._raise_failures()

    @property
    def waiting(self) -> int:
        """Events that Kafka does not have yet: in memory, or in the outbox."""
        return self._producer.in_flight if self._sender is None else self._sender.waiting

    async def parked(self) -> list[Parked]:
        """Events in the outbox that Kafka refused for good, and why."""
        return [] if self._sender is None else await self._sender.parked()

    async def unpark(self, parked: Parked) -> None:
        """Send a parked event after all, behind those that have overtaken it."""
        if self._sender is not None:
            await self._sender.unpark(parked)

    async def discard(self, parked: Parked) -> None:
        """Give a parked event up."""
        if self._sender is not None:
            await self._sender.discard(parked)

    async def aclose(self) -> None:
        """Wait for what is in flight, and end. An outbox keeps what Kafka did not take."""
        try:
            if self._sender is None:
                await self._producer.flush()
            else:
                await self._close_outbox(self._sender)
        finally:
            self._producer.close()
            await self._stop_sealing()
        self._raise_failures()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _send(self, event: Event, traceparent: str | None) -> asyncio.Future[Position]:
        record = self._writer.write(event, traceparent)
        keys = self._writer.take_keys()
        if self._sender is not None:
            future = (await self._sender.store([*keys, record]))[-1]
        else:
            for key in keys:  # in order; if it is lost, so that the event is unreadable, that is
                (await self._sent(key)).add_done_callback(self._note_failure)  # raised by flush
            future = await self._sent(record)
        if self._writer.follows(event):
            future.add_done_callback(partial(self._placed, event))
        return future

    async def _sent(self, record: Outgoing) -> asyncio.Future[Position]:
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        settle = partial(_settle, future)
        while True:
            try:
                self._producer.send(record.topic, record.key, record.value, record.headers, settle)
            except NoRoomError:
                await self._producer.room()
            else:
                return future

    async def _stop_sealing(self) -> None:
        if self._sealer is not None:
            await asyncio.to_thread(self._sealer.known.stop)

    async def _close_outbox(self, sender: OutboxSender) -> None:
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await sender.flush()
        except TimeoutError:
            log.warning(
                "%d events stay in the outbox %s; the next publisher that opens it sends them",
                sender.waiting,
                self._outbox_path,
            )
        finally:
            sender.stop()
            self._producer.close()
            await sender.close()

    def _placed(self, event: Event, future: asyncio.Future[Position]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._writer.placed(event, future.result())

    def _note_failure(self, future: asyncio.Future[Position]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._failed += 1
            if not self._failures:
                self._failures.append(error)

    def _raise_failures(self) -> None:
        failed, self._failed = self._failed, 0
        if self._failures:
            first = self._failures.pop()
            raise DeliveryError(f"{failed} events were not stored; the first: {first}") from first


def _settle(future: asyncio.Future[Position], error: KafkaError | None, message: Message) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(Position.of(message))
    else:
        future.set_exception(DeliveryError(f"Kafka did not store the event: {told(error)}"))
