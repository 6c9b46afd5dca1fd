from __future__ import annotations

import pytest

from ccstream.errors import (
    BrokerRefusedError,
    BrokerUnavailableError,
    StateError,
    TopicMismatchError,
)
from ccstream.ops.broker import Broker, Topic
from ccstream.ops.settings import Settings
from ccstream.ops.topics import Action, Difference, Plan, apply, plan, survey
from ccstream.wire import catalogue
from tests.support.waiting import eventually

SPECS = catalogue.topics("ccstream")
N = 8


def as_planned(**changes: Topic) -> dict[str, Topic]:
    """The topics as `apply` makes them, some of them changed."""
    made = {
        spec.name: Topic(
            partitions=spec.partition_count(N), replication_factor=1, config=spec.config(1)
        )
        for spec in SPECS
    }
    return made | changes


def changed(topic: Topic, **config: str) -> Topic:
    return Topic(
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        config={**topic.config, **{name.replace("_", "."): v for name, v in config.items()}},
    )


def test_on_an_empty_cluster_every_topic_of_the_catalogue_is_to_be_made() -> None:
    planned = plan(SPECS, N, 1, {})
    assert len(planned.of("create")) == len(SPECS)
    assert {step.partitions for step in planned.steps if step.topic != catalogue.OWNERS_TOPIC} == {
        N
    }
    assert not planned.done


def test_what_was_made_is_left_alone() -> None:
    assert plan(SPECS, N, 1, as_planned()).done


def test_topics_of_others_do_not_matter() -> None:
    others = {"somebody.elses": Topic(partitions=3, replication_factor=1)}
    assert plan(SPECS, N, 1, as_planned() | others).done


def test_only_what_is_missing_is_made() -> None:
    existing = as_planned()
    del existing["sync.carts.v1"]
    planned = plan(SPECS, N, 1, existing)
    assert [step.topic for step in planned.of("create")] == ["sync.carts.v1"]


def test_another_partition_count_is_refused_with_what_to_do() -> None:
    existing = {"channel.web.events.v1": Topic(partitions=4, replication_factor=1)}
    with pytest.raises(TopicMismatchError) as caught:
        plan(SPECS, N, 1, existing)
    message = str(caught.value)
    assert "channel.web.events.v1 has 4 partition(s) instead of 8" in message
    assert "if 4 is right for all, set kafka.partitions to it" in message


def test_differing_partition_counts_have_no_one_right_setting() -> None:
    existing = {
        "channel.web.events.v1": Topic(partitions=4, replication_factor=1),
        "sync.carts.v1": Topic(partitions=6, replication_factor=1),
    }
    with pytest.raises(TopicMismatchError, match=r"and 1 more topics differ.*delete or rename"):
        plan(SPECS, N, 1, existing)


def test_a_setting_that_somebody_changed_is_reported_with_both_values() -> None:
    existing = as_planned()
    existing["sync.carts.v1"] = changed(existing["sync.carts.v1"], cleanup_policy="delete")
    (step,) = plan(SPECS, N, 1, existing).of("drift")
    assert step.topic == "sync.carts.v1"
    assert step.differences == (Difference("cleanup.policy", "delete", "compact"),)
    assert step.alterable == {"cleanup.policy": "compact"}


def test_another_number_of_copies_is_reported_and_not_altered() -> None:
    (step, *_) = plan(SPECS, N, 3, as_planned()).of("drift")
    assert Difference("replication.factor", "1", "3") in step.differences
    assert "replication.factor" not in step.alterable


@pytest.fixture
def settings(kafka: str, unique: str) -> Settings:
    """An application of its own on the shared cluster, with the count its topics have there."""
    shared = Broker(Settings.load(kafka__bootstrap=kafka)).cluster().topics
    inputs = [topic.partitions for name, topic in shared.items() if name.startswith("channel.")]
    return Settings.load(
        kafka__bootstrap=kafka, app_id=unique, kafka__partitions=max(inputs, default=N)
    )


def of_this_app(settings: Settings, planned: Plan, action: Action) -> list[str]:
    """The changelogs, which no other test has touched, that a plan does something about."""
    return [
        step.topic for step in planned.of(action) if step.topic.startswith(f"{settings.app_id}-")
    ]


