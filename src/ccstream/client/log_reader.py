"""Reads whole topics, every partition, from a known place, by the reader rule.

No consumer group: positions are this reader's own. The isolation level is always said,
since live readers and lasting copies need different ones and librdkafka's default suits
only the second. A position that the log no longer has is told as a ``Gap``, never skipped
in silence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from msgspec import Struct

from ccstream.client.reader_rule import ReaderRule
from ccstream.client.records import Gap
from ccstream.errors import AccessDeniedError, BrokerUnavailableError, TopicMismatchError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import Isolation, admin_config, consumer_config
from ccstream.ops.listeners import advice
from ccstream.ops.refusals import denied, told
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import ERASED_NAMESPACE, HEARTBEAT_NAMESPACE
from ccstream.wire.headers import epoch_of, last_trace

__all__ = ["HEARTBEAT", "EndOfLog", "Item", "LogReader", "LogRecord", "Positions", "Start"]

log = logging.getLogger(__name__)

BATCH_RECORDS_MAX: Final = 500
"""Records handed over at once: few enough that the first does not wait for the last."""

QUESTION_S_MAX: Final = 10.0
"""For one question to the brokers at the start."""

LOST_S_MAX: Final = 1.0
"""For asking where a log begins whose place was lost; a stop waits for it."""

HIDDEN_S_MAX = 2.0
"""For a broker to say whether this user may see a topic; the embedded one never does."""

TOPIC_CHECK_S: Final = 0.2
"""Between two looks for a topic that is not there yet."""

AWAY_LOG_S: Final = 10.0
"""librdkafka tells of every attempt to connect; one line in so many seconds is enough."""

HEARTBEAT: Final = HEARTBEAT_NAMESPACE.encode()
"""Keys that begin so are nobody's: `ccstream heartbeat` shows by them that events come through."""

_ERASED: Final = ERASED_NAMESPACE.encode()

Positions = Mapping[tuple[str, int], int]
"""The next offset to read of each (topic, partition)."""

Start = Literal["beginning", "end"] | Positions


class LogRecord(Struct, frozen=True, gc=False):
    """A record that counts; ``value`` is None for a tombstone."""

    topic: str
    partition: int
    offset: int
    appended_at: int
    key: bytes | None
    value: bytes | None
    trace: bytes | None = None
    """Its ``traceparent``, as far as it has one."""


class EndOfLog(Struct, frozen=True, gc=False):
    """There is nothing more in this partition just now."""

    topic: str
    partition: int
    offset: int


Item = LogRecord | Gap | EndOfLog


