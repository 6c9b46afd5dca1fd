"""Standbys: rows of partition numbers that another worker owns, kept up to date here.

Faust's assignor names the numbers. While this worker serves its own, a thread follows the
changelogs of those, committed records only, so that a take-over has to read no more than what came
since it looked last. It is stopped before anything is taken over and begins anew after that: what
it holds is one thread's at any time.

A standby is a help and no more. One that cannot be followed is given up, with a warning, and its
number restored as any other when its time comes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from msgspec import Struct

from ccstream.domain.moment import Scope
from ccstream.engine.changelog import place_of, row_of
from ccstream.engine.clock import Clock
from ccstream.engine.cluster import Cluster
from ccstream.engine.layout import Layout
from ccstream.engine.owners import OWNERS_PARTITION, latest_owners
from ccstream.engine.store import Table
from ccstream.engine.store_fit import wipe_if_unfit
from ccstream.engine.stores import PartitionStore, Stores
from ccstream.errors import BrokerUnavailableError, CcstreamError, StateError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.refusals import told
from ccstream.wire.catalogue import OWNERS_TOPIC

__all__ = ["Follower", "Standby", "Standbys"]

_BATCH: Final = 1_000
"""Records a call; fewer than a restore has, so that the thread that folds gets its turn."""

_PAUSE: Final = 0.1
"""Seconds between looks at changelogs that are followed closely: a thread that wakes at each record
takes the interpreter from the one that folds."""

_LOOK_INTERVAL: Final = 1.0
"""Seconds between looks at lags, and for the owner of a number that has none yet."""

_CURRENT_INTERVAL: Final = 60.0
"""Seconds between notes that a store is current though nothing is written."""

_STOP_TIMEOUT: Final = 15.0
"""Seconds for the thread to end: it may be asking the cluster, which has ten to answer."""

_CLOSE_TIMEOUT: Final = 2.0
"""The same at the end of the worker, which has four for all."""

log = structlog.get_logger(__name__)


class Lags(Protocol):
    """Who is told how far standbys are behind."""

    def standby(self, changelog: str, number: int, lag: int | None) -> None:
        """Records still to be read of a changelog partition, None if it is not followed."""


class Standby(Struct):
    """What is held of one partition number: rows, and the next offset of each changelog."""

    number: int
    state_id: bytes
    tables: dict[str, Table]
    positions: dict[str, int]
    store: PartitionStore | None
    current_at: float = 0.0


class Follower:
    """Reads what changelogs have of the numbers wanted; one thread's at a time.

    Args:
        consumer: one of librdkafka's, of committed records.
    """

    def __init__(
        self,
        consumer: Consumer,
        layout: Layout,
        cluster: Cluster,
        clock: Clock,
        stores: Stores | None,
        lags: Lags,
    ) -> None:
        self._consumer = consumer
        self._layout = layout
        self._cluster = cluster
        self._clock = clock
        self._stores = stores
        self._lags = lags
        self._assigned: set[int] = set()
        self._looked_at = float("-inf")
        self.wanted: set[int] = set()
        self.held: dict[int, Standby] = {}

    def turn(self) -> bool:
        """One round; whether there is more to read at once."""
        if self._clock.monotonic() - self._looked_at >= _LOOK_INTERVAL:
            self._looked_at = self._clock.monotonic()
            self._open_missing()
            self._tell_lags()
        if self._assigned != self.held.keys():
            self._assigned = set(self.held)
            self._consumer.assign(
                [
                    TopicPartition(topic, number, at)
                    for number, held in self.held.items()
                    for topic, at in held.positions.items()
                ]
            )
        first = self._consumer.poll(0)
        messages = [first, *self._consumer.consume(_BATCH - 1, 0)] if first is not None else []
        changed = {number for number in map(self._read, messages) if number in self.held}
        for number in changed:
            held = self.held[number]
            if held.store is not None:
                held.store.write_restored(held.positions)
        return len(messages) == _BATCH

    def drop(self, number: int) -> Standby | None:
        """Follow this one no more."""
        for topic, _ in self._layout.changelogs([number]):
            self._lags.standby(topic, number, None)
        return self.held.pop(number, None)

    def pause(self) -> None:
        """Nothing is read until the next turn."""
        self._assigned = set()
        self._looked_at = float("-inf")
        self._consumer.unassign()

    def _open_missing(self) -> None:
        missing = self.wanted - self.held.keys()
        if not missing:
            return
        messages = self._cluster.read_all(OWNERS_TOPIC, OWNERS_PARTITION, "read_uncommitted")
        owners = latest_owners(messages, self._layout.app_id)
        for number in missing & owners.keys():
            changelogs = list(self._layout.changelogs([number]))
            starts = self._cluster.starts(changelogs)
            state_id, store = owners[number].state_id, None
            if self._stores is None:
                tables = self._layout.new_tables()
            else:
                scope = Scope(state_id, number, self._layout.partitions)
                store = self._stores.open(scope, owners[number].epoch)
                ends = self._cluster.high_watermarks(changelogs)
                kept_ms = self._cluster.tombstones_kept_ms({topic for topic, _ in changelogs})
                wipe_if_unfit(store, starts, ends, self._clock.now_ms(), kept_ms)
                tables = self._stores.tables(store)
            known = store.positions if store is not None else {}
            positions = {topic: known.get(topic, starts[topic, n]) for topic, n in changelogs}
            if store is not None:
                store.begin(positions, self._clock.now_ms())
            self.held[number] = Standby(number, state_id, tables, positions, store)
            log.info("following as a standby", partition=number)

    def _read(self, message: Message) -> int:
        """Take a record or an event; the partition number that it is of."""
        (topic, number), offset = place_of(message)
        held, error = self.held.get(number), message.error()
        if held is None:
            return number
        if error is None:
            try:
                key, value = row_of(message)
            except StateError as problem:
                self._give_up(number, str(problem))
                return number
            held.tables[self._layout.table_of(topic)].restore(key, value)
            held.positions[topic] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            held.positions[topic] = offset  # past the markers, too
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            log.warning("a standby begins anew", partition=number, reason=error.str())
            self.drop(number)
        elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._give_up(number, told(error))
        return number

    def _give_up(self, number: int, reason: str) -> None:
        log.warning("a standby is given up", partition=number, reason=reason)
        self.wanted.discard(number)
        self.drop(number)

    def _tell_lags(self) -> None:
        now = self._clock.monotonic()
        for number, held in self.held.items():
            behind = 0
            for topic, at in held.positions.items():
                lag = self._lag(topic, number, at)
                behind += lag
                self._lags.standby(topic, number, lag)
            noted = now - held.current_at <= _CURRENT_INTERVAL
            if not behind and held.store is not None and not noted:
                held.current_at = now
                held.store.write_current(self._clock.now_ms())

    def _lag(self, topic: str, number: int, position: int) -> int:
        """As of the last fetch; before the first one, one record at least."""
        try:
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(topic, number), cached=True
            )
        except Exception:  # noqa: BLE001 - nothing was fetched of it yet
            return 1
        return max(0, end - position) if end >= 0 else 1


class Standbys:
    """The thread that follows, and what it holds; the methods are the engine's thread's.

    Args:
        config: librdkafka's settings of a consumer of committed records.
        stores: where rows are kept in files, None where they are in memory.
        lags: is told how far behind they are.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        layout: Layout,
        cluster: Cluster,
        clock: Clock,
        stores: Stores | None,
        lags: Lags,
    ) -> None:
        self._consumer = make_client(
            Consumer,
            {
                **config,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            },
        )
        self._follower = Follower(self._consumer, layout, cluster, clock, stores, lags)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, numbers: Iterable[int]) -> None:
        """Follow these from now on; what is held of others is let go."""
        self._follower.wanted = set(numbers)
        self.keep(numbers)
        if self._follower.wanted:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="ccstream-standby", daemon=True)
            self._thread.start()

    def keep(self, numbers: Iterable[int]) -> None:
        """Let go what is held of others; not while anything is followed."""
        for number in self._follower.held.keys() - set(numbers):
            self._follower.drop(number)

    def stop(self) -> None:
        """Hold what there is, and follow nothing.

        Raises:
            BrokerUnavailableError: the thread waits for a broker.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join(_STOP_TIMEOUT)
            if thread.is_alive():
                raise BrokerUnavailableError(
                    f"the thread that follows standbys did not end within {_STOP_TIMEOUT:.0f} s; "
                    "brokers are away"
                )
            self._follower.pause()

    def take(self, number: int, state_id: bytes) -> Standby | None:
        """What is held of a number that this worker is to own, if it is of that state."""
        held = self._follower.drop(number)
        return held if held is not None and held.state_id == state_id else None

    def close(self) -> None:
        """End; a thread that waits for a broker is left to itself."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT)
        if self._thread is None or not self._thread.is_alive():
            self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                more = self._follower.turn()
            except CcstreamError as error:
                log.warning("standbys could not be followed", reason=str(error))
                self._stopping.wait(_LOOK_INTERVAL)
            else:
                if not more:
                    self._stopping.wait(_PAUSE)
