"""How far the application that is rebuilt has folded: what rebuilds it never goes beyond.

What it has folded is decided: its letters are in the log, in the very transactions that moved its
offsets. So whoever stays behind these offsets finds every letter there, at the place where it was
folded, and has to send none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer

from ccstream.engine.clock import Clock
from ccstream.engine.cluster import TopicPartitionKey, committed_offsets
from ccstream.engine.watchdog import Logs
from ccstream.errors import BrokerUnavailableError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.settings import Settings

__all__ = ["Followed", "Limited", "follow"]

_LOOK_INTERVAL: Final = 0.1
"""Seconds between looks: as often as a worker commits. A look is one request."""

_LOOK_TIMEOUT: Final = 5.0
"""Seconds for an answer. Without one what was known stays known: offsets only ever grow."""


class Followed:
    """The committed offsets of another application's group.

    Args:
        config: for a consumer of that group which takes offsets as they are.
        clock: says when to look again.
    """

    def __init__(self, config: Mapping[str, Any], clock: Clock) -> None:
        self._consumer = make_client(
            Consumer, {**config, "isolation.level": "read_uncommitted", "enable.auto.commit": False}
        )
        self._clock = clock
        self._looked_at = float("-inf")
        self.reached: Mapping[TopicPartitionKey, int] = {}
        """The next offset that it folds of each partition that was asked for, where it has any."""

    def look(self, partitions: Collection[TopicPartitionKey]) -> bool:
        """Ask, unless that was done just now; whether it was."""
        now = self._clock.monotonic()
        if not partitions or now - self._looked_at < _LOOK_INTERVAL:
            return False
        self._looked_at = now
        try:
            self.reached = committed_offsets(self._consumer, partitions, _LOOK_TIMEOUT)
        except BrokerUnavailableError:
            return False
        return True

    def close(self) -> None:
        self._consumer.close()


def follow(settings: Settings, app_id: str) -> Followed:
    """Follow the group of application ``app_id``."""
    config = consumer_config(
        settings, isolation="read_uncommitted", role="rebuilt", group_id=app_id
    )
    return Followed(config, Clock())


class Limited:
    """Logs that end where the application that is rebuilt has got to, for the watchdog."""

    def __init__(self, logs: Logs, followed: Followed) -> None:
        self._logs = logs
        self._followed = followed

    def readable_ends(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> Mapping[TopicPartitionKey, int]:
        reached = self._followed.reached
        ends = self._logs.readable_ends(partitions)
        return {at: min(end, reached.get(at, 0)) for at, end in ends.items()}

    def next_record(self, topic: str, partition: int, offset: int) -> int | None:
        return self._logs.next_record(topic, partition, offset)
