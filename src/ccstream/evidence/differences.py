"""Whether two applications have come to the same tables, and where they have not.

Rows are compared as their committed changelogs have them. Not compared is what has to differ
between two that folded the same events: the versions of rows, when one was last changed or a
source last heard (a moment later where records of two topics crossed), timers that are due by the
clock, and the order in which the parts of a row, as the lines of a basket, arrived. Nor are rows of
heartbeats: each is published to several topics at one moment, and whichever is read first counts.

Both may be at work meanwhile. What differs is therefore looked at again for some seconds: the one
that follows has come to a row as soon as it has what the other has, or had a moment ago.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

from confluent_kafka import Consumer
from msgspec import Struct

from ccstream.domain.moment import Moment, Scope
from ccstream.engine.cluster import TopicPartitionKey, committed_offsets
from ccstream.errors import OptionError, StateError, TopicMismatchError, UndecodableError
from ccstream.evidence.same_rows import differing_fields, same_row
from ccstream.ops.broker import Broker
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import HEARTBEAT_NAMESPACE, TABLES, changelog_topic, topic_numbers

__all__ = ["Comparison", "Difference", "TableComparison", "compare", "fingerprint"]

_QUESTION_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.5

FOLLOWED_MAX: Final = 10_000
"""Differing rows that are looked at again; with more than these, time is not what is amiss."""

SHOWN_MAX: Final = 20
"""Differing rows that are told one by one."""

_SEEN_MAX: Final = 1_000
"""Earlier values of one row that are remembered: a hundred a second, in the time there is."""

_HEARTBEATS: Final = HEARTBEAT_NAMESPACE.encode()

_NO_TOPIC: Final = -1

_FINGERPRINT_BYTES: Final = 8


class Difference(Struct, frozen=True, kw_only=True):
    """A row that is not the same. ``kind`` is other, only_old or only_new; ``fields`` are names."""

    table: str
    partition: int
    key: str
    kind: str
    fields: tuple[str, ...] = ()


class TableComparison(Struct, kw_only=True):
    """How the rows of one table compare: how many each has, and how many differ in which way."""

    old_rows: int = 0
    new_rows: int = 0
    other: int = 0
    only_old: int = 0
    only_new: int = 0

    @property
    def different(self) -> int:
        return self.other + self.only_old + self.only_new


class Comparison(Struct, frozen=True, kw_only=True):
    """What was found.

    Args:
        old: the application that is rebuilt.
        new: the one that rebuilds it.
        offsets: up to where the old one had folded each input, by topic and partition number.
        behind: records of these that the new one had not folded in time.
        tables: each table's counts.
        first: some rows that differ.
    """

    old: str
    new: str
    offsets: dict[str, list[int]]
    behind: int
    tables: dict[str, TableComparison]
    first: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.behind and not any(one.different for one in self.tables.values())


def fingerprint(key: str) -> str:
    """What a key is called where it is not to be shown."""
    return blake2b(key.encode(), digest_size=_FINGERPRINT_BYTES).hexdigest()


def compare(
    settings: Settings,
    old: str,
    new: str,
    *,
    settle_seconds: float,
    progress: Callable[[str], None],
) -> Comparison:
    """Compare the tables of two applications.

    Args:
        settings: how to reach Kafka.
        old: the application that is rebuilt.
        new: the one that rebuilds it.
        settle_seconds: how long to wait for the new one, and for rows that differ.
        progress: called with a line now and then.

    Raises:
        OptionError: there is no such application.
        TopicMismatchError: some changelogs are missing, or have other partition counts.
        StateError: the old one has folded nothing, or a row cannot be read.
    """
    partitions = _partitions(settings, (old, new))
    inputs = [(t, n) for t in topic_numbers(settings.channels_extra) for n in range(partitions)]
    with_offsets = _Groups(settings, (old, new), inputs)
    try:
        target = with_offsets.of(old)
        if not target:
            raise StateError(f"application {old!r} has folded nothing: there is nothing to compare")
        behind = with_offsets.wait(new, target, time.monotonic() + settle_seconds)
        moments = [_moment(number, partitions, target, settings) for number in range(partitions)]
        tables: dict[str, TableComparison] = {}
        doubtful: list[_Row] = []
        for table in TABLES:
            counts = tables[table] = TableComparison()
            with _Changelogs(settings, table, old, new, progress) as changelogs:
                progress(f"comparing {table}")
                found = [row for at in moments for row in changelogs.differing(at, counts)]
                if found and len(found) <= FOLLOWED_MAX and not behind:
                    changelogs.settle(
                        found,
                        time.monotonic() + settle_seconds,
                        lambda: with_offsets.of(new) == with_offsets.of(old),
                    )
            for row in found:
                if not row.same:
                    kind = row.kind
                    setattr(counts, kind, getattr(counts, kind) + 1)
                    doubtful.append(row)
    finally:
        with_offsets.close()
    offsets: dict[str, list[int]] = {}
    for topic, number in inputs:
        offsets.setdefault(topic, []).append(target.get((topic, number), 0))
    return Comparison(
        old=old,
        new=new,
        offsets=offsets,
        behind=behind,
        tables=tables,
        first=tuple(row.difference() for row in doubtful[:SHOWN_MAX]),
    )


class _Row:
    """A row that was seen to differ."""

    __slots__ = ("_at", "_seen", "key", "new", "number", "old", "same", "table")

    def __init__(
        self, table: str, at: Moment, key: bytes, old: bytes | None, new: bytes | None
    ) -> None:
        self.table, self.number, self.key = table, at.scope.partition, key
        self._at = at
        self.old, self.new = old, new
        self.same = False
        self._seen: list[bytes | None] = [old]

    @property
    def kind(self) -> str:
        if self.new is None:
            return "only_old"
        return "only_new" if self.old is None else "other"

    def heard(self, *, is_old: bool, value: bytes | None) -> None:
        """A later value of it."""
        if is_old:
            self.old = value
            if len(self._seen) < _SEEN_MAX:
                self._seen.append(value)
            self.same = same_row(self.old, self.new, self._at)
        else:
            self.new = value
            self.same = any(same_row(one, value, self._at) for one in reversed(self._seen))

    def difference(self) -> Difference:
        names = differing_fields(self.old, self.new, self._at) if self.kind == "other" else ()
        return Difference(
            table=self.table,
            partition=self.number,
            key=self.key.decode(),
            kind=self.kind,
            fields=names,
        )


class _Changelogs:
    """The changelogs of one table, of both applications."""

    def __init__(
        self,
        settings: Settings,
        table: str,
        old: str,
        new: str,
        progress: Callable[[str], None],
    ) -> None:
        self._table = table
        self._topics = (changelog_topic(old, table), changelog_topic(new, table))
        self._readers = [
            TopicReader(settings, topic, "read_committed", progress) for topic in self._topics
        ]
        self._reached: dict[tuple[int, int], int] = {}

    def __enter__(self) -> _Changelogs:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in self._readers:
            reader.__exit__(None, None, None)

    def differing(self, at: Moment, counts: TableComparison) -> list[_Row]:
        """Read a partition of both, count its rows, and find those that differ."""
        number = at.scope.partition
        old, new = (self._rows(which, number) for which in (0, 1))
        counts.old_rows += len(old)
        counts.new_rows += len(new)
        found = []
        for key in old.keys() | new.keys():
            one, other = old.get(key), new.get(key)
            if not self._same(one, other, at):
                found.append(_Row(self._table, at, key, one, other))
        return sorted(found, key=lambda row: row.key)

    def settle(self, rows: list[_Row], deadline: float, at_rest: Callable[[], bool]) -> None:
        """Look at rows again until they are the same, nothing moves any more, or it is too late."""
        waiting = {(row.number, row.key): row for row in rows}
        numbers = {row.number for row in rows}
        while True:
            # asked first: what both had committed by then is in the changelogs when they are read
            resting = at_rest()
            moved = False
            for which in (0, 1):
                for number in numbers:
                    for key, value in self._later(which, number):
                        row = waiting.get((number, key))
                        moved = moved or row is not None
                        if row is not None and not row.same:
                            row.heard(is_old=not which, value=value)
            if all(row.same for row in rows) or (resting and not moved):
                return
            if time.monotonic() >= deadline:
                return
            time.sleep(_LOOK_SECONDS)

    def _same(self, old: bytes | None, new: bytes | None, at: Moment) -> bool:
        try:
            return same_row(old, new, at)
        except UndecodableError as problem:
            raise StateError(
                f"a row in {' or '.join(self._topics)}, partition {at.scope.partition}, cannot "
                f"be read: {problem.detail}"
            ) from None

    def _rows(self, which: int, number: int) -> dict[bytes, bytes]:
        rows: dict[bytes, bytes] = {}
        for key, value in self._later(which, number):
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        return rows

    def _later(self, which: int, number: int) -> Iterable[tuple[bytes, bytes | None]]:
        """What was written since the last time, or from the beginning on."""
        reader = self._readers[which]
        bounds = reader.bounds(number)
        start = max(bounds.first, self._reached.get((which, number), 0))
        if start < bounds.end:
            for batch in reader.read({number: start}):
                for message in batch:
                    record: Any = message  # librdkafka's stub allows None for what it always has
                    start = record.offset() + 1
                    key = record.key() or b""
                    if not key.startswith(_HEARTBEATS):
                        yield key, record.value()
        self._reached[which, number] = start


class _Groups:
    """How far applications have folded."""

    def __init__(
        self, settings: Settings, groups: Iterable[str], inputs: list[TopicPartitionKey]
    ) -> None:
        self._inputs = inputs
        self._consumers = {
            group: make_client(
                Consumer,
                consumer_config(
                    settings, isolation="read_uncommitted", role="diff", group_id=group
                ),
            )
            for group in groups
        }

    def of(self, group: str) -> dict[TopicPartitionKey, int]:
        return committed_offsets(self._consumers[group], self._inputs, _QUESTION_SECONDS)

    def wait(self, group: str, target: Mapping[TopicPartitionKey, int], deadline: float) -> int:
        """Wait until the group has got so far; the records that are still missing."""
        while True:
            reached = self.of(group)
            # of what was deleted before anybody read it, only the offset is left
            missing = sum(max(0, end - reached.get(at, 0)) for at, end in target.items())
            if not missing or time.monotonic() >= deadline:
                return missing
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()


def _moment(
    number: int, partitions: int, target: Mapping[TopicPartitionKey, int], settings: Settings
) -> Moment:
    """When both have folded a partition number up to the target."""
    topics = topic_numbers(settings.channels_extra)
    folded = [0] * len(topics)
    for topic, index in topics.items():
        folded[index] = target.get((topic, number), 0) - 1
    return Moment(int(time.time() * 1000), _NO_TOPIC, -1, Scope(b"", number, partitions), folded)


def _partitions(settings: Settings, applications: Iterable[str]) -> int:
    topics = Broker(settings).cluster().topics
    counts: dict[int, str] = {}
    for app_id in applications:
        names = [changelog_topic(app_id, table) for table in TABLES]
        missing = [name for name in names if name not in topics]
        if len(missing) == len(names):
            raise OptionError(
                f"there is no application {app_id!r} at {settings.kafka.bootstrap}: it has no "
                "changelog there"
            )
        if missing:
            raise TopicMismatchError(
                f"application {app_id!r} has no {missing[0]}: upgrade its workers first, after "
                "`ccstream topics apply`"
            )
        counts |= {topics[name].partitions: name for name in names}
    if len(counts) > 1:
        raise TopicMismatchError(
            f"{' and '.join(counts.values())} differ in their partition counts: the tables of "
            "these applications cannot be compared"
        )
    return next(iter(counts))
