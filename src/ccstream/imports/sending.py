"""The second half of an import: events to Kafka, a batch of rows at a time, each noted when stored.

Rows are older than what duplicates can be told from, so their events say that they are to be
applied all the same; by its id each is applied once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from ccstream.client.ack_producer import AckProducer
from ccstream.client.event_writer import EventWriter
from ccstream.client.outbox import Outgoing
from ccstream.client.publish_batch import PublishBatch
from ccstream.client.sealer import Sealer
from ccstream.client.surroundings import topic_of
from ccstream.domain.events import Event
from ccstream.imports.facts import Facts
from ccstream.ops.codecs import codec_of
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import topic_numbers
from ccstream.wire.headers import BY_HAND

__all__ = ["BATCH_ROWS", "publish_rows"]

BATCH_ROWS: Final = 2_000
"""Between two notes of progress: what is sent again after an end in between, and dropped there."""

IN_FLIGHT_MAX: Final = 10_000
KEYS_WAIT_S: Final = 60.0
"""For the data keys of all people to be read, before the first is encrypted for."""

LINGER_MS: Final = 20.0
"""Nobody waits for a single event of an import, and fuller requests spare the broker."""


class _ByHand(EventWriter):
    """Writes events so that they are applied although they are late."""

    def write(self, event: Event, traceparent: str | None = None) -> Outgoing:
        record = super().write(event, traceparent)
        return record._replace(headers=(*record.headers, (BY_HAND, b"")))


async def publish_rows(
    settings: Settings,
    source: str,
    channel: str,
    rows: Iterator[tuple[Facts, tuple[Event, ...]]],
    stored: Callable[[int], None],
) -> int:
    """Publish all; returns how many events.

    Args:
        settings: which cluster.
        source: the data base's name.
        channel: the channel.
        rows: each with its events, by time.
        stored: told how many more rows Kafka has.

    Raises:
        SettingsError: there is no such channel, or no master key where fields are to be
            ciphertext.
        BrokerUnavailableError: no broker answers.
        DeliveryError: events were not stored; those told of are.
    """
    topic = topic_of(channel, settings)
    sealer = Sealer.of(settings)
    writer = _ByHand(
        channel,
        source,
        topic,
        topic_numbers(settings.channels_extra)[topic],
        codec_of(settings),
        settings.kafka.max_message_bytes,
        sealer=sealer,
    )
    await asyncio.to_thread(writer.prepare)
    producer = AckProducer(
        producer_config(settings, role="import", linger_ms=LINGER_MS), in_flight_max=IN_FLIGHT_MAX
    )
    producer.open()
    events = 0
    try:
        await producer.reach(topic, settings.kafka.connect_timeout_ms / 1000)
        if sealer is not None:
            sealer.known.start()
            await asyncio.to_thread(sealer.known.wait, KEYS_WAIT_S)
        while some := list(islice(rows, BATCH_ROWS)):
            batch = PublishBatch(writer, producer, None, IN_FLIGHT_MAX)
            for _, made in some:
                for event in made:
                    await batch.add(event, None)
                    events += 1
            await batch.finish()
            stored(len(some))
    finally:
        producer.close()
        if sealer is not None:
            await asyncio.to_thread(sealer.known.stop)
    return events
