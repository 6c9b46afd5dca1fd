"""What take-over asks the cluster: ends of logs, committed offsets, whole small topics.

Asked through librdkafka, never aiokafka, whose committed offsets may be old; and every
question has a deadline, because a broker that is away must not look like an empty topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

from ccstream.engine.restore import ChangelogRange, RestoreProgress, restore
from ccstream.engine.store import Table
from ccstream.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    CcstreamError,
    StateError,
)
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_log import Complaints
from ccstream.ops.listeners import advice
from ccstream.ops.refusals import denied

__all__ = ["Cluster", "TopicPartitionKey", "committed_offsets"]

TopicPartitionKey = tuple[str, int]

_TIMEOUT = 10.0
"""Seconds for one question."""

_CONNECT_TIMEOUT = 3.0
"""Seconds for the first question of all; a worker says that nobody is there, and asks again."""

_STABLE_TIMEOUT = 2.0
"""Seconds for the group's offsets: librdkafka asks on by itself while they are unstable, and
what makes them stable is to fence whoever left a transaction open."""

_FENCE_TIMEOUT = 20.0
"""Seconds to fence a predecessor: the broker first ends its open transaction."""

_FETCH_BYTES = 1_000
"""Where one record is wanted: a broker sends no more than the batch that it is in."""

_MOCK_CLUSTER = "mockCluster"
"""How librdkafka's mock cluster, the embedded broker, begins its cluster id."""


