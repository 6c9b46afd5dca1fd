"""Where an event is folded, in which order, and what goes out for each."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from ccstream.domain.events import (
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    IdentifiersLinked,
    Money,
    OrderLine,
    OrderPlaced,
)
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import AGGREGATES, SYNC_TOPICS, input_topic
from ccstream.wire.headers import EPOCH, TRACEPARENT, epoch_of, header
from ccstream.wire.partition import partition_for
from tests.integration.harness import (
    PARTITIONS,
    added,
    codec,
    synced_units,
    units,
    wait_until,
)
from tests.integration.pipeline import (
    Pipeline,
    decoded,
    event_ids,
    new_subject,
    of_event,
    of_key,
)
from tests.support.produce import Sent

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize(
        "pipeline",
        ["embedded", pytest.param("real", marks=pytest.mark.long)],
        indirect=True,
        scope="module",
    ),
]

CARTS = SYNC_TOPICS["carts"]
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sent(event: Event, **more: Any) -> Sent:
    return Sent(input_topic(event.channel), event.subject, codec.encode_event(event), **more)


def like(cls: type[Any], number: int, subject: str, **fields: Any) -> Any:
    """An event of another type, with the metadata of `added`."""
    model = added(number, subject)
    metadata = {name: getattr(model, name) for name in Event.__struct_fields__}
    return cls(**(metadata | fields))


def linked(visitor: str, account: str) -> IdentifiersLinked:
    return like(IdentifiersLinked, 0, visitor, identifiers=(account,))


def home(subject: str) -> int:
    return partition_for(subject.encode(), PARTITIONS)


def test_keys_that_another_partitioner_put_elsewhere_reach_their_customer(
    pipeline: Pipeline,
) -> None:
    misrouted = pipeline.worker.metric("ccstream_misrouted_total")
    subjects = [new_subject() for _ in range(30)]
    strays = 0
    crc32 = Producer(
        {
            "bootstrap.servers": pipeline.settings.kafka.bootstrap,
            "partitioner": "consistent_random",
            "log_level": 2,
        }
    )

    def stored(error: Any, message: Any) -> None:
        nonlocal strays
        assert error is None, error
        strays += message.partition() != home(message.key().decode())

    for number in range(3):
        pipeline.put(*(sent(added(number, subject)) for subject in subjects))
        for subject in subjects:
            event = added(10 + number, subject, "app")
            value = codec.encode_event(event)
            crc32.produce(input_topic("app"), value, subject.encode(), on_delivery=stored)
        assert crc32.flush(30) == 0

    def shown() -> dict[str, int]:
        rows = {m.key().decode(): decoded(m) for m in pipeline.tail(CARTS).records}
        return {subject: units(rows).get(subject, 0) for subject in subjects}

    for subject in subjects:
        pipeline.tail(CARTS).first(6, of_key(subject))
    assert shown() == dict.fromkeys(subjects, 6)
    assert strays > 30
    wait_until(lambda: pipeline.worker.metric("ccstream_misrouted_total") - misrouted == strays, 10)
    assert {m.partition() == home(m.key().decode()) for m in pipeline.tail(CARTS).records} == {True}


def test_events_of_one_subject_are_folded_in_the_order_they_were_published(
    pipeline: Pipeline,
) -> None:
    at_home, stray = new_subject(0), new_subject(1)
    for subject in at_home, stray:
        published = [added(number, subject) for number in range(60)]
        # those of the second all lie in a partition that is not theirs
        pipeline.put(*(sent(event, partition=0) for event in published))
        synced = pipeline.tail(CARTS).first(60, of_key(subject))
        assert event_ids(synced) == [event.event_id for event in published]
        shown = [units({subject: decoded(message)})[subject] for message in synced]
        assert shown == list(range(1, 61))


def test_what_an_alias_does_after_the_log_in_is_done_by_its_account(pipeline: Pipeline) -> None:
    visitor, account = new_subject(2, "visitor"), new_subject(3)
    before, after = added(1, visitor), added(2, visitor)
    pipeline.put(sent(before), sent(linked(visitor, account)), sent(after))
    carts = pipeline.tail(CARTS)
    theirs = [decoded(message) for message in carts.first(2, of_key(account))]
    assert theirs[1]["cause"]["event_id"] == after.event_id
    assert [row["cause"]["outcome"] for row in theirs] == ["merged", "applied"]
    own = [decoded(message) for message in carts.first(4, of_key(visitor))]
    assert [row["cause"]["outcome"] for row in own[:3]] == ["applied", "no_effect", "forwarded"]
    assert own[3] == {}, "a tombstone, once the account has the row"


def test_a_repeated_event_of_an_alias_is_sent_on_once(pipeline: Pipeline) -> None:
    visitor, account = new_subject(2, "visitor"), new_subject(3)
    event, last = added(1, visitor), added(2, visitor)
    pipeline.put(sent(linked(visitor, account)), sent(event), sent(event), sent(last))
    theirs = pipeline.tail(CARTS).first(2, of_key(account))
    assert event_ids(theirs) == [event.event_id, last.event_id]
    assert units({account: decoded(theirs[-1])}) == {account: 2}


@pytest.mark.parametrize("way", ["at home", "stray", "alias"])
def test_the_trace_of_an_event_is_on_what_it_causes(pipeline: Pipeline, way: str) -> None:
    subject = owner = new_subject(1)
    if way == "alias":
        subject = new_subject(1, "visitor")
        pipeline.put(sent(linked(subject, owner)))
    event = added(1, subject)
    place = 0 if way == "stray" else None
    pipeline.put(sent(event, headers=((TRACEPARENT, TRACE),), partition=place))
    for table in "carts", "touches":
        tail = pipeline.tail(SYNC_TOPICS[table])
        message = tail.until(lambda m: of_event(event.event_id)(m) and of_key(owner)(m))
        assert header(message.headers(), TRACEPARENT) == TRACE


def test_each_record_folded_publishes_every_row_it_addresses_once(pipeline: Pipeline) -> None:
    """Applied or not, known or not: a row that is not there goes out as a tombstone."""
    subject = new_subject(0)
    removed = like(CartItemRemoved, 1, subject, sku="sku-that-was-never-there")
    first = added(2, subject, unit_price=Money(100, "EUR"))
    to_zero = like(CartItemQuantitySet, 3, subject, sku=first.sku, quantity=0)
    line = OrderLine(sku="x", quantity=1, amount=Money(1, "EUR"))
    order = like(OrderPlaced, 4, subject, order_id="o-1", lines=(line,), total=Money(1, "EUR"))
    too_late = added(5, subject, occurred_at=1)
    wrong = added(6, subject, unit_price=Money(1, "JPY"))
    negative = added(7, subject, quantity=-1)
    published = [removed, removed, first, first, wrong, too_late, negative, to_zero, order, order]
    pipeline.put(*map(sent, published))
    for table in "carts", "touches", "orders":
        key = f"{subject}#o-1" if table == "orders" else subject
        events = [e for e in published if table in AGGREGATES[type(e).__name__]]
        tail = pipeline.tail(SYNC_TOPICS[table])
        messages = tail.first(len(events), of_key(key))
        last = new_subject(0)
        pipeline.put(sent(added(1, last)))
        pipeline.tail(CARTS).until(of_key(last))
        assert len([m for m in tail.records if m.key() == key.encode()]) == len(events)
        assert [m.partition() for m in messages] == [0] * len(events)
        assert all(epoch_of(message.headers()) for message in messages)
        causes = [decoded(message).get("cause") for message in messages]
        assert [c["event_id"] for c in causes if c] == [
            e.event_id for e, c in zip(events, causes, strict=True) if c
        ]
    carts = pipeline.tail(CARTS).first(len(published), of_key(subject))
    assert [decoded(m)["cause"]["outcome"] if m.value() else "tombstone" for m in carts] == [
        *("tombstone", "tombstone", "applied", "duplicate", "rejected", "too_late", "rejected"),
        *("applied", "applied", "duplicate"),
    ]


def test_what_is_read_again_is_not_applied_again(pipeline: Pipeline) -> None:
    """As after a crash between outputs and offsets, where they are not one transaction."""
    if not pipeline.real:
        pytest.skip("the embedded broker takes a group's offsets from its members only")
    subjects = [new_subject(number) for number in range(PARTITIONS)]
    begun = []
    for subject in subjects:
        first, *_ = pipeline.put(*(sent(added(number, subject)) for number in range(5)))
        begun.append(TopicPartition(*first))
    tail = pipeline.tail(CARTS)
    for subject in subjects:
        tail.first(5, of_key(subject))
    before = synced_units(pipeline.settings.kafka.bootstrap)
    pipeline.restart(meanwhile=lambda: go_back(pipeline.settings, begun))
    for subject in subjects:
        again = tail.first(10, of_key(subject))[5:]
        assert {decoded(message)["cause"]["outcome"] for message in again} == {"duplicate"}
    assert synced_units(pipeline.settings.kafka.bootstrap) == before
    assert pipeline.worker.metric("ccstream_events_total", outcome="applied") == 0


def go_back(settings: Settings, offsets: list[TopicPartition]) -> None:
    """Put the group's offsets to where they were."""
    kafka = {"bootstrap.servers": settings.kafka.bootstrap, "log_level": 2}
    consumer = Consumer(kafka | {"group.id": settings.app_id, "enable.auto.commit": False})
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def test_epochs_rise_and_versions_never_go_back_over_restarts(pipeline: Pipeline) -> None:
    """The last of this module: it restarts the worker."""
    subjects = [new_subject(number) for number in range(PARTITIONS)]
    epochs = []
    for life in range(2):
        if life:
            pipeline.restart()
        pipeline.put(*(sent(added(life, subject)) for subject in subjects))
        found = [pipeline.tail(CARTS).first(life + 1, of_key(s))[-1] for s in subjects]
        epochs.append([epoch_of(message.headers()) for message in found])
    assert all(after > before for before, after in zip(*epochs, strict=True))
    versions: dict[bytes, int] = {}
    for message in pipeline.tail(CARTS).records:
        epoch = epoch_of(message.headers())
        assert epoch is not None, EPOCH
        record = decoded(message)
        if not record:
            continue
        assert record["version"] >> 32 == epoch
        before = versions.get(message.key(), 0)
        assert record["version"] > before
        if before >> 32 == epoch:
            assert record["base_version"] == before
        versions[message.key()] = record["version"]
