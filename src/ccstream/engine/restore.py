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

from ccstream.engine.store import Table
from ccstream.errors import BrokerUnavailableError, StateError
from ccstream.ops.refusals import denied

__all__ = ["ChangelogRange", "RestoreProgress", "place_of", "restore", "row_of"]

_BATCH = 10_000
"""Records a call; librdkafka's own batches are smaller, so this bounds memory only."""

_WAIT = 0.1
"""Seconds to wait for a first record; then a newer assignment is looked for."""

_STALLED_AFTER = 60.0
"""Seconds without a record after which a restore gives up; brokers are away."""

_FRAME = b"\xc3\x01"
"""How every row begins: rows are always in single-object encoding."""


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
    remaining_by_table: dict[tuple[str, int], int] = field(default_factory=dict)
    """Offsets still to be read of each changelog partition, by (topic, partition)."""
    positions: dict[tuple[str, int], int] = field(default_factory=dict)
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
    consumer = Consumer(
        {
            **config,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.message.max.bytes": 8 << 20,
        }
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
    tables: dict[tuple[str, int], Table],
    ends: dict[tuple[str, int], int],
    positions: dict[tuple[str, int], int],
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
        events = 0
        now = time.monotonic()
        if not messages and now - last_record > _STALLED_AFTER:
            raise BrokerUnavailableError(
                f"the restore of {len(open_partitions)} changelog partitions got no record for "
                f"{_STALLED_AFTER:.0f} s; are the brokers up?"
            )
        for message in messages:
            tp, offset = place_of(message)
            error = message.error()
            if error is not None:
                events += 1
                if error.code() == KafkaError._PARTITION_EOF:
                    if offset >= ends[tp]:
                        open_partitions.discard(tp)
                        positions[tp] = ends[tp]
                    continue
                if error.retriable() or error.code() == KafkaError._ALL_BROKERS_DOWN:
                    continue
                what = f"could not restore {tp[0]}[{tp[1]}]"
                raise denied(error, what) or StateError(f"{what}: {error.str()}")
            tables[tp].restore(*row_of(message))
            positions[tp] = offset + 1
        if len(messages) > events:
            state.records += len(messages) - events
            last_record = now
        state.remaining_by_table = {
            tp: ends[tp] - positions[tp] if tp in open_partitions else 0 for tp in ends
        }
        # One at least: markers come last, and only the end of partition event means the end.
        state.remaining = max(1, sum(state.remaining_by_table.values()))
        state.seconds = now - started
        progress(state)


def row_of(message: Message) -> tuple[str, bytes | None]:
    """The row in a changelog record, None for a deletion, with its key.

    Raises:
        StateError: it is none.
    """
    key, value = _row_key(message), message.value()
    if key is None or (value is not None and not value.startswith(_FRAME)):
        (topic, number), offset = place_of(message)
        raise StateError(
            f"{topic}[{number}] offset {offset} is no row of a ccstream table; "
            "something else wrote to the changelog"
        )
    return key, value


def _row_key(message: Message) -> str | None:
    """The key as text, or None if it is none: keys of rows are."""
    key: Any = message.key()
    try:
        return None if key is None else str(key, "utf-8")
    except UnicodeDecodeError:
        return None


def place_of(message: Message) -> tuple[tuple[str, int], int]:
    """Topic and partition, and offset, of what the consumer handed over: it always has them."""
    where: Any = (message.topic(), message.partition())
    offset: Any = message.offset()
    return where, offset