class LogReader:
    """One consumer, for use by one thread.

    Args:
        settings: how to reach Kafka.
        topics: which topics.
        isolation: whether records of open and aborted transactions are seen.
        start: where to begin: the beginning or end of each partition, or given positions;
            partitions that these do not name are read from their beginning.
        start_timeout_s: how long ``start`` waits for a broker and for the topics.
        rule: the epochs seen so far, if another reader came before this one.
        shows_erased: whether orders are shown that are kept of people who were erased; None: to
            readers of what is final alone.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Iterable[str],
        isolation: Isolation,
        start: Start,
        start_timeout_s: float,
        rule: ReaderRule | None = None,
        *,
        shows_erased: bool | None = None,
    ) -> None:
        self._settings = settings
        self._isolation = isolation
        if shows_erased is None:
            shows_erased = isolation == "read_committed"
        self._hidden_keys = (HEARTBEAT,) if shows_erased else (HEARTBEAT, _ERASED)
        self._config = {
            **consumer_config(settings, isolation=isolation, role="reader"),
            "error_cb": self._on_error,
            "logger": logging.getLogger("ccstream.client.librdkafka"),
        }
        self._topics = tuple(topics)
        self._start = start
        self._start_timeout_s = start_timeout_s
        self._consumer: Consumer | None = None
        self._lost: set[tuple[str, int]] = set()
        self._away_logged = float("-inf")
        self._last: KafkaError | None = None
        self.rule = rule or ReaderRule()
        self.positions: dict[tuple[str, int], int] = {}
        """The next offset of each partition."""
        self.dropped = 0
        """Records of an earlier owner that came after its successor's first word."""

    def start(self) -> None:
        """Connect and find the places to begin.

        Raises ``BrokerUnavailableError`` if no broker answers in time, ``AccessDeniedError`` if
        they do not let this client in or read there, ``TopicMismatchError`` if a topic is not
        there by then, ``SettingsError`` if librdkafka refuses a setting.
        """
        deadline = time.monotonic() + self._start_timeout_s
        self._consumer = make_client(Consumer, self._config)
        partitions = self._partitions(self._consumer, deadline)
        if self._start == "end":
            found = self._offsets(partitions, OffsetSpec.latest(), self._isolation)
        elif self._start == "beginning":
            found = self._offsets(partitions, OffsetSpec.earliest())
        else:
            given = self._start
            rest = [one for one in partitions if one not in given]
            found = self._offsets(rest, OffsetSpec.earliest())
            found |= {one: given[one] for one in partitions if one in given}
        self.positions = found
        self._consumer.assign([TopicPartition(*one, offset) for one, offset in found.items()])

    def ends(self) -> dict[tuple[str, int], int]:
        """Where each log ends at this moment, open transactions included."""
        return self._offsets(self.positions, OffsetSpec.latest())

    def read(self, timeout_s: float) -> list[Item]:
        """Wait at most so long for something; it and what else is there.

        Raises ``AccessDeniedError`` if reading is not allowed and ``BrokerUnavailableError`` for
        what does not mend by itself. A broker that is away is waited for.
        """
        consumer = self._opened()
        items: list[Item] = []
        if self._lost:
            items += self._find_again(consumer)
            timeout_s = 0 if items else timeout_s
        first = consumer.poll(timeout_s)
        if first is None:
            return items
        accepts = self.rule.accepts
        for message in (first, *consumer.consume(BATCH_RECORDS_MAX - 1, 0)):
            if message.error() is not None:
                self._take_error(message, items)
                continue
            topic: Any = message.topic()
            partition: Any = message.partition()
            offset: Any = message.offset()
            self.positions[topic, partition] = offset + 1
            headers: Any = message.headers()
            if not accepts(topic, partition, epoch_of(headers) or 0):
                self.dropped += 1
                continue
            key = message.key()
            if key is not None and key.startswith(self._hidden_keys):
                continue
            at = message.timestamp()[1]
            trace = last_trace(headers)
            items.append(LogRecord(topic, partition, offset, at, key, message.value(), trace))
        return items

    def close(self) -> None:
        """End the consumer. Closing twice does nothing."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise BrokerUnavailableError("The reader is closed.")
        return self._consumer

    def _partitions(self, consumer: Consumer, deadline: float) -> list[tuple[str, int]]:
        looked = False
        while True:
            found = self._metadata(consumer, deadline)
            missing = [topic for topic in self._topics if topic not in found or found[topic].error]
            if not missing:
                return [(topic, one) for topic in self._topics for one in found[topic].partitions]
            if not looked:
                looked = True
                if (hidden := self._hidden(missing[0], deadline)) is not None:
                    raise hidden
                continue  # that may have taken a while, and they may be there by now
            if time.monotonic() > deadline:
                raise TopicMismatchError(
                    f"There is no topic {missing[0]}. `ccstream topics apply` makes the topics "
                    "that ccstream needs."
                )
            time.sleep(TOPIC_CHECK_S)

    def _metadata(self, consumer: Consumer, deadline: float) -> dict[str, Any]:
        try:
            topics: dict[str, Any] = consumer.list_topics(
                timeout=max(0.1, deadline - time.monotonic())
            ).topics
        except KafkaException as error:
            consumer.poll(0)  # fetches what librdkafka says of the attempts
            where, last = self._config["bootstrap.servers"], self._last
            if last is not None and (no := denied(last, f"No way into {where}")):
                raise no from error
            raise BrokerUnavailableError(
                f"No broker answered at {where} within {self._start_timeout_s:g} s "
                f"({(last or error.args[0]).str()}); "
                f"{advice(where, self._config['security.protocol'])}"
            ) from error
        return topics

    def _hidden(self, topic: str, deadline: float) -> AccessDeniedError | None:
        """A cluster does not list what this user may not see, but says so if asked for it."""
        admin = make_client(AdminClient, admin_config(self._settings))
        timeout = min(HIDDEN_S_MAX, max(0.1, deadline - time.monotonic()))
        asked = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout)
        try:
            asked[topic].result()
        except KafkaException as error:
            return denied(error.args[0], f"{topic} cannot be read")
        return None

    def _offsets(
        self,
        partitions: Iterable[tuple[str, int]],
        spec: OffsetSpec,
        isolation: Isolation = "read_uncommitted",
    ) -> dict[tuple[str, int], int]:
        asked = {TopicPartition(*one): spec for one in partitions}
        if not asked:
            return {}
        level = IsolationLevel[isolation.upper()]
        admin = make_client(AdminClient, admin_config(self._settings))
        futures = admin.list_offsets(asked, isolation_level=level, request_timeout=QUESTION_S_MAX)
        try:
            return {
                (one.topic, one.partition): max(0, future.result().offset)
                for one, future in futures.items()
            }
        except KafkaException as error:
            what = "The ends of the logs could not be asked for"
            raise denied(error.args[0], what) or BrokerUnavailableError(
                f"{what}: {error.args[0].str()}."
            ) from error

    def _take_error(self, message: Message, items: list[Item]) -> None:
        error = message.error()
        topic, partition = message.topic(), message.partition()
        assert error is not None
        if topic is None or partition is None:
            self._on_error(error)
        elif error.code() == KafkaError._PARTITION_EOF:
            offset: Any = message.offset()
            self.positions[topic, partition] = offset
            items.append(EndOfLog(topic, partition, offset))
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._lost.add((topic, partition))
        elif refused := denied(error, f"{topic} cannot be read"):
            raise refused
        elif error.fatal():
            raise BrokerUnavailableError(f"{topic}[{partition}] cannot be read: {error.str()}.")
        else:
            self._on_error(error)

    def _find_again(self, consumer: Consumer) -> list[Item]:
        """Go on at the beginning of logs whose place was lost, and tell what is missing."""
        gaps: list[Item] = []
        for topic, partition in sorted(self._lost):
            try:
                low, high = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=LOST_S_MAX
                )
            except KafkaException as error:
                self._on_error(error.args[0])
                return gaps  # at the next read again
            position = self.positions[topic, partition]
            renewed = position > high
            if renewed:
                self.rule.forget(topic, partition)
            if renewed or position < low:
                gaps.append(Gap(topic, partition, position, low, renewed))
                position = low
            self.positions[topic, partition] = position
            self._lost.discard((topic, partition))
            consumer.incremental_unassign([TopicPartition(topic, partition)])
            consumer.incremental_assign([TopicPartition(topic, partition, position)])
        return gaps

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return  # librdkafka looks for a group's coordinator, though nothing here is a group's
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # says nothing that the others do not
            self._last = error
        if time.monotonic() - self._away_logged > AWAY_LOG_S:
            self._away_logged = time.monotonic()
            log.warning(
                "Kafka at %s: %s. Trying again.", self._config["bootstrap.servers"], told(error)
            )
