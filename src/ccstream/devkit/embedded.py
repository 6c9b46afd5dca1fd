"""A Kafka broker inside this process: librdkafka's mock cluster.

It comes with every confluent-kafka wheel, needs nothing installed, is there in a few
milliseconds and serves any Kafka client over TCP on the loopback interface. It is for
demos and quick tests: every topic has 4 partitions and is there on first use
(``create_topics`` is never answered), each partition keeps about 5 MB and drops what is older
without an error, nothing reaches the disk, an empty fetch is answered only after
``fetch.wait.max.ms``, and there are transactions but no ``read_committed``.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException, Producer

from ccstream.errors import DevkitError

__all__ = ["EMBEDDED_PARTITIONS", "EmbeddedKafka"]

EMBEDDED_PARTITIONS: Final = 4
"""Partitions of every topic; librdkafka gives its mock cluster no other choice."""

START_S_MAX: Final = 10.0
"""The cluster answers within milliseconds; this only bounds a machine that is starved."""

BROKERS_MAX: Final = 16
"""Each broker is a listening socket; more than a handful shows nothing new."""


class EmbeddedKafka:
    """A mock cluster that lives as long as the ``with`` block.

    The cluster belongs to the client that made it and is served by a thread of
    librdkafka's own, so that client is held here until :meth:`stop` and nothing needs
    to be polled.
    """

    def __init__(self, brokers: int = 1) -> None:
        if not 1 <= brokers <= BROKERS_MAX:
            raise DevkitError(f"An embedded cluster has 1 to {BROKERS_MAX} brokers, not {brokers}.")
        self._brokers = brokers
        self._owner: Producer | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """``host:port`` of every broker, comma-separated, as clients take it."""
        if self._owner is None:
            raise DevkitError("The embedded broker is not running: call start() first.")
        return self._bootstrap

    def start(self) -> Self:
        """Start the cluster, or do nothing if it runs.

        Raises ``DevkitError`` if its brokers do not show up in time.
        """
        if self._owner is not None:
            return self
        # Level 4 (warning): at its default level librdkafka notes on stderr that it mocks.
        owner = Producer({"test.mock.num.brokers": self._brokers, "log_level": 4})
        try:
            listed = owner.list_topics(timeout=START_S_MAX).brokers.values()
        except KafkaException as error:
            raise DevkitError(f"The embedded broker did not start: {error}") from error
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in listed)
        self._owner = owner
        return self

    def stop(self) -> None:
        """End the cluster; what it held is gone. May be called twice."""
        self._owner = None  # the last reference: librdkafka ends the cluster with its client

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
