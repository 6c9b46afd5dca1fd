"""The cluster as operations need it: what is there, in plain records, with deadlines.

Every question has a deadline (``kafka.connect_timeout_ms`` for the first), and every
answer that is no answer becomes one sentence: that no broker is there and why, or that it
refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)
from msgspec import Struct
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from ccstream.errors import AccessDeniedError, BrokerRefusedError, BrokerUnavailableError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import admin_config
from ccstream.ops.listeners import advice
from ccstream.ops.refusals import denied
from ccstream.ops.settings import Settings

if TYPE_CHECKING:
    from ccstream.ops.acls import Right

__all__ = ["Broker", "Cluster", "Topic", "broker_error"]

REQUEST_SECONDS_MAX: Final = 30
"""A change of topics may take the controller some seconds; more means that it is ill."""

EMBEDDED_CLUSTER: Final = "mockCluster"
"""How librdkafka's mock cluster begins its cluster id."""

_ACL_RESOURCES: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}
_ACL_OPERATIONS: Final = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
_ACL_PATTERNS: Final = {
    "literal": ResourcePatternType.LITERAL,
    "prefix": ResourcePatternType.PREFIXED,
}

COORDINATOR_LOOK_SECONDS: Final = 0.2
COORDINATOR_SECONDS_MAX: Final = 10.0
"""A cluster makes the topic of its groups when the first is asked about, and says meanwhile that
nobody coordinates that group."""

AWAY: Final = frozenset(
    {
        *(KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT),
        *(KafkaError._RESOLVE, KafkaError._TIMED_OUT_QUEUE),
        *(KafkaError.REQUEST_TIMED_OUT, KafkaError.BROKER_NOT_AVAILABLE),
    }
)


def _without_coordinator(problem: BaseException) -> bool:
    return isinstance(problem, KafkaException) and problem.args[0].code() in {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }


class Topic(Struct, frozen=True, kw_only=True):
    """A topic as it is. ``config`` holds what was asked for; see `Broker.configs`."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str | None] = {}


class Cluster(Struct, frozen=True, kw_only=True):
    """Brokers and topics at one moment."""

    cluster_id: str
    brokers: Mapping[int, str]
    topics: Mapping[str, Topic]

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded broker, which makes its topics by itself."""
        return self.cluster_id.startswith(EMBEDDED_CLUSTER)


