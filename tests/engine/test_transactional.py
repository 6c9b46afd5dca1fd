"""Delivery in transactions, on a broker in memory."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from ccstream.engine import transactional as module
from ccstream.engine.assignment import Assignment
from ccstream.engine.delivery import ChangelogRecord, Snapshot, SourceOffset
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.errors import BrokerUnavailableError, DeliveryError, FencedError, StateError
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.fakes import FakeProducer, SteppedCommitter

AT = ("out", 0)


class Delivering:
    """A delivery of a member of a group, and the broker that it delivers to."""

    def __init__(self) -> None:
        self.broker = FakeBroker(FakeClock(), {"out": 1, "in": 1, "log": 1}, "group")
        self.producer = FakeProducer(self.broker, "tx", "me", lambda point: None)
        self.committer = SteppedCommitter(lambda point: None)
        self.delivery = TransactionalDelivery(
            {}, "tx", producer=self.producer, committer=self.committer
        )
        self.delivery.start()
        self.generation = self.broker.group.rebalance({"m": None})

    def send(self, *values: bytes) -> None:
        for value in values:
            self.delivery.send("out", 0, "k", value, None)

    def commit(self, offset: int = 1, generation: int | None = None, member: str = "m") -> None:
        generation = self.generation if generation is None else generation
        assignment = Assignment("group", generation, member, None, frozenset({0}))
        row = ChangelogRecord("log", 0, "k", b"row")
        self.delivery.commit(Snapshot(assignment, (row,), (SourceOffset("in", 0, offset),)))

    @property
    def facts(self) -> list[bytes | None]:
        self.broker.write_markers()
        return [record.value() for record in self.broker.logs[AT].committed(0)]


@pytest.fixture
def delivering() -> Delivering:
    return Delivering()


def test_outputs_leave_before_the_commit_and_are_facts_with_it(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.producer.deliver()
    assert [r.value() for r in delivering.broker.logs[AT].uncommitted(0)] == [b"a"]
    assert delivering.facts == []
    delivering.commit()
    delivering.delivery.settle(1)
    assert delivering.facts == [b"a"]
    assert delivering.broker.group.offsets == {("in", 0): 1}
    assert [r.value() for r in delivering.broker.logs["log", 0].committed(0)] == [b"row"]


def test_outputs_of_the_time_of_a_commit_wait_and_belong_to_the_next(
    delivering: Delivering,
) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.send(b"b", b"c")
    assert (delivering.delivery.waiting, delivering.delivery.busy) == (2, True)
    delivering.committer.step()
    delivering.committer.step()
    assert delivering.delivery.poll() == 0.0
    assert (delivering.delivery.waiting, delivering.delivery.busy) == (0, False)
    delivering.producer.deliver()
    assert delivering.facts == [b"a"]
    delivering.commit(offset=2)
    delivering.delivery.settle(1)
    assert delivering.facts == [b"a", b"b", b"c"], "in the order in which they were folded"


def test_nothing_put_out_is_committed_all_the_same(delivering: Delivering) -> None:
    delivering.commit()
    assert delivering.delivery.settle(1) == 0.0
    delivering.broker.write_markers()
    assert delivering.broker.group.offsets == {("in", 0): 1}


def test_polling_says_once_that_a_commit_has_ended(delivering: Delivering) -> None:
    delivering.commit()
    assert delivering.delivery.poll() is None
    delivering.committer.step()
    delivering.committer.step()
    assert delivering.delivery.poll() is not None
    assert delivering.delivery.poll() is None


def test_a_past_generation_commits_nothing(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.broker.group.rebalance({"m": None, "n": None})
    delivering.commit()
    with pytest.raises(FencedError, match="another member has taken over"):
        delivering.delivery.settle(1)
    assert delivering.facts == []


def test_without_membership_nothing_is_sent_at_all(delivering: Delivering) -> None:
    with pytest.raises(StateError, match="not a member"):
        delivering.commit(generation=-1, member="")
    assert not delivering.delivery.busy


def test_a_fenced_producer_says_so(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.broker.initialise("tx")
    delivering.commit()
    with pytest.raises(FencedError):
        delivering.delivery.settle(1)


def test_an_answer_that_gets_lost_is_asked_for_again(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.commit()
    for _ in range(2):
        delivering.producer.flaky = True
        delivering.committer.step()
    delivering.delivery.poll()
    assert delivering.facts == [b"a"]
    assert delivering.broker.group.offsets == {("in", 0): 1}


def test_a_start_settles_what_an_earlier_life_left_open(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.producer.deliver()
    later = TransactionalDelivery(
        {},
        "tx",
        producer=FakeProducer(delivering.broker, "tx", "me again", lambda point: None),
        committer=SteppedCommitter(lambda point: None),
    )
    later.start()
    assert delivering.facts == []
    assert delivering.broker.logs[AT].last_stable_offset == delivering.broker.logs[AT].end


def test_a_start_without_a_coordinator_says_what_is_missing(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer", False, True))

    monkeypatch.setattr(module, "_START_DEADLINE", 0.0)
    monkeypatch.setattr(delivering.producer, "init_transactions", away)
    with pytest.raises(BrokerUnavailableError, match="transaction coordinator"):
        delivering.delivery.start()


def test_a_full_queue_is_waited_for(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce = delivering.producer.produce
    refusals = iter([True, True, False])

    def full(*args: object, **more: object) -> None:
        if next(refusals):
            raise BufferError
        produce(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(delivering.producer, "produce", full)
    delivering.send(b"a")
    assert delivering.delivery.queued == 1


def test_a_queue_that_stays_full_ends_it(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        raise BufferError

    monkeypatch.setattr(module, "_QUEUE_FULL_WAIT", 0.0)
    monkeypatch.setattr(delivering.producer, "produce", full)
    with pytest.raises(DeliveryError, match="stayed full"):
        delivering.send(b"a")
