"""Rows as a changelog has them: of each key the latest, and none where that is a tombstone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings

__all__ = ["each_row", "latest_rows"]


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
