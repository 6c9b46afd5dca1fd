"""Single records of any topic, by where they are; each topic has one reader for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from confluent_kafka import Message

from ccstream.ops.broker import Broker
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings

__all__ = ["At", "SingleRecords"]

At = tuple[str, int, int]
"""Topic, partition and offset."""


class SingleRecords:
    """Looks them up.

    Args:
        settings: how to reach Kafka.
        report: told, once in a while, that brokers are away and are waited for.

    Attributes:
        embedded: whether the broker is the embedded one.
    """

    def __init__(self, settings: Settings, report: Callable[[str], None]) -> None:
        cluster = Broker(settings).cluster()
        self.embedded = cluster.embedded
        self._topics = cluster.topics
        self._settings = settings
        self._report = report
        self._readers: dict[str, TopicReader] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def at(self, places: Iterable[At]) -> dict[At, Message]:
        """Those of these that are there, and may be seen."""
        found = {}
        for place in sorted(set(places)):  # so that those beside each other are read on
            topic, partition, offset = place
            known = self._topics.get(topic)
            if known is None or partition >= known.partitions:
                continue
            message = self._reader(topic).at(partition, offset)
            if message is not None:
                found[place] = message
        return found

    def _reader(self, topic: str) -> TopicReader:
        reader = self._readers.get(topic)
        if reader is None:
            made = TopicReader(self._settings, topic, "read_committed", self._report, sparse=True)
            reader = self._readers[topic] = self._opened.enter_context(made)
        return reader
