"""ccstream's engine with the peers' work: a plain ``{sku: quantity}`` cart, exactly once.

What the engine does stays: the group, take-over with fencing and epochs, transactions by two
producers in turn, changelog, restore. Its domain is replaced through the parts that the engine
is put together from: a `Layout` with one input, one table and one output, and a folder that
knows nothing but carts as the peers keep them. There are no merge semantics, no window for
duplicates, no last touch, no mail. Settings as of ``ccstream worker``; arguments: input topic,
output topic.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from typing import Any

import orjson
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from ccstream.domain.events import CartItemAdded, CartItemQuantitySet, CartItemRemoved
from ccstream.engine import worker as engine_worker
from ccstream.engine.chunk_statistics import ChunkStatistics
from ccstream.engine.cluster import Cluster
from ccstream.engine.delivery import Delivery
from ccstream.engine.engine import Engine
from ccstream.engine.layout import Layout
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.engine.worker import Worker
from ccstream.errors import StateError
from ccstream.ops import logs
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from ccstream.wire.entry import Entry
from ccstream.wire.headers import EPOCH

TABLE = "carts"
ROW_PREFIX = b"\xc3\x01" + b"plaincrt"
"""Restore takes what is framed as a row; behind the frame is the cart in JSON."""


class JsonRows:
    """The codec of the table."""

    def encode_row(self, entry: Entry) -> bytes:
        return ROW_PREFIX + orjson.dumps(entry.state)

    def decode_row(self, value: bytes) -> Entry:
        return Entry(orjson.loads(value[len(ROW_PREFIX) :]), 0)


class CartFolder:
    """Folds records as the chunk loop asks for it."""

    def __init__(self, delivery: Delivery, output: str) -> None:
        self._decode = Codec().decode_event
        self._delivery = delivery
        self._output = output
        self._gathering = False
        self._gathered: list[tuple[Any, ...]] = []
        self._epochs: dict[int, list[tuple[str, bytes]]] = {}
        self._statistics = ChunkStatistics(1)

    @property
    def gathered(self) -> int:
        return len(self._gathered)

    def gather(self, *, patient_only: bool) -> None:
        self._gathering = not patient_only

    def release(self) -> None:
        self._gathering = False
        gathered, self._gathered = self._gathered, []
        for output in gathered:
            self._delivery.send(*output)

    def take_statistics(self) -> ChunkStatistics:
        taken, self._statistics = self._statistics, ChunkStatistics(1)
        return taken

    def fold(self, partition: Partition, topic: int, record: Any) -> None:
        if record.timestamp()[0] != TIMESTAMP_LOG_APPEND_TIME:
            raise StateError("the input does not stamp records with their append time")
        partition.folded[topic] = record.offset()
        partition.changed = True
        self._statistics.consumed[topic] += 1
        event = self._decode(record.value())
        table = partition.tables[TABLE]
        entry = table.get(event.subject) or Entry({}, 0)
        cart: dict[str, int] = entry.state
        match event:
            case CartItemAdded():
                cart[event.sku] = cart.get(event.sku, 0) + event.quantity
            case CartItemQuantitySet():
                cart[event.sku] = event.quantity
            case CartItemRemoved():
                cart.pop(event.sku, None)
            case _:
                raise StateError(f"the load has no {type(event).__name__}")
        table.put(event.subject, entry)
        headers = self._epochs.get(partition.epoch)
        if headers is None:
            headers = self._epochs[partition.epoch] = [(EPOCH, b"%d" % partition.epoch)]
        output = (self._output, partition.number, event.subject, orjson.dumps(cart), headers)
        if self._gathering:
            self._gathered.append(output)
        else:
            self._delivery.send(*output)


def cart_layout(target: str, settings: Settings, inputs: tuple[str, ...]) -> Layout:
    """One table, of JSON, and one output topic."""
    partitions = settings.kafka.partitions
    rows_max = settings.state.cache_rows_max // partitions
    return Layout(
        app_id=settings.app_id,
        partitions=partitions,
        inputs=inputs,
        tables=(TABLE,),
        others=(target,),
        sync_topics={},
        new_tables=lambda: {TABLE: Table(TABLE, JsonRows(), rows_max)},
    )


class CartWorker(Worker):
    """A worker with that folder."""

    def __init__(self, settings: Settings, source: str, target: str) -> None:
        super().__init__(settings)
        self._inputs = (source,)
        self._target = target

    def _make_engine(self, cluster: Cluster, delivery: Delivery) -> Engine:
        engine = super()._make_engine(cluster, delivery)
        folder: Any = CartFolder(delivery, self._target)
        engine._chunks._folder = folder
        return engine


def main(source: str, target: str) -> int:
    settings = Settings.load()
    logs.configure(settings.log)
    engine_worker.make_layout = partial(cart_layout, target)

    async def run() -> int:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await CartWorker(settings, source, target).run(stop)

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
