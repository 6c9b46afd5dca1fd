"""What both ways of delivery promise, each on the brokers it is for.

The group is a real one: offsets are refused once it has moved on. Its member is a plain
librdkafka consumer, in the place of the worker's control plane.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ccstream.engine.assignment import Assignment
from ccstream.engine.delivery import ChangelogRecord, Delivery, Snapshot, SourceOffset
from ccstream.engine.plain import PlainDelivery
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.errors import DeliveryError, FencedError
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.settings import Settings
from tests.integration.harness import read, wait_until
from tests.support.topics import make_topic

pytestmark = pytest.mark.timeout(90)

BEFORE = 3
"""Records of the input that were committed before a test begins."""


class Member:
    """A member of a consumer group, and its word on what was assigned."""

    def __init__(self, bootstrap: str, group: str) -> None:
        make_topic(bootstrap, group, partitions=1)
        self._config = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "log_level": 2,
        }
        self._consumer = Consumer(self._config)
        self._consumer.subscribe([group])
        wait_until(lambda: self._consumer.poll(0.05) or self._consumer.assignment(), 30, every=0)
        self.assignment = _assignment(group, bytes(self._consumer.consumer_group_metadata()))

    def commit_offsets(self, snapshot: Snapshot) -> None:
        """As the control plane does it for the strategy without transactions."""
        if snapshot.assignment is not self.assignment:
            raise FencedError("the group has moved on")
        marks = [TopicPartition(o.topic, o.partition, o.offset) for o in snapshot.offsets]
        self._consumer.commit(offsets=marks, asynchronous=False)

    def leave(self) -> None:
        """The group goes on without this member."""
        self.close()
        self._consumer = Consumer(self._config)
        self.assignment = Assignment("other", 1, "other", None, frozenset())

    def committed(self, topic: str) -> int:
        (found,) = self._consumer.committed([TopicPartition(topic, 0)], timeout=20)
        return int(found.offset)

    def close(self) -> None:
        self._consumer.close()


def _assignment(group: str, metadata: bytes) -> Assignment:
    """The generation and member id in librdkafka's own group metadata."""
    generation = struct.unpack_from("<i", metadata, 7)[0]
    _, member, _ = metadata[11:].split(b"\0", 2)
    return Assignment(group, generation, member.decode(), None, frozenset({0}))


class Bench(NamedTuple):
    """One way of delivery, set up: topics of its own, a group, and what makes a delivery."""

    bootstrap: str
    member: Member
    inputs: str
    outputs: str
    rows: str
    make: Callable[[], Delivery]
    transactional: bool

    def snapshot(self, *rows: str, offset: int = BEFORE + 1) -> Snapshot:
        records = tuple(ChangelogRecord(self.rows, 0, key, b"row") for key in rows)
        offsets = (SourceOffset(self.inputs, 0, offset),)
        return Snapshot(self.member.assignment, records, offsets)

    def committed(self) -> int:
        return self.member.committed(self.inputs)

    def values(self, topic: str, isolation: str = "read_committed") -> list[str]:
        return [m.value().decode() for m in read(self.bootstrap, topic, isolation)]

    def ends(self, *, stable: bool) -> list[int]:
        """Of outputs and rows, with or without what is not decided yet."""
        level = IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED
        asked = {TopicPartition(name, 0): OffsetSpec.latest() for name in (self.outputs, self.rows)}
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        found = admin.list_offsets(asked, isolation_level=level, request_timeout=10)
        return [future.result().offset for future in found.values()]

    def keys(self, topic: str) -> list[str]:
        return [m.key().decode() for m in read(self.bootstrap, topic)]


@pytest.fixture(scope="module")
def members() -> Iterator[dict[str, Member]]:
    """One for each broker: to join takes the embedded one seconds."""
    made: dict[str, Member] = {}
    yield made
    for member in made.values():
        member.close()