@pytest.mark.realkafka
def test_apply_makes_what_is_missing_and_doing_it_again_changes_nothing(
    settings: Settings,
) -> None:
    broker = Broker(settings)
    made: list[str] = []
    before = survey(settings, broker)
    apply(before, broker, report=made.append)
    changelogs = of_this_app(settings, before, "create")
    assert len(changelogs) == len(catalogue.TABLES)
    assert {f"created {topic}" for topic in changelogs} <= set(made)
    again = survey(settings, broker)
    assert not again.of("create")
    assert not of_this_app(settings, again, "drift")
    apply(again, broker, report=made.append)
    assert len(made) == len(set(made))


@pytest.mark.realkafka
def test_drift_is_altered_only_when_asked(settings: Settings) -> None:
    broker = Broker(settings)
    apply(survey(settings, broker), broker)
    changelog = f"{settings.app_id}-carts-changelog"

    def drifted() -> list[str]:
        return of_this_app(settings, survey(settings, broker), "drift")

    broker.set_config(changelog, {"delete.retention.ms": "60000"})
    assert eventually(drifted, bool) == [changelog]
    planned = survey(settings, broker)
    apply(planned, broker)
    assert drifted() == [changelog]
    only = Plan(steps=tuple(step for step in planned.steps if step.topic == changelog))
    apply(only, broker, alter_config=True)
    assert eventually(drifted, lambda found: not found) == []


@pytest.mark.realkafka
def test_two_that_apply_at_once_do_not_disturb_each_other(settings: Settings) -> None:
    broker = Broker(settings)
    before = survey(settings, broker)
    apply(before, broker)
    said: list[str] = []
    apply(before, broker, report=said.append)
    assert any("by somebody else" in one for one in said)


@pytest.mark.realkafka
def test_a_cluster_with_another_count_is_refused_before_anything_is_made(
    settings: Settings,
) -> None:
    broker = Broker(settings)
    odd = f"{settings.app_id}-carts-changelog"
    broker.create(odd, 3, 1, {})
    eventually(broker.cluster, lambda found: odd in found.topics)
    with pytest.raises(TopicMismatchError, match="has 3 partition"):
        survey(settings, broker)
    assert f"{settings.app_id}-touches-changelog" not in broker.cluster().topics


@pytest.mark.realkafka
def test_more_copies_than_brokers_is_refused(settings: Settings) -> None:
    wanting = Settings.load(kafka__bootstrap=settings.kafka.bootstrap, kafka__replication_factor=9)
    with pytest.raises(StateError, match=r"kafka\.replication_factor is 9, but"):
        survey(wanting, Broker(wanting))


@pytest.mark.realkafka
def test_what_the_broker_refuses_is_told_in_its_words(settings: Settings) -> None:
    with pytest.raises(BrokerRefusedError, match=r"could not create the topic .*TOPIC_EXCEPTION"):
        Broker(settings).create("no such/name", 1, 1, {})


def test_the_embedded_broker_has_nothing_to_apply(embedded_kafka: str) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka, kafka__partitions=4)
    assert survey(settings, Broker(settings)).done


def test_the_embedded_broker_has_4_partitions_and_no_other_number(embedded_kafka: str) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka, kafka__partitions=8)
    with pytest.raises(TopicMismatchError, match=r"set kafka\.partitions to 4"):
        survey(settings, Broker(settings))


@pytest.mark.parametrize(
    ("bootstrap", "connect_timeout_ms", "why"),
    [
        ("127.0.0.1:1", 3_000, "Connection refused"),
        ("no-such-host.invalid:9092", 5_000, "Failed to resolve"),
    ],
)
def test_a_broker_that_is_away_is_told_with_the_reason(
    bootstrap: str, connect_timeout_ms: int, why: str
) -> None:
    settings = Settings.load(
        kafka__bootstrap=bootstrap, kafka__connect_timeout_ms=connect_timeout_ms
    )
    with pytest.raises(BrokerUnavailableError) as caught:
        Broker(settings).cluster()
    assert bootstrap in str(caught.value)
    assert why in str(caught.value)