class Broker:
    """Questions and orders to the cluster that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.kafka.bootstrap
        self._protocol = settings.kafka.security_protocol
        self._connect_seconds = settings.kafka.connect_timeout_ms / 1000
        self._complaint = ""
        self._denied: AccessDeniedError | None = None
        self._admin = make_client(
            AdminClient, admin_config(settings) | {"error_cb": self._complain}
        )

    def cluster(self) -> Cluster:
        """Brokers and topics.

        Raises:
            AccessDeniedError: the brokers do not take this client's login or certificate.
            BrokerUnavailableError: none answered within ``kafka.connect_timeout_ms``.
        """
        try:
            found = self._admin.list_topics(timeout=self._connect_seconds)
        except KafkaException:
            self._admin.poll(0)  # hands over the complaints
            if self._denied is not None:
                raise self._denied from None
            why = f" ({self._complaint})" if self._complaint else ""
            raise BrokerUnavailableError(
                f"no Kafka broker answered at {self._bootstrap} within "
                f"{self._connect_seconds:g} s{why}; {advice(self._bootstrap, self._protocol)}"
            ) from None
        return Cluster(
            cluster_id=str(found.cluster_id),
            brokers={one.id: f"{one.host}:{one.port}" for one in found.brokers.values()},
            topics={
                name: Topic(
                    partitions=len(topic.partitions),
                    replication_factor=min(
                        (len(one.replicas) for one in topic.partitions.values()), default=0
                    ),
                )
                for name, topic in found.topics.items()
            },
        )

    def configs(self, topics: Iterable[str]) -> dict[str, dict[str, str | None]]:
        """Every setting in force of each topic."""
        return self._described(ResourceType.TOPIC, topics)

    def broker_configs(self, brokers: Iterable[int]) -> dict[str, dict[str, str | None]]:
        """Every setting in force of each broker, by its number as text."""
        return self._described(ResourceType.BROKER, map(str, brokers))

    def create(
        self, topic: str, partitions: int, replication_factor: int, config: Mapping[str, str]
    ) -> bool:
        """Create a topic; False if somebody else has just done so."""
        new = NewTopic(
            topic,
            num_partitions=partitions,
            replication_factor=replication_factor,
            config=dict(config),
        )
        try:
            _result(self._admin.create_topics([new], request_timeout=REQUEST_SECONDS_MAX)[topic])
        except KafkaException as problem:
            if problem.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise broker_error(problem, f"create the topic {topic}") from None
        return True

    def mention(self, topic: str) -> None:
        """Ask for a topic by name, on which the embedded broker makes it."""
        try:
            self._admin.list_topics(topic, timeout=self._connect_seconds)
        except KafkaException as problem:
            raise broker_error(problem, f"ask for the topic {topic}") from None

    def delete(self, topic: str) -> None:
        """Delete a topic."""
        futures = self._admin.delete_topics([topic], request_timeout=REQUEST_SECONDS_MAX)
        try:
            _result(futures[topic])
        except KafkaException as problem:
            raise broker_error(problem, f"delete the topic {topic}") from None

    def set_config(self, topic: str, config: Mapping[str, str]) -> None:
        """Set some of a topic's settings; the others stay."""
        entries = [
            ConfigEntry(
                name,
                value,
                source=ConfigSource.DYNAMIC_TOPIC_CONFIG,
                incremental_operation=AlterConfigOpType.SET,
            )
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        futures = self._admin.incremental_alter_configs(
            [resource], request_timeout=REQUEST_SECONDS_MAX
        )
        try:
            _result(futures[resource])
        except KafkaException as problem:
            raise broker_error(problem, f"set the configuration of {topic}") from None

    def operations(self, topics: Iterable[str]) -> dict[str, frozenset[str]]:
        """What this user may do with each topic that there is: nothing with one it may not see."""
        asked = TopicCollection(list(topics))
        found = {}
        for topic, future in self._admin.describe_topics(
            asked, include_authorized_operations=True, request_timeout=REQUEST_SECONDS_MAX
        ).items():
            try:
                told = _result(future).authorized_operations
            except KafkaException as problem:
                if problem.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    continue
                if problem.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise broker_error(problem, f"ask about {topic}") from None
                told = []
            allowed = set(told or ())
            found[topic] = frozenset(
                name for name, operation in _ACL_OPERATIONS.items() if operation in allowed
            )
        return found

    def group_operations(self, group: str) -> frozenset[str]:
        """What this user may do with a consumer group, whether there is one yet or not."""
        try:
            told = self._described_group(group).authorized_operations
        except KafkaException as problem:
            if problem.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                return frozenset()
            raise broker_error(problem, f"ask about the group {group}") from None
        allowed = set(told or ())
        return frozenset(
            name for name, operation in _ACL_OPERATIONS.items() if operation in allowed
        )

    @retry(
        retry=retry_if_exception(_without_coordinator),
        wait=wait_fixed(COORDINATOR_LOOK_SECONDS),
        stop=stop_after_delay(COORDINATOR_SECONDS_MAX),
        reraise=True,
    )
    def _described_group(self, group: str) -> Any:
        (future,) = self._admin.describe_consumer_groups(
            [group], include_authorized_operations=True, request_timeout=REQUEST_SECONDS_MAX
        ).values()
        return _result(future)

    def bounds(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
        """By topic and partition the first offset that is still there, and the next to come."""
        asked = [TopicPartition(topic, partition) for topic, partition in places]
        firsts = self._offsets(asked, OffsetSpec.earliest())
        ends = self._offsets(asked, OffsetSpec.latest())
        return {place: (firsts[place], ends[place]) for place in firsts}

    def _offsets(self, asked: list[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        if not asked:
            return {}
        futures = self._admin.list_offsets(
            dict.fromkeys(asked, spec), request_timeout=REQUEST_SECONDS_MAX
        )
        try:
            return {
                (place.topic, place.partition): _result(future).offset
                for place, future in futures.items()
            }
        except KafkaException as problem:
            raise broker_error(problem, "ask where topics begin and end") from None

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        """Give a user rights, from wherever it comes; to do it again changes nothing."""
        bindings = [
            AclBinding(
                _ACL_RESOURCES[right.resource],
                right.name,
                _ACL_PATTERNS[right.pattern],
                f"User:{user}",
                "*",
                _ACL_OPERATIONS[operation],
                AclPermissionType.ALLOW,
            )
            for right in rights
            for operation in right.operations
        ]
        try:
            for future in self._admin.create_acls(
                bindings, request_timeout=REQUEST_SECONDS_MAX
            ).values():
                _result(future)
        except KafkaException as problem:
            raise broker_error(problem, f"grant rights to {user}") from None

    def _described(
        self, kind: ResourceType, names: Iterable[str]
    ) -> dict[str, dict[str, str | None]]:
        resources = [ConfigResource(kind, name) for name in names]
        if not resources:
            return {}
        futures = self._admin.describe_configs(resources, request_timeout=REQUEST_SECONDS_MAX)
        found = {}
        for resource, future in futures.items():
            try:
                entries = _result(future)
            except KafkaException as problem:
                raise broker_error(problem, f"read the configuration of {resource.name}") from None
            found[resource.name] = {entry.name: entry.value for entry in entries.values()}
        return found

    def _complain(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # says nothing that the others do not
            text = error.str().partition(" (after ")[0]
            self._complaint = text.partition("/bootstrap: ")[2] or text
            self._denied = denied(error, f"no way into Kafka at {self._bootstrap}")


def broker_error(
    problem: KafkaException, doing: str
) -> AccessDeniedError | BrokerUnavailableError | BrokerRefusedError:
    """What librdkafka raised, as an error of ours: ``doing`` completes "could not …"."""
    error: KafkaError = problem.args[0]
    refused = denied(error, f"could not {doing}")
    if refused is not None:
        return refused
    kind = BrokerUnavailableError if error.code() in AWAY else BrokerRefusedError
    return kind(f"could not {doing}: {error.str()} ({error.name()})")


def _result(future: Future[Any]) -> Any:
    return future.result(timeout=REQUEST_SECONDS_MAX + 5)  # librdkafka's own deadline comes first