@pytest.fixture(params=["plain on the embedded broker", "plain", "transactional"])
def bench(
    request: pytest.FixtureRequest, unique: str, members: dict[str, Member]
) -> Iterator[Bench]:
    if "embedded" in request.param:
        bootstrap = request.getfixturevalue("embedded_kafka")
    else:
        bootstrap = request.getfixturevalue("kafka")
        if not request.getfixturevalue("kafka_is_real"):
            pytest.skip("needs a real Kafka")
    topics = [f"{unique}-{name}" for name in ("in", "out", "rows")]
    for topic in topics:
        make_topic(bootstrap, topic, partitions=1)
    if bootstrap not in members:
        members[bootstrap] = Member(bootstrap, unique)
    member = members[bootstrap]
    start = (SourceOffset(topics[0], 0, BEFORE),)
    member.commit_offsets(Snapshot(member.assignment, (), start))
    settings = Settings.load(kafka__bootstrap=bootstrap)
    transactional = request.param == "transactional"
    made: list[Delivery] = []

    def make() -> Delivery:
        delivery: Delivery
        if transactional:
            config = producer_config(settings, transactional_id=unique, linger_ms=0)
            delivery = TransactionalDelivery(config, (f"{unique}.0", f"{unique}.1"))
        else:
            delivery = PlainDelivery(producer_config(settings, linger_ms=0), member.commit_offsets)
        made.append(delivery)
        delivery.start()
        return delivery

    yield Bench(bootstrap, member, *topics, make, transactional)
    for delivery in made:
        delivery.close()
    if member.assignment.group == "other":
        members.pop(bootstrap).close()


def put_out(delivery: Delivery, bench: Bench, *values: str) -> None:
    for value in values:
        delivery.send(bench.outputs, 0, "key", value.encode(), [("name", b"value")])


def settle(delivery: Delivery, bench: Bench) -> None:
    """See a commit end, and its markers written: a broker does that once it has answered."""
    assert delivery.settle(20) is not None
    assert not delivery.busy
    assert delivery.waiting == 0
    if bench.transactional:
        wait_until(lambda: bench.ends(stable=True) == bench.ends(stable=False), 10)


def test_an_output_is_told_of_once_it_is_in_the_log(bench: Bench) -> None:
    delivery = bench.make()
    told: list[object] = []
    put_out(delivery, bench, "first")
    delivery.send(
        bench.outputs, 0, "key", b"second", None, lambda error, _: told.append((error, *ends()))
    )

    def ends() -> list[int]:
        return bench.ends(stable=False)

    assert told == [], "nothing asked yet"
    wait_until(lambda: delivery.poll() or told, 10)
    assert told == [(None, 2, 0)]


def test_outputs_rows_and_offsets_are_all_there_after_a_commit(bench: Bench) -> None:
    delivery = bench.make()
    put_out(delivery, bench, "a", "b")
    delivery.commit(bench.snapshot("x", "y"))
    settle(delivery, bench)
    assert bench.values(bench.outputs) == ["a", "b"]
    assert bench.keys(bench.rows) == ["x", "y"]
    assert bench.committed() == BEFORE + 1


def test_a_commit_without_outputs_moves_the_offsets(bench: Bench) -> None:
    delivery = bench.make()
    for offset in (BEFORE + 1, BEFORE + 2):
        delivery.commit(bench.snapshot(offset=offset))
        settle(delivery, bench)
    assert bench.committed() == BEFORE + 2


def test_a_deleted_row_is_a_tombstone(bench: Bench) -> None:
    delivery = bench.make()
    row = ChangelogRecord(bench.rows, 0, "x", None)
    delivery.commit(Snapshot(bench.member.assignment, (row,), bench.snapshot().offsets))
    settle(delivery, bench)
    assert [(m.key(), m.value()) for m in read(bench.bootstrap, bench.rows)] == [(b"x", None)]


