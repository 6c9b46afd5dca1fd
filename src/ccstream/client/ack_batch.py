"""Records handed to the producer together: where Kafka has put each, told once for all of them.

Nothing waits for a single one of them. An acknowledgement is a mark in a list, and the last one
ends the wait: a future for each would take as long as everything else that is done for a record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import final

from confluent_kafka import KafkaError, Message

from ccstream.client.ack_producer import AckProducer, NoRoomError
from ccstream.client.outbox import Outgoing
from ccstream.client.position import Position
from ccstream.errors import DeliveryError

__all__ = ["AckBatch"]


@final
class AckBatch:
    """Some records, in order.

    Args:
        producer: open.
        records: what to store.
    """

    def __init__(self, producer: AckProducer, records: Sequence[Outgoing]) -> None:
        self._producer = producer
        self._records = records
        self._left = 0
        self._done: asyncio.Future[None] | None = None
        self.positions: list[Position | None] = [None] * len(records)
        """Where each record is; None for one that was not acknowledged."""
        self.trouble: str | None = None
        """Why one was not."""

    async def store(self) -> None:
        """Hand all over, and wait for what becomes of them.

        If one is not taken, those behind it are not sent: they must not overtake it.
        """
        self._send()
        if self._left:
            self._done = asyncio.get_running_loop().create_future()
            await self._done

    def _send(self) -> None:
        producer = self._producer
        for index, record in enumerate(self._records):
            topic, key, value, headers = record
            try:
                producer.send(topic, key, value, headers, _Place(self, index))
            except NoRoomError:
                self.trouble = "too many events are in flight"
                return
            except DeliveryError as error:
                self.trouble = str(error)
                return
            self._left += 1

    def _ended(self, index: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            self.positions[index] = Position(self._records[index].topic, partition, offset)
        else:
            self.trouble = error.str()
        self._left -= 1
        if not self._left and self._done is not None and not self._done.done():
            self._done.set_result(None)


@final
class _Place:
    """Of which record of a batch an acknowledgement is."""

    __slots__ = ("_batch", "_index")

    def __init__(self, batch: AckBatch, index: int) -> None:
        self._batch = batch
        self._index = index

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self._batch._ended(self._index, error, message)
