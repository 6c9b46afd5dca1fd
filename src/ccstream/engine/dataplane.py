"""Reading the inputs: librdkafka prefetches in its own threads, a whole fetch is one chunk.

Positions are given from outside at every assignment and never stored by this consumer: the
processed offset of a partition is simply the last record's plus one, and a commit carries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ccstream.engine.delivery import SourceOffset
from ccstream.errors import DeliveryError, StateError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.refusals import denied

__all__ = ["DataPlane", "ask_leaders", "ends_of"]

log = structlog.get_logger(__name__)

_TRANSIENT = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.REQUEST_TIMED_OUT,
    }
)
"""Errors that librdkafka mends by itself, by reconnecting and asking again."""

_LEADERS_TIMEOUT: Final = 0.2
"""Seconds that it is waited for who leads a topic: it takes a few milliseconds."""


class DataPlane:
    """A librdkafka consumer without a group; `BusyInputsPlane` has two."""

    def __init__(self, config: Mapping[str, Any], records_max: int) -> None:
        self._config = config
        self._records_max = records_max
        self._consumer = self._make_consumer()
        self._assigned: list[TopicPartition] = []
        self._trouble: str | None = None

    def assign(self, offsets: list[SourceOffset]) -> None:
        """Read from these positions, and nothing else."""
        ask_leaders(self._consumer, dict.fromkeys(one.topic for one in offsets))
        self._assigned = [TopicPartition(o.topic, o.partition, o.offset) for o in offsets]
        self._consumer.assign(self._assigned)

    def unassign(self) -> None:
        self._assigned = []
        self._consumer.unassign()

    def poll(self, timeout: float) -> list[Message]:
        """Wait for a first record for at most ``timeout`` seconds; it and all that is there.

        Raises:
            StateError: the position to read from is no longer, or not yet, in the log.
            AccessDeniedError: this worker may not read an input any more.
            DeliveryError: an error that does not mend by itself.
        """
        return self._read(self._consumer, timeout, self._records_max)

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of the log of each assigned partition, as of the last fetch: cheap.

        0 where all has been handed out: the end may be behind markers of transactions, which
        never are, so that it says nothing about what is left.
        """
        return ends_of(self._consumer, self._assigned)

    def heard(self) -> bool:
        """Whether every assigned partition has been fetched from."""
        return len(self.ends()) == len(self._assigned)

    def close(self) -> None:
        self._consumer.close()

    def _make_consumer(self) -> Consumer:
        return make_client(
            Consumer,
            {
                **self._config,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": False,
            },
        )

    def _read(self, consumer: Consumer, timeout: float, records_max: int) -> list[Message]:
        first = consumer.poll(timeout)
        if first is None:
            return []
        messages = [first, *consumer.consume(records_max - 1, 0)]
        if any(message.error() is not None for message in messages):
            return [message for message in messages if not self._failed(message)]
        self._trouble = None
        return messages

    def _failed(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        code = error.code()
        if code == KafkaError._AUTO_OFFSET_RESET:
            raise StateError(
                f"{message.topic()}[{message.partition()}]: the position to go on from is not in "
                f"the log any more ({error.str()}); events were deleted before they were read, "
                "or the topic was made anew"
            )
        if code in _TRANSIENT or error.retriable():
            if error.str() != self._trouble:
                self._trouble = error.str()
                log.warning("inputs cannot be read for now", reason=self._trouble)
            return True
        what = f"could not read {message.topic()}"
        raise denied(error, what) or DeliveryError(f"{what}: {error.str()} ({error.name()})")


def ask_leaders(consumer: Consumer, topics: Iterable[str]) -> bool:
    """Have a consumer ask who leads these topics, one after the other; whether it was told in time.

    librdkafka looks for the leaders of topics that are new to it once a second, unless it has just
    been made: that long nothing would come of them. So it is without an answer, and what keeps a
    broker from answering is told where records are read.
    """
    try:
        for topic in topics:
            consumer.list_topics(topic, timeout=_LEADERS_TIMEOUT)
    except KafkaException:
        return False
    return True


def ends_of(consumer: Consumer, assigned: list[TopicPartition]) -> dict[tuple[str, int], int]:
    """See `DataPlane.ends`, of one consumer."""
    ends: dict[tuple[str, int], int] = {}
    for one in assigned:
        at = TopicPartition(one.topic, one.partition)
        try:
            _, high = consumer.get_watermark_offsets(at, cached=True)
            (now,) = consumer.position([at])  # moves past markers by itself
        except Exception:  # noqa: BLE001 - only a metric; the next round asks again
            continue
        if high >= 0:
            ends[at.topic, at.partition] = high if now.offset < high else 0
    return ends
