"""The example app beside the pipeline: its table is right, and outlives it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ccstream.domain.events import CartItemAdded, CartItemRemoved, Money
from ccstream.wire.catalogue import input_topic
from tests.integration.agents import EXAMPLE, AgentApp
from tests.integration.harness import codec, wait_until
from tests.integration.pipeline import Pipeline, new_subject, of_key
from tests.support.produce import Sent
from tests.support.waiting import eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SYNC = "sync.carts.v1"
_numbers = count()


@pytest.fixture(scope="module")
def shared(pipeline: Pipeline) -> Iterator[list[AgentApp]]:
    """The example, started once; a test may put another process in its place."""
    holder: list[AgentApp] = [AgentApp(EXAMPLE, pipeline.settings)]
    holder[0].wait_ready()
    yield holder
    holder[0].close()


@pytest.fixture
def example(shared: list[AgentApp]) -> AgentApp:
    return shared[0]


def event(cls: Any, subject: str, channel: str = "web", **fields: Any) -> Sent:
    number = next(_numbers)
    made = cls(
        event_id=f"{subject}/{number}",
        occurred_at=int(time.time() * 1000),
        channel=channel,
        source="s",
        subject=subject,
        sku="lamp",
        **fields,
    )
    return Sent(input_topic(channel), subject, codec.encode_event(made))


def added(subject: str, cents: int, channel: str = "web", quantity: int = 1) -> Sent:
    price = Money(cents, "EUR")
    return event(CartItemAdded, subject, channel, quantity=quantity, unit_price=price)


def committed(pipeline: Pipeline, partition: int) -> int:
    """Up to where the example has read a partition for good."""
    group = {"bootstrap.servers": pipeline.settings.kafka.bootstrap, "group.id": "large-baskets"}
    consumer = Consumer(group)
    try:
        return int(consumer.committed([TopicPartition(SYNC, partition)], timeout=10)[0].offset)
    finally:
        consumer.close()


def shows(example: AgentApp, subject: str, expected: Any) -> None:
    path = f"/baskets/{subject}"
    wait_until(lambda: example.get(path) == expected or example.process.poll() is not None, 90)
    assert example.process.poll() is None, example.log[-3000:]


def test_a_basket_that_becomes_large_on_any_channel_is_in_the_table(
    pipeline: Pipeline, example: AgentApp
) -> None:
    subject = new_subject()
    pipeline.put(added(subject, 40_00, "web"), added(subject, 40_00, "store"))
    pipeline.put(added(subject, 40_00, "app"))
    # Which of the three topics a worker reads last is not said.
    wait_until(lambda: (example.get(f"/baskets/{subject}") or {}).get("cents") == 120_00, 90)


def test_a_small_basket_is_not_and_a_large_one_leaves_when_it_is_emptied(
    pipeline: Pipeline, example: AgentApp
) -> None:
    small, large = new_subject(), new_subject()
    pipeline.put(added(small, 99_99), added(large, 50_00, quantity=3))
    shows(example, large, {"cents": 150_00, "channel": "web"})
    pipeline.put(event(CartItemRemoved, large))
    shows(example, large, None)
    assert example.get(f"/baskets/{small}") is None


def test_the_table_outlives_the_app_and_what_came_meanwhile_is_in_it(
    pipeline: Pipeline, shared: list[AgentApp]
) -> None:
    before, between = new_subject(), new_subject()
    pipeline.put(added(before, 200_00))
    shows(shared[0], before, {"cents": 200_00, "channel": "web"})
    where = pipeline.tail(SYNC).until(of_key(before))
    assert shared[0].stop() == 0, shared[0].log[-3000:]
    assert committed(pipeline, where.partition()) > where.offset()  # so it is not read again
    shared[0].close()
    pipeline.put(added(between, 300_00, "store"))
    shared[0] = AgentApp(EXAMPLE, pipeline.settings)
    shared[0].wait_ready()
    assert shared[0].get(f"/baskets/{before}") == {"cents": 200_00, "channel": "web"}
    shows(shared[0], between, {"cents": 300_00, "channel": "store"})


def test_what_a_past_owner_of_a_partition_writes_late_is_dropped(
    pipeline: Pipeline, example: AgentApp
) -> None:
    partition = 1
    current, late = new_subject(partition), new_subject(partition)
    pipeline.put(added(current, 200_00))
    shows(example, current, {"cents": 200_00, "channel": "web"})
    message = pipeline.tail(SYNC).until(of_key(current))
    stale = [("ccstream-epoch", b"0"), *[h for h in message.headers() if h[0] != "ccstream-epoch"]]
    pipeline.put(Sent(SYNC, late, message.value(), tuple(stale), partition))
    after = new_subject(partition)
    pipeline.put(added(after, 300_00))
    shows(example, after, {"cents": 300_00, "channel": "web"})
    assert example.get(f"/baskets/{late}") is None


def test_what_was_aborted_is_never_seen(pipeline: Pipeline, example: AgentApp, unique: str) -> None:
    if not pipeline.real:
        pytest.skip("the embedded broker has no read_committed")
    partition = 2
    current, undone = new_subject(partition), new_subject(partition)
    pipeline.put(added(current, 200_00))
    message = pipeline.tail(SYNC).until(of_key(current))
    producer = Producer(
        {"bootstrap.servers": pipeline.settings.kafka.bootstrap, "transactional.id": unique}
    )
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(SYNC, message.value(), undone, partition=partition, headers=message.headers())
    assert producer.flush(20) == 0
    producer.abort_transaction(20)
    after = new_subject(partition)
    pipeline.put(added(after, 300_00))
    shows(example, after, {"cents": 300_00, "channel": "web"})
    assert example.get(f"/baskets/{undone}") is None


def test_it_takes_no_partition_from_the_workers(pipeline: Pipeline, example: AgentApp) -> None:
    if not pipeline.real:
        pytest.skip("the embedded broker does not describe groups")
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka.bootstrap})
    names = [pipeline.settings.app_id, "large-baskets"]

    def members() -> list[int]:
        found = admin.describe_consumer_groups(names, request_timeout=10)
        return [len(found[name].result().members) for name in names]

    assert eventually(members, lambda found: found == [1, 1], 30) == [1, 1]
