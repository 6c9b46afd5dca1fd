"""What goes wrong in a user's app ends it before anything is lost. On a Kafka of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from ccstream.devkit.kafka import LocalKafka
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from ccstream.wire.partition import partition_for
from tests.client.sync_records import cart, encoded
from tests.integration.agents import NOTER, AgentApp, agent_app
from tests.integration.harness import (
    PARTITIONS,
    make_topics,
    settings_for,
    wait_until,
)
from tests.support.produce import Sent, produce
from tests.support.topics import make_topic

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SYNC = "sync.carts.v1"

Put = Callable[..., str]


@pytest.fixture(scope="module")
def topics(cluster: LocalKafka) -> Settings:
    """A cluster with the topics, for what needs no events."""
    settings = settings_for(cluster.bootstrap, "app")
    make_topics(settings)
    return settings


@pytest.fixture
def put(topics: Settings, unique: str) -> Put:
    """Puts an article into a customer's cart, as a worker would publish it; the customer."""

    def put(customer: int, sku: str) -> str:
        subject = f"customer:{unique}-{customer}"
        value = encoded(cart(subject, 1, **{sku: 1}))
        epoch = (("ccstream-epoch", b"1"),)
        produce(topics.kafka.bootstrap, [Sent(SYNC, subject, value, epoch)])
        return subject

    return put


def notes(app: AgentApp, subject: str, *skus: str) -> None:
    expected = list(skus)
    wait_until(lambda: app.get(f"/baskets/{subject}") == expected or app.process.poll(), 90)
    assert app.get(f"/baskets/{subject}") == expected, app.log[-3000:]


def test_an_agent_that_raises_ends_the_app_and_the_next_one_reads_the_record_again(
    topics: Settings, put: Put, unique: str
) -> None:
    with agent_app(NOTER, topics, NOTER_NAME=unique) as app:
        notes(app, put(1, "bowl"), "bowl")
        poisoned = put(2, "poison")
        assert app.wait_ended() != 0
        assert "an agent that does not know what to do" in app.log
    with agent_app(NOTER, topics, NOTER_NAME=unique, NOTER_BRAVE="1") as app:
        notes(app, poisoned, "poison")


def test_a_send_that_fails_ends_the_app_and_is_tried_again(
    topics: Settings, put: Put, unique: str
) -> None:
    bootstrap, output = topics.kafka.bootstrap, f"{unique}-output"
    make_topic(bootstrap, output, PARTITIONS, max_message_bytes="100000")
    with agent_app(NOTER, topics, NOTER_NAME=unique) as app:
        notes(app, put(1, "bowl"), "bowl")
        put(2, "huge")
        assert app.wait_ended() != 0
        assert f"a record for {output} could not be stored" in app.log
    Broker(topics).set_config(output, {"max.message.bytes": "1000000"})
    with agent_app(NOTER, topics, NOTER_NAME=unique):
        wait_until(lambda: lines(bootstrap, output) >= 1, 90)


def test_a_changelog_that_ends_with_no_record_is_restored(topics: Settings, unique: str) -> None:
    bootstrap, changelog = topics.kafka.bootstrap, f"{unique}-notes-changelog"
    make_topic(bootstrap, changelog, PARTITIONS, cleanup_policy="compact")
    subject = f"customer:{unique}"
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": unique})
    producer.init_transactions(20)
    producer.begin_transaction()
    number = partition_for(subject.encode(), PARTITIONS)
    producer.produce(changelog, b'["bowl"]', f'"{subject}"', partition=number)
    producer.commit_transaction(20)
    with agent_app(NOTER, topics, NOTER_NAME=unique) as app:
        assert app.get(f"/baskets/{subject}") == ["bowl"]


def test_a_changelog_that_cannot_be_read_ends_the_app_rather_than_leave_a_hole(
    topics: Settings, unique: str
) -> None:
    bootstrap, changelog = topics.kafka.bootstrap, f"{unique}-notes-changelog"
    make_topic(bootstrap, changelog, PARTITIONS, cleanup_policy="compact")
    subject = f"customer:{unique}"
    produce(
        bootstrap,
        [Sent(changelog, f'"{subject}"', b'["bowl"]'), Sent(changelog, b'"x"', b"no json")],
    )
    with agent_app(NOTER, topics, NOTER_NAME=unique, ready=False) as app:
        assert app.wait_ended() != 0
        assert f"the changelog {changelog} holds a record that cannot be read" in app.log
        assert subject not in app.log


def test_what_it_makes_itself_is_set_as_the_pipelines_topics_are(
    topics: Settings, unique: str
) -> None:
    changelog = f"{unique}-notes-changelog"
    with agent_app(NOTER, topics, NOTER_NAME=unique):
        admin = AdminClient({"bootstrap.servers": topics.kafka.bootstrap})
        asked = ConfigResource(ResourceType.TOPIC, changelog)
        found = admin.describe_configs([asked])[asked].result(10)
        assert found["cleanup.policy"].value == "compact"
        assert found["delete.retention.ms"].value == str(14 * 24 * 3_600_000)
        assert len(admin.list_topics(changelog, timeout=10).topics[changelog].partitions) == 4


def test_without_the_sync_topics_it_says_what_to_do(
    local_kafka: Callable[..., LocalKafka], unique: str
) -> None:
    nothing_there = settings_for(local_kafka().bootstrap, unique)
    with agent_app(NOTER, nothing_there, ready=False, NOTER_NAME=f"{unique}-notes") as app:
        assert app.wait_ended() != 0
        assert f"there is no topic {SYNC}; `ccstream topics apply` makes" in app.log


def lines(bootstrap: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "lines"})
    try:
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
            for number in range(PARTITIONS)
        ]
        return sum(high for _, high in ends)
    finally:
        consumer.close()
