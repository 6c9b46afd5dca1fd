"""Restoring tables from their changelogs, in bulk.

librdkafka reads all changelog partitions at once from their beginning to the end that was
found at take-over, committed records only. Whether a partition is done is judged by its end
of partition event, because the markers of transactions come last and are never delivered.
Rows stay encoded: a record costs two dictionary operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from msgspec import Struct, field

from ccstream.engine.changelog import Place, place_of, take_rows
from ccstream.engine.store import Table
from ccstream.errors import BrokerUnavailableError, StateError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.refusals import denied

__all__ = ["ChangelogRange", "RestoreProgress", "restore"]

_BATCH = 10_000
"""Records a call; librdkafka's own batches are smaller, so this bounds memory only."""

_WAIT = 0.1
"""Seconds to wait for a first record; then a newer assignment is looked for."""

_FETCH_BYTES_MAX = 2 << 20
"""Bytes a fetch, over all partitions: rows are taken while the next fetch is on its way, and of a
large one none before all of it has come. Larger than that is only a batch that is so by itself."""

_FETCH_BACKOFF_MS = 5
"""How long librdkafka fetches nothing when it has 100,000 records waiting. By default that is a
second, in which they are taken twice over."""

_STALLED_AFTER = 60.0
"""Seconds without a record after which a restore gives up; brokers are away."""


class ChangelogRange(Struct, frozen=True):
    """What of one changelog partition has to be read: ``start`` to before ``end``."""

    topic: str
    partition: int
    start: int
    end: int


class RestoreProgress(Struct):
    """How far a restore has come; handed to the progress callback."""

    records: int = 0
    remaining: int = 0
    seconds: float = 0.0
    remaining_by_table: dict[Place, int] = field(default_factory=dict)
    """Offsets still to be read of each changelog partition, by (topic, partition)."""
    positions: dict[Place, int] = field(default_factory=dict)
    """The next offset to be read of each, however far that was before."""


def restore(
    config: Mapping[str, Any],
    ranges: list[ChangelogRange],
    table_of: Callable[[str, int], Table],
    *,
    cancelled: Callable[[], bool],
    progress: Callable[[RestoreProgress], None],
) -> RestoreProgress:
    """Read ``ranges`` into the tables.

    Raises:
        StateError: a record that is no row; a hole is never left in its place.
        BrokerUnavailableError: nothing arrived for a minute.
    """
    started = time.monotonic()
    positions = {(r.topic, r.partition): r.start for r in ranges if r.end > r.start}
    ends = {(r.topic, r.partition): r.end for r in ranges if r.end > r.start}
    state = RestoreProgress(
        remaining=sum(ends[tp] - positions[tp] for tp in ends), positions=positions
    )
    if not ends:
        return state
    consumer = make_client(
        Consumer,
        {
            **config,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.message.max.bytes": _FETCH_BYTES_MAX,
            "fetch.max.bytes": _FETCH_BYTES_MAX,
            "fetch.queue.backoff.ms": _FETCH_BACKOFF_MS,
        },
    )
    try:
        consumer.assign([TopicPartition(t, p, o) for (t, p), o in positions.items()])
        tables = {tp: table_of(*tp) for tp in ends}
        _read(consumer, tables, ends, positions, state, started, cancelled, progress)
    finally:
        consumer.close()
    state.remaining = 0
    state.remaining_by_table = dict.fromkeys(ends, 0)
    state.seconds = time.monotonic() - started
    progress(state)
    return state


def _read(
    consumer: Consumer,
    tables: dict[Place, Table],
    ends: dict[Place, int],
    positions: dict[Place, int],
    state: RestoreProgress,
    started: float,
    cancelled: Callable[[], bool],
    progress: Callable[[RestoreProgress], None],
) -> None:
    open_partitions = set(ends)
    last_record = time.monotonic()
    while open_partitions and not cancelled():
        first = consumer.poll(_WAIT)
        messages = [first, *consumer.consume(_BATCH, 0)] if first is not None else []
        now = time.monotonic()
        if not messages and now - last_record > _STALLED_AFTER:
            raise BrokerUnavailableError(
                f"the restore of {len(open_partitions)} changelog partitions got no record for "
                f"{_STALLED_AFTER:.0f} s; are the brokers up?"
            )
        reached, events = take_rows(messages, tables)
        positions.update(reached)
        for event in events:
            _note(event, ends, positions, open_partitions)
        if len(messages) > len(events):
            state.records += len(messages) - len(events)
            last_record = now
        state.remaining_by_table = {
            tp: ends[tp] - positions[tp] if tp in open_partitions else 0 for tp in ends
        }
        # One at least: markers come last, and only the end of partition event means the end.
        state.remaining = max(1, sum(state.remaining_by_table.values()))
        state.seconds = now - started
        progress(state)


def _note(
    event: Message,
    ends: dict[Place, int],
    positions: dict[Place, int],
    open_partitions: set[Place],
) -> None:
    """Of what is no record, the end of a partition is news, and what does not mend is an error."""
    error: Any = event.error()
    tp, offset = place_of(event)
    if error.code() == KafkaError._PARTITION_EOF:
        if offset >= ends[tp]:
            open_partitions.discard(tp)
            positions[tp] = ends[tp]
    elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
        what = f"could not restore {tp[0]}[{tp[1]}]"
        raise denied(error, what) or StateError(f"{what}: {error.str()}")