class Cluster:
    """Questions to the brokers, on behalf of consumer group ``group``."""

    def __init__(
        self,
        admin_config: Mapping[str, Any],
        consumer_config: Mapping[str, Any],
        producer_config: Mapping[str, Any],
        group: str,
    ) -> None:
        self._complaints = Complaints("takeover")
        self._where = admin_config["bootstrap.servers"], admin_config["security.protocol"]
        self._admin = make_client(AdminClient, dict(admin_config) | {"error_cb": self._complaints})
        self._producer_config = dict(producer_config)
        self._consumer_config = {**consumer_config, "group.id": group, "enable.auto.commit": False}
        self._committed = self._consumer("read_committed")

    def partition_counts(self) -> dict[str, int]:
        """The topics there are, with their partition counts.

        Raises:
            AccessDeniedError: the brokers do not take this worker's login or certificate.
            BrokerUnavailableError: none answered in time.
        """
        try:
            metadata = self._admin.list_topics(timeout=_CONNECT_TIMEOUT)
        except KafkaException as error:
            raise self._no_answer(error) from error
        return {name: len(topic.partitions) for name, topic in metadata.topics.items()}

    def has_transactions(self) -> bool:
        """Whether the cluster keeps transactions as facts; librdkafka's mock cluster does not."""
        try:
            name = self._admin.list_topics(timeout=_CONNECT_TIMEOUT).cluster_id
        except KafkaException as error:
            raise self._no_answer(error) from error
        return not str(name).startswith(_MOCK_CLUSTER)

    def check_rights(self, topics: Iterable[str]) -> None:
        """Tell topics that this worker may not see from those that are not there.

        Raises:
            AccessDeniedError: one of them is hidden from this worker's user.
        """
        asked = TopicCollection(list(topics))
        for topic, future in self._admin.describe_topics(asked, request_timeout=_TIMEOUT).items():
            try:
                future.result()
            except KafkaException as error:
                refused = denied(error.args[0], f"{topic} cannot be used")
                if refused is not None:
                    raise refused from error

    def use(self, topics: Iterable[str]) -> None:
        """Mention topics to a broker that makes them on first use: the embedded one."""
        for topic in topics:
            self._admin.list_topics(topic, timeout=_TIMEOUT)

    def starts(self, partitions: Iterable[TopicPartitionKey]) -> dict[TopicPartitionKey, int]:
        """The first offset still in each log."""
        return self._offsets(partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)

    def high_watermarks(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, int]:
        """The end of each log, open transactions included."""
        return self._offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)

    def last_stable_offsets(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, int]:
        """The end of what is decided in each log: before the first open transaction."""
        return self._offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)

    def readable_ends(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, int]:
        """As :meth:`last_stable_offsets`, of those partitions of which a broker tells it."""
        asked = {TopicPartition(topic, number): OffsetSpec.latest() for topic, number in partitions}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT
        )
        ends: dict[TopicPartitionKey, int] = {}
        for one, future in futures.items():
            try:
                ends[one.topic, one.partition] = future.result().offset
            except KafkaException:
                continue  # its leader is away
        return ends

    def next_record(self, topic: str, partition: int, offset: int) -> int | None:
        """The offset of the first record from this one on that a reader of committed ones gets.

        Returns None if there is none: a log may end in the markers of transactions.

        Raises:
            BrokerUnavailableError: no answer in time.
        """
        consumer = self._consumer(
            "read_committed",
            {"enable.partition.eof": True, "fetch.message.max.bytes": _FETCH_BYTES},
        )
        try:
            consumer.assign([TopicPartition(topic, partition, offset)])
            while True:
                for message in _some(consumer):
                    error = message.error()
                    if error is None:
                        return message.offset()
                    if error.code() == KafkaError._PARTITION_EOF:
                        return None
                    if not error.retriable():
                        raise BrokerUnavailableError(f"{topic} cannot be read: {error.str()}")
        finally:
            consumer.close()

    def committed(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, int | None] | None:
        """The group's stable offsets, None where it has none.

        Returns None as a whole while a pending transaction keeps them unstable, and if there
        is no answer soon.
        """
        asked = [TopicPartition(topic, partition) for topic, partition in partitions]
        try:
            answer = self._committed.committed(asked, timeout=_STABLE_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() in (
                KafkaError.UNSTABLE_OFFSET_COMMIT,
                KafkaError._TIMED_OUT,
                KafkaError.REQUEST_TIMED_OUT,
            ):
                return None
            raise _unreadable(error.args[0], "the group's offsets could not be read") from error
        offsets: dict[TopicPartitionKey, int | None] = {}
        for one in answer:
            if one.error is not None:
                if one.error.code() == KafkaError.UNSTABLE_OFFSET_COMMIT:
                    return None
                what = f"the offset of {one.topic}[{one.partition}] could not be read"
                raise denied(one.error, what) or StateError(f"{what}: {one.error.str()}")
            offsets[one.topic, one.partition] = one.offset if one.offset >= 0 else None
        return offsets

    def committed_by(
        self, group: str, partitions: Iterable[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, int]:
        """The offsets that another group has committed by now, where it has any.

        Raises:
            AccessDeniedError: this user may not see that group.
            BrokerUnavailableError: no answer in time.
        """
        consumer = self._consumer("read_uncommitted", {"group.id": group})
        try:
            return committed_offsets(consumer, partitions, _TIMEOUT)
        finally:
            consumer.close()

    def deletes_old_records(self, topic: str) -> bool:
        """Whether the topic's cleanup policy may drop records that compaction would keep."""
        (policy,) = self._settings([topic], "cleanup.policy")
        return policy is None or "delete" in policy

    def tombstones_kept_ms(self, topics: Iterable[str]) -> int:
        """How long a deletion stays in each of the compacted topics; 0 if that is not known."""
        return min(int(kept or 0) for kept in self._settings(topics, "delete.retention.ms"))

    def fence(self, transactional_id: str) -> None:
        """End what the producer of this id has open; it can commit nothing more."""
        producer = make_client(
            Producer, {**self._producer_config, "transactional.id": transactional_id}
        )
        try:
            producer.init_transactions(_FENCE_TIMEOUT)
        except KafkaException as error:
            raise _unreadable(error.args[0], "the previous owner could not be fenced") from error

    def restore(
        self,
        ranges: list[ChangelogRange],
        table_of: Callable[[str, int], Table],
        cancelled: Callable[[], bool],
        progress: Callable[[RestoreProgress], None],
    ) -> RestoreProgress:
        """Read changelogs into tables; see :func:`.restore.restore`."""
        return restore(
            {**self._consumer_config, "isolation.level": "read_committed"},
            ranges,
            table_of,
            cancelled=cancelled,
            progress=progress,
        )

    def read_all(self, topic: str, partition: int, isolation: str) -> list[Message]:
        """Every record of a small topic's partition, to the end that is stable for readers."""
        consumer = self._consumer(isolation, {"enable.partition.eof": True})
        try:
            start = self.starts([(topic, partition)])[topic, partition]
            consumer.assign([TopicPartition(topic, partition, start)])
            messages: list[Message] = []
            while True:
                batch = _some(consumer)
                for message in batch:
                    error = message.error()
                    if error is None:
                        messages.append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        return messages
                    elif not error.retriable():
                        what = f"could not read {topic}"
                        raise denied(error, what) or StateError(f"{what}: {error.str()}")
        finally:
            consumer.close()

    def records_at(
        self, offsets: Mapping[TopicPartitionKey, int]
    ) -> dict[TopicPartitionKey, Message]:
        """The record at each of these offsets, decided or not; those that may be read."""
        consumer = self._consumer(
            "read_uncommitted",
            {"enable.partition.eof": True, "fetch.message.max.bytes": _FETCH_BYTES},
        )
        try:
            consumer.assign([TopicPartition(t, number, o) for (t, number), o in offsets.items()])
            found: dict[TopicPartitionKey, Message] = {}
            missing = set(offsets)
            while missing:
                for message in _some(consumer):
                    at: Any = (message.topic(), message.partition())
                    error = message.error()
                    if error is None:
                        found.setdefault(at, message)
                    if error is None or not error.retriable():
                        missing.discard(at)
            return found
        finally:
            consumer.close()

    def close(self) -> None:
        self._committed.close()

    def _no_answer(self, error: KafkaException) -> CcstreamError:
        """Why nothing came: librdkafka tells of refused logins aside, and goes on trying."""
        self._admin.poll(0)
        last = self._complaints.last
        what = f"no broker answered within {_CONNECT_TIMEOUT:.0f} s"
        if last is not None and (refused := denied(last, what)):
            return refused
        told = error.args[0].str() if last is None else last.str()
        return BrokerUnavailableError(f"{what} ({told}); {advice(*self._where)}")

    def _settings(self, topics: Iterable[str], name: str) -> list[str | None]:
        """A setting of each topic, None where the broker does not tell. In one request."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        told: list[str | None] = []
        for future in self._admin.describe_configs(resources, request_timeout=_TIMEOUT).values():
            try:
                told.append(str(future.result()[name].value))
            except (KafkaException, KeyError):
                told.append(None)
        return told

    def _consumer(self, isolation: str, more: Mapping[str, Any] | None = None) -> Consumer:
        return make_client(
            Consumer,
            {
                **self._consumer_config,
                "isolation.level": isolation,
                "auto.offset.reset": "error",
                **(more or {}),
            },
        )

    def _offsets(
        self, partitions: Iterable[TopicPartitionKey], spec: OffsetSpec, level: IsolationLevel
    ) -> dict[TopicPartitionKey, int]:
        asked = {TopicPartition(topic, number): spec for topic, number in partitions}
        if not asked:
            return {}
        futures = self._admin.list_offsets(asked, isolation_level=level, request_timeout=_TIMEOUT)
        found: dict[TopicPartitionKey, int] = {}
        for one, future in futures.items():
            try:
                found[one.topic, one.partition] = max(0, future.result().offset)
            except KafkaException as error:
                what = f"the end of {one.topic}[{one.partition}] could not be read"
                raise _unreadable(error.args[0], what) from error
        return found


def committed_offsets(
    consumer: Consumer, partitions: Iterable[TopicPartitionKey], timeout: float
) -> dict[TopicPartitionKey, int]:
    """What the consumer's group has committed; those of open transactions are not waited for.

    Raises:
        AccessDeniedError: this user may not see the group.
        BrokerUnavailableError: no answer in time.
    """
    what = "the offsets of the other application's group could not be read"
    asked = [TopicPartition(topic, number) for topic, number in partitions]
    try:
        answer = consumer.committed(asked, timeout=timeout)
    except KafkaException as error:
        raise _unreadable(error.args[0], what) from error
    for one in answer:
        if one.error is not None:
            raise _unreadable(one.error, what)
    return {(one.topic, one.partition): one.offset for one in answer if one.offset >= 0}


def _unreadable(error: KafkaError, what: str) -> AccessDeniedError | BrokerUnavailableError:
    return denied(error, what) or BrokerUnavailableError(f"{what}: {error.str()}")


def _some(consumer: Consumer) -> list[Message]:
    """At least one message or event, and what else is there.

    Raises:
        BrokerUnavailableError: nothing within the timeout.
    """
    first = consumer.poll(_TIMEOUT)
    if first is None:
        raise BrokerUnavailableError(f"a read got nothing within {_TIMEOUT:.0f} s; brokers away?")
    return [first, *consumer.consume(10_000, 0)]
