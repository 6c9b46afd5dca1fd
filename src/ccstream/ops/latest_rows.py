"""Rows as a changelog has them: of each key the latest, and none where that is a tombstone.

A row that cannot be read is told with its topic, here for all who read changelogs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ccstream.errors import StateError, UndecodableError
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from ccstream.wire.rows import ROW_CODECS

__all__ = ["each_row", "latest_rows", "latest_states", "state_of", "told_with"]


def each_row(
    settings: Settings, topic: str, partitions: Iterable[int], progress: Callable[[str], None]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Every committed record of a changelog, one after the other: its key, and its row or None.

    Args:
        settings: which cluster.
        topic: the changelog.
        partitions: those of its partitions that are read.
        progress: called with a line before they are, and if brokers go away.
    """
    with TopicReader(settings, topic, "read_committed", progress) as reader:
        starts, count = {}, 0
        for number in sorted(set(partitions)):
            bounds = reader.bounds(number)
            if bounds.first < bounds.end:
                starts[number] = bounds.first
                count += bounds.end - bounds.first
        if not starts:
            return
        where = (
            f"partition {next(iter(starts))}" if len(starts) == 1 else f"{len(starts)} partitions"
        )
        progress(f"reading {topic}, {where}: {count:,} records")
        for batch in reader.read(starts):
            for message in batch:
                key: Any = message.key() or b""
                value: Any = message.value()
                yield key, value


def latest_rows(
    settings: Settings,
    topic: str,
    partitions: Iterable[int],
    wanted: Callable[[bytes, bytes], bool],
    progress: Callable[[str], None],
) -> dict[bytes, bytes]:
    """The latest rows that are wanted, by key, in the order in which they were written.

    Args:
        settings: which cluster.
        topic: the changelog.
        partitions: those of its partitions that are read.
        wanted: whether a row is, by its key and its bytes; nothing else is held.
        progress: called with a line before they are read, and if brokers go away.
    """
    found: dict[bytes, bytes] = {}
    for key, value in each_row(settings, topic, partitions, progress):
        found.pop(key, None)
        if value is not None and wanted(key, value):
            found[key] = value
    return found


def latest_states(
    settings: Settings,
    table: str,
    partitions: Iterable[int],
    wanted: Callable[[bytes, bytes], bool],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """The states of the latest rows of a table that are wanted; see `latest_rows`.

    Raises:
        StateError: one of them cannot be read.
    """
    topic = changelog_topic(settings.app_id, table)
    rows = latest_rows(settings, topic, partitions, wanted, progress)
    with told_with(topic):
        return {name.decode(): _state(table, value) for name, value in rows.items()}


def state_of(settings: Settings, table: str, value: bytes) -> Any:
    """The state of a row.

    Raises:
        StateError: it cannot be read.
    """
    with told_with(changelog_topic(settings.app_id, table)):
        return _state(table, value)


@contextmanager
def told_with(topic: str) -> Iterator[None]:
    """Let what cannot be read be told with the changelog that it is in."""
    try:
        yield
    except (StateError, UndecodableError, UnicodeDecodeError) as problem:
        raise StateError(f"a row in {topic} cannot be read: {problem}") from None


def _state(table: str, value: bytes) -> Any:
    return ROW_CODECS[table].decode_row(value).state
