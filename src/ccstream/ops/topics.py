"""The topics as the catalogue says they should be, against those that there are.

`plan` is a pure comparison; `apply` carries it out. What cannot be mended is refused before
anything is done: another partition count would send customers to other partitions than
their tables. What somebody set otherwise is reported, and changed only when asked to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from ccstream.errors import BrokerUnavailableError, StateError, TopicMismatchError
from ccstream.ops.broker import Broker, Cluster, Topic
from ccstream.ops.settings import Settings
from ccstream.wire import catalogue
from ccstream.wire.topics import TopicSpec

__all__ = [
    "EMBEDDED_PARTITIONS",
    "Action",
    "Difference",
    "Plan",
    "Step",
    "apply",
    "plan",
    "specs_of",
    "survey",
]

EMBEDDED_PARTITIONS: Final = 4
"""What librdkafka's mock cluster gives every topic."""

VISIBLE_SECONDS_MAX: Final = 30
"""Brokers learn of a new topic within milliseconds from the controller, unless one is ill."""

Action = Literal["create", "keep", "drift"]


class Difference(Struct, frozen=True):
    """A setting of a topic that is not what the catalogue says."""

    setting: str
    found: str | None
    expected: str


class Step(Struct, frozen=True, kw_only=True):
    """What there is to do about one topic."""

    topic: str
    kind: str
    action: Action
    partitions: int
    replication_factor: int
    config: Mapping[str, str]
    differences: tuple[Difference, ...] = ()

    @property
    def alterable(self) -> dict[str, str]:
        """The differing settings that ``--alter-config`` sets."""
        return {
            one.setting: one.expected
            for one in self.differences
            if one.setting != REPLICATION_FACTOR
        }


class Plan(Struct, frozen=True, kw_only=True):
    """Every topic of the catalogue, and what there is to do about it."""

    steps: tuple[Step, ...]

    def of(self, action: Action) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action == action)

    @property
    def done(self) -> bool:
        """Whether the cluster is as planned."""
        return all(step.action == "keep" for step in self.steps)


REPLICATION_FACTOR: Final = "replication.factor"


def plan(
    specs: Iterable[TopicSpec],
    partitions: int,
    replication_factor: int,
    existing: Mapping[str, Topic],
) -> Plan:
    """Compare the topics that should be with those that are.

    Args:
        specs: the catalogue's topics.
        partitions: the common partition count N.
        replication_factor: copies of each topic.
        existing: the topics that there are, with their configuration.

    Raises:
        TopicMismatchError: a topic has another number of partitions.
    """
    specs = tuple(specs)
    _refuse_other_counts(specs, partitions, existing)
    return Plan(
        steps=tuple(
            _step(spec, partitions, replication_factor, existing.get(spec.name)) for spec in specs
        )
    )


def _refuse_other_counts(
    specs: Iterable[TopicSpec], partitions: int, existing: Mapping[str, Topic]
) -> None:
    wrong = [
        spec
        for spec in specs
        if spec.name in existing
        and existing[spec.name].partitions != spec.partition_count(partitions)
    ]
    if not wrong:
        return
    first = wrong[0]
    more = f", and {len(wrong) - 1} more topics differ" if len(wrong) > 1 else ""
    common = {existing[spec.name].partitions for spec in wrong if not spec.single_partition}
    advice = (
        f"if {common.pop()} is right for all, set kafka.partitions to it"
        if len(common) == 1 and not first.single_partition
        else "delete or rename what does not belong here"
    )
    raise TopicMismatchError(
        f"topic {first.name} has {existing[first.name].partitions} partition(s) instead of "
        f"{first.partition_count(partitions)}{more}; partition counts are never changed, since "
        f"keys would move away from their tables: {advice}"
    )


