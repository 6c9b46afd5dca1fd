"""Faust's transport for apps of one's own: committed records only, and nothing lost unnoticed.

Faust's consumer is hard-coded to read uncommitted records and to wait 1.5 s for an empty fetch;
its sends fail in silence, and its flush before a commit gives up after 100 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from ccstream.client.log_reader import HEARTBEAT
from ccstream.client.reader_rule import ReaderRule
from ccstream.errors import DeliveryError
from ccstream.wire.catalogue import FACT_TOPICS, SYNC_TOPICS
from ccstream.wire.headers import epoch_of

if TYPE_CHECKING:
    from ccstream.agents.app import SyncApp

__all__ = ["Consumer", "Producer", "Transport"]

_SYNC_TOPICS = frozenset((*SYNC_TOPICS.values(), *FACT_TOPICS.values()))


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """aiokafka's thread; what a past owner of a partition wrote late does not leave it."""

    app: SyncApp

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rule = ReaderRule()

    def _create_worker_consumer(self, transport: Any) -> Any:
        # Faust leaves no other way in; aiokafka reads these two when it is started.
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = self.app.settings.kafka.fetch_wait_max_ms
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        # While partitions are paused and resumed, as around a recovery, Faust drops what it has
        # fetched and relies on this to go back; where nothing was ever committed it would not.
        found = await super().seek_to_committed()
        changelogs = self.app.tables.changelog_topics
        new = [at for at, offset in found.items() if not offset and at.topic not in changelogs]
        if new and self.app.conf.consumer_auto_offset_reset == "earliest":
            await self.seek_to_beginning(*new)
        return found

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        found = await super()._fetch_records(*args, **kwargs)
        return {where: self._current(where, records) for where, records in found.items()}

    def _current(self, where: Any, records: list[Any]) -> list[Any]:
        """Those that count by the reader rule; to Faust the others are as if compacted away."""
        if where.topic not in _SYNC_TOPICS:
            return records
        accepts = self._rule.accepts
        return [
            record
            for record in records
            if accepts(where.topic, where.partition, epoch_of(record.headers) or 0)
            and not (record.key or b"").startswith(HEARTBEAT)
        ]


class Consumer(driver.Consumer):
    """Commits only what came before a failure, and only with all its outputs stored."""

    app: SyncApp

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Faust counts the record behind a gap to the gap: as done before it is. On sync topics
        # every commit of a worker leaves a gap.
        await super()._add_gap(tp, offset_from, offset_to - 1)

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        await self.app.producer.flush()
        if self.app.failure is not None:
            return False
        return bool(await super()._commit_offsets(offsets, start_new_transaction))


class Producer(driver.Producer):
    """Knows what it has sent and what has arrived."""

    app: SyncApp

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sending = 0
        self._unacknowledged: set[asyncio.Future[Any]] = set()

    def _settings_extra(self) -> Mapping[str, Any]:
        # Without idempotence a retry may change the order of a table's rows.
        return {"acks": "all", "enable_idempotence": True}

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        self._sending += 1
        try:
            sent: Any = await super().send(*args, **kwargs)
        except ProducerSendError as error:
            self._lost(args[0], error)
            raise
        finally:
            self._sending -= 1
        self._unacknowledged.add(sent)
        sent.add_done_callback(lambda done: self._acknowledged(args[0], done))
        return sent

    async def flush(self) -> None:
        """Wait until all is stored, or something has failed."""
        while self.app.failure is None and self._waiting:
            # What a table wrote waits in the buffer; it is given up on after 100 ms.
            await self.buffer.flush()
            if self._unacknowledged:
                await asyncio.wait(self._unacknowledged)
            else:
                await asyncio.sleep(0)

    async def create_topic(
        self, topic: str, partitions: int, replication: int, **options: Any
    ) -> None:
        """Make a topic of the app's own, as ``OwnTopics`` does."""
        if not self.app.conf.topic_allow_declare:
            return
        retention = options.get("retention")
        config = self.transport._topic_config(  # type: ignore[attr-defined]
            int(retention * 1000) if retention else None,
            options.get("compacting"),
            options.get("deleting"),
        )
        config |= options.get("config") or {}
        texts = {name: str(value) for name, value in config.items()}
        await asyncio.to_thread(self.app.own_topics.make, topic, partitions, texts)

    @property
    def _waiting(self) -> bool:
        return bool(self.buffer.size or self._sending or self._unacknowledged)

    def _acknowledged(self, topic: str, done: asyncio.Future[Any]) -> None:
        self._unacknowledged.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            self._lost(topic, error)

    def _lost(self, topic: str, error: BaseException) -> None:
        lost = DeliveryError(
            f"a record for {topic} could not be stored ({error!r}): the app ends, and reads what "
            "it was for again when it is started"
        )
        lost.__cause__ = error
        self.app.lose(lost)


class Transport(driver.Transport):
    """aiokafka's, with the two above."""

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = Producer