def test_outputs_keep_their_order_also_those_of_the_time_of_a_commit(bench: Bench) -> None:
    delivery = bench.make()
    expected = []
    for number in range(2_000):
        expected.append(str(number))
        put_out(delivery, bench, str(number))
        if number % 100 == 99 and not delivery.busy:
            delivery.commit(bench.snapshot(str(number), offset=BEFORE + number))
        delivery.poll()
    delivery.settle(20)
    delivery.commit(bench.snapshot(offset=BEFORE + 2_000))
    settle(delivery, bench)
    assert bench.values(bench.outputs) == expected


def test_outputs_of_the_time_of_a_commit_are_seen_live_and_belong_to_the_next(
    bench: Bench,
) -> None:
    delivery = bench.make()
    put_out(delivery, bench, "a")
    delivery.commit(bench.snapshot("x"))
    put_out(delivery, bench, "b")
    deadline = time.monotonic() + 10
    while bench.values(bench.outputs, "read_uncommitted") != ["a", "b"]:
        delivery.poll()
        assert time.monotonic() < deadline
    if bench.transactional:
        assert bench.values(bench.outputs) in ([], ["a"])


def test_outputs_are_seen_at_once_by_whoever_wants_them_live(bench: Bench) -> None:
    delivery = bench.make()
    put_out(delivery, bench, "a")
    deadline = time.monotonic() + 10
    while bench.values(bench.outputs, "read_uncommitted") != ["a"]:
        delivery.poll()
        assert time.monotonic() < deadline
    assert bench.committed() == BEFORE
    assert bench.values(bench.outputs) == ([] if bench.transactional else ["a"])


def test_what_was_not_committed_is_to_be_done_again(bench: Bench) -> None:
    """Its offsets have not moved; of its outputs nothing, or at least once."""
    first = bench.make()
    put_out(first, bench, "a")
    first.commit(bench.snapshot("x"))
    settle(first, bench)
    put_out(first, bench, "b")
    first.close()
    second = bench.make()
    assert bench.committed() == BEFORE + 1
    put_out(second, bench, "b")
    second.commit(bench.snapshot("y", offset=BEFORE + 2))
    settle(second, bench)
    found = bench.values(bench.outputs)
    assert found == ["a", "b"] or (not bench.transactional and found == ["a", "b", "b"])
    assert bench.keys(bench.rows) == ["x", "y"]


def test_offsets_of_a_past_generation_are_refused(bench: Bench) -> None:
    delivery = bench.make()
    snapshot = bench.snapshot("x")
    bench.member.leave()
    put_out(delivery, bench, "a")
    delivery.commit(snapshot)
    with pytest.raises(FencedError):
        delivery.settle(30)
    if bench.transactional:
        assert bench.make().transactional_ids  # which ends what the first had open
        assert bench.values(bench.outputs) == bench.keys(bench.rows) == []


def test_a_second_commit_waits_for_the_first(bench: Bench) -> None:
    delivery = bench.make()
    delivery.commit(bench.snapshot())
    with pytest.raises(DeliveryError):
        delivery.commit(bench.snapshot())
    settle(delivery, bench)


def test_an_output_that_no_broker_would_take_is_an_error(bench: Bench) -> None:
    delivery = bench.make()
    with pytest.raises(DeliveryError):
        put_out(delivery, bench, "x" * 5_000_000)


def test_a_successor_ends_what_its_predecessor_had_open(bench: Bench) -> None:
    first = bench.make()
    if not bench.transactional:
        assert first.transactional_ids == ()
        return
    put_out(first, bench, "a")
    wait_until(lambda: first.poll() or bench.values(bench.outputs, "read_uncommitted"), 10)
    bench.make()
    first.commit(bench.snapshot("x"))
    with pytest.raises(FencedError):
        first.settle(30)
    with pytest.raises(FencedError):
        first.poll()
    assert bench.values(bench.outputs) == bench.keys(bench.rows) == []
    assert bench.committed() == BEFORE