def _step(spec: TopicSpec, partitions: int, replication_factor: int, topic: Topic | None) -> Step:
    config = spec.config(replication_factor)
    count = spec.partition_count(partitions)
    if topic is None:
        return Step(
            topic=spec.name,
            kind=spec.kind,
            action="create",
            partitions=count,
            replication_factor=replication_factor,
            config=config,
        )
    differences = [
        Difference(name, topic.config.get(name), value)
        for name, value in sorted(config.items())
        if topic.config.get(name) != value
    ]
    if topic.replication_factor != replication_factor:
        differences.append(
            Difference(REPLICATION_FACTOR, str(topic.replication_factor), str(replication_factor))
        )
    return Step(
        topic=spec.name,
        kind=spec.kind,
        action="drift" if differences else "keep",
        partitions=count,
        replication_factor=topic.replication_factor,
        config=config,
        differences=tuple(differences),
    )


def specs_of(settings: Settings) -> tuple[TopicSpec, ...]:
    """The catalogue's topics under these settings."""
    return catalogue.topics(
        settings.app_id,
        settings.channels_extra,
        message_bytes_max=settings.kafka.max_message_bytes,
        output_prefix=settings.output_prefix,
    )


def survey(settings: Settings, broker: Broker) -> Plan:
    """Plan for a cluster.

    Raises:
        BrokerUnavailableError: no broker answered.
        StateError: the cluster has too few brokers for the replication factor.
        TopicMismatchError: a topic has another number of partitions.
    """
    specs = specs_of(settings)
    cluster = broker.cluster()
    if cluster.embedded:
        return _embedded(specs, settings)
    factor = settings.kafka.replication_factor
    if factor > len(cluster.brokers):
        raise StateError(
            f"kafka.replication_factor is {factor}, but the cluster has {len(cluster.brokers)} "
            "broker(s): add brokers or lower it"
        )
    return plan(specs, settings.kafka.partitions, factor, _existing(specs, cluster, broker))


def _existing(specs: Iterable[TopicSpec], cluster: Cluster, broker: Broker) -> dict[str, Topic]:
    names = [spec.name for spec in specs if spec.name in cluster.topics]
    configs = broker.configs(names)
    return {
        name: Topic(
            partitions=cluster.topics[name].partitions,
            replication_factor=cluster.topics[name].replication_factor,
            config=configs[name],
        )
        for name in names
    }


def _embedded(specs: Iterable[TopicSpec], settings: Settings) -> Plan:
    if settings.kafka.partitions != EMBEDDED_PARTITIONS:
        raise TopicMismatchError(
            f"the embedded broker gives every topic {EMBEDDED_PARTITIONS} partitions: set "
            f"kafka.partitions to {EMBEDDED_PARTITIONS} instead of {settings.kafka.partitions}"
        )
    return Plan(
        steps=tuple(
            Step(
                topic=spec.name,
                kind=spec.kind,
                action="keep",
                partitions=EMBEDDED_PARTITIONS,
                replication_factor=1,
                config={},
            )
            for spec in specs
        )
    )


def apply(
    planned: Plan,
    broker: Broker,
    *,
    alter_config: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Carry a plan out; to do it again changes nothing.

    Args:
        planned: see `survey`.
        broker: where.
        alter_config: also set what differs back to what the catalogue says.
        report: called with a line about each change.

    Raises:
        BrokerRefusedError: the broker would not; topics made before that stay.
        BrokerUnavailableError: it went away, or new topics do not show up.
    """
    for step in planned.of("create"):
        if broker.create(step.topic, step.partitions, step.replication_factor, step.config):
            report(f"created {step.topic}")
        else:
            report(f"{step.topic} has just been created by somebody else")
    if alter_config:
        for step in planned.of("drift"):
            if step.alterable:
                broker.set_config(step.topic, step.alterable)
                report(f"set {', '.join(step.alterable)} of {step.topic}")
    _await({step.topic for step in planned.of("create")}, broker)


def _await(names: set[str], broker: Broker) -> None:
    deadline = time.monotonic() + VISIBLE_SECONDS_MAX
    while missing := names - broker.cluster().topics.keys():
        if time.monotonic() > deadline:
            raise BrokerUnavailableError(
                f"{len(missing)} topics were created {VISIBLE_SECONDS_MAX} s ago and cannot be "
                f"seen yet, {min(missing)} for one: is the controller well?"
            )
        time.sleep(0.1)
