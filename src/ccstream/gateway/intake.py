"""Events into Kafka: checked and written by the SDK, answered when the broker has stored them.

One librdkafka producer for all channels. What is in flight is bounded; beyond that, and while
no broker answers, nothing waits in memory: the sender is told to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from ccstream.client.ack_batch import AckBatch
from ccstream.client.ack_producer import AckProducer
from ccstream.client.event_writer import EventWriter
from ccstream.client.outbox import Outgoing
from ccstream.client.position import Position
from ccstream.client.sealer import Sealer
from ccstream.errors import BrokerUnavailableError, TopicMismatchError
from ccstream.ops.codecs import codec_of
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.keyring import KeyRing
from ccstream.ops.logs import logger
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS, input_topic, topic_numbers

__all__ = ["Intake"]

log = logger(__name__)

LINGER_MS: Final = 1.0
"""As the SDK's publisher has it: requests of many senders share one to the broker."""

LOOK_S: Final = 2.0
"""Between two looks whether Kafka is in reach; an orchestrator asks for it as often."""

LOOK_TIMEOUT_S: Final = 2.0

TOLD_S: Final = 10.0
"""While Kafka is away each request fails; one line in so many seconds is enough."""


class Intake:
    """Stores events of every channel. Use it on one event loop, within ``open`` and ``close``."""

    def __init__(self, settings: Settings) -> None:
        gateway = settings.gateway
        self._drain_s = gateway.drain_ms / 1000
        self._topic = input_topic(CHANNELS[0])
        self._producer = AckProducer(
            producer_config(settings, role="gateway", linger_ms=LINGER_MS)
            | {"message.timeout.ms": gateway.ack_timeout_ms},
            in_flight_max=gateway.in_flight_max,
        )
        codec = codec_of(settings)
        numbers = topic_numbers(settings.channels_extra)
        bytes_max = settings.kafka.max_message_bytes
        self._sealer = Sealer.of(settings)
        self._writers = {
            channel: EventWriter(
                *(channel, "gateway", topic, numbers[topic], codec, bytes_max),
                sealer=self._sealer,
            )
            for channel in (*CHANNELS, *settings.channels_extra)
            for topic in (input_topic(channel),)
        }
        self._looking: asyncio.Task[None] | None = None
        self._away: str | None = "not started"
        self._told_at = float("-inf")

    @property
    def channels(self) -> Sequence[str]:
        """Every channel that there is."""
        return tuple(self._writers)

    @property
    def away(self) -> str | None:
        """Why events cannot be stored just now; None if they can."""
        if self._away is None and self._sealer is not None and not self._sealer.known.caught_up:
            return "the data keys of personal fields have not been read yet"
        return self._away

    async def open(self) -> None:
        """Ask the schema registry, where there is one, and begin to look for Kafka.

        Raises ``RegistryUnavailableError``; Kafka need not be there.
        """
        await asyncio.to_thread(self._writers[CHANNELS[0]].prepare)
        self._producer.open()
        if self._sealer is not None:
            self._sealer.known.start()
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Wait for what is in flight, as long as a gateway may take to end."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                await self._producer.flush()
        self._producer.close()
        if self._sealer is not None:
            await asyncio.to_thread(self._sealer.known.stop)

    def key_ring(self, entity: str) -> KeyRing | None:
        """What reads the personal fields of somebody; None where none are encrypted."""
        return None if self._sealer is None else self._sealer.ring(entity)

    def writer(self, channel: str) -> EventWriter:
        """What writes the channel's events; raises KeyError if there is no such channel."""
        return self._writers[channel]

    async def store(self, records: Sequence[Outgoing]) -> list[Position | None]:
        """Store records in order, and wait for the broker.

        Returns:
            Where each is; None for one that was not acknowledged in time. It may be stored
            nevertheless, if the broker fell silent in between.
        """
        batch = AckBatch(self._producer, records)
        await batch.store()
        if batch.trouble is None:
            self._away = None
        else:
            self._tell(batch.trouble, batch.positions.count(None))
        return batch.positions

    async def _look(self) -> None:
        while True:
            try:
                await self._producer.reach(self._topic, LOOK_TIMEOUT_S)
                self._away = None
            except BrokerUnavailableError:
                self._away = "Kafka is out of reach"
            except TopicMismatchError:
                self._away = "the channels' topics are not there"
            await asyncio.sleep(LOOK_S)

    def _tell(self, trouble: str, count: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TOLD_S:
            self._told_at = now
            log.warning("events were not stored", reason=trouble, events=count)
