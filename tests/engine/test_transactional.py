"""Delivery in transactions, on a broker in memory."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from ccstream.engine import transactional_producer as module
from ccstream.engine.assignment import Assignment
from ccstream.engine.delivery import ChangelogRecord, Snapshot, SourceOffset
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.errors import BrokerUnavailableError, DeliveryError, FencedError, StateError
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.fakes import FakeProducer, SteppedCommitter
from tests.simulation.process import make_delivery

AT = ("out", 0)


class Delivering:
    """A delivery of a member of a group, and the broker that it delivers to.

    ``first`` is the producer that takes the first transaction, ``second`` the next one.
    """

    def __init__(self) -> None:
        self.broker = FakeBroker(FakeClock(), {"out": 1, "in": 1, "log": 1}, "group")
        self.committer = SteppedCommitter(lambda point: None)
        (self.first, self.second), self.delivery = self.make("me")
        self.delivery.start()
        self.generation = self.broker.group.rebalance({"m": None})

    def make(
        self, owner: str, committer: SteppedCommitter | None = None
    ) -> tuple[tuple[FakeProducer, FakeProducer], TransactionalDelivery]:
        return make_delivery(
            self.broker, "tx", owner, lambda point: None, committer or self.committer
        )

    def send(self, *values: bytes) -> None:
        for value in values:
            self.delivery.send("out", 0, "k", value, None)

    def commit(
        self,
        offset: int = 1,
        generation: int | None = None,
        member: str = "m",
        rows: int = 1,
        pause: float = 0.0,
    ) -> None:
        generation = self.generation if generation is None else generation
        assignment = Assignment("group", generation, member, None, frozenset({0}))
        row = ChangelogRecord("log", 0, "k", b"row")
        snapshot = Snapshot(assignment, (row,) * rows, (SourceOffset("in", 0, offset),))
        self.delivery.commit(snapshot, None, pause)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.committer.step()

    @property
    def facts(self) -> list[bytes | None]:
        self.broker.write_markers()
        return [record.value() for record in self.broker.logs[AT].committed(0)]

    @property
    def seen(self) -> list[bytes | None]:
        """What a live reader sees."""
        return [record.value() for record in self.broker.logs[AT].uncommitted(0)]


@pytest.fixture
def delivering() -> Delivering:
    return Delivering()


def test_outputs_leave_before_the_commit_and_are_facts_with_it(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.first.deliver()
    assert delivering.seen == [b"a"]
    assert delivering.facts == []
    delivering.commit()
    delivering.delivery.settle(1)
    assert delivering.facts == [b"a"]
    assert delivering.broker.group.offsets == {("in", 0): 1}
    assert [r.value() for r in delivering.broker.logs["log", 0].committed(0)] == [b"row"]


def test_outputs_of_the_time_of_a_commit_wait_for_those_before_them_to_be_acknowledged(
    delivering: Delivering,
) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.send(b"b", b"c")
    assert (delivering.delivery.waiting, delivering.delivery.busy) == (2, True)
    delivering.second.deliver()
    assert delivering.seen == []
    delivering.steps(1)
    assert delivering.seen == [b"a"]
    assert delivering.delivery.poll() is None
    assert (delivering.delivery.waiting, delivering.delivery.busy) == (0, True)
    delivering.second.deliver()
    assert delivering.seen == [b"a", b"b", b"c"], "long before the commit has ended"
    assert delivering.facts == []


def test_outputs_of_the_time_of_a_commit_go_before_its_rows(delivering: Delivering) -> None:
    delivering.commit(rows=3, pause=0.04)
    delivering.send(b"a")
    delivering.steps(1)
    assert delivering.committer.pauses == []
    delivering.delivery.poll()
    delivering.second.deliver()
    delivering.first.deliver()
    log = delivering.broker.logs["log", 0]
    assert delivering.seen == [b"a"]
    assert len(list(log.uncommitted(0))) == 1, "by the first a producer that failed is known"
    delivering.delivery.hasten()
    assert delivering.committer.hastened == 1
    delivering.steps(1)
    assert delivering.committer.pauses == [0.04]
    delivering.delivery.settle(1)
    delivering.broker.write_markers()
    assert len(list(log.committed(0))) == 3


def test_an_output_overtakes_none_that_waited(delivering: Delivering) -> None:
    delivering.commit()
    delivering.send(b"a", b"b")
    delivering.steps(1)
    delivering.send(b"c")
    assert delivering.delivery.waiting == 0
    delivering.second.deliver()
    assert delivering.seen == [b"a", b"b", b"c"]


def test_outputs_of_the_time_of_a_commit_belong_to_the_next(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.steps(1)
    delivering.send(b"b")
    delivering.second.deliver()
    delivering.steps(3)
    assert delivering.delivery.poll() == 0.0
    assert not delivering.delivery.busy
    assert delivering.facts == [b"a"]
    delivering.commit(offset=2)
    delivering.delivery.settle(1)
    assert delivering.facts == [b"a", b"b"]
    assert delivering.broker.group.offsets == {("in", 0): 2}


def test_producers_take_turns(delivering: Delivering) -> None:
    for number, producer in enumerate([delivering.first, delivering.second] * 2, start=1):
        value = str(number).encode()
        delivering.send(value)
        assert len(producer) == 1
        delivering.commit(offset=number)
        delivering.delivery.settle(1)
        assert delivering.facts[-1] == value
    assert delivering.facts == [b"1", b"2", b"3", b"4"]


def test_rows_and_offsets_are_not_sent_before_the_commit_before_has_succeeded(
    delivering: Delivering,
) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.steps(2)
    with pytest.raises(DeliveryError, match="another was on its way"):
        delivering.commit(offset=2)
    delivering.second.deliver()
    assert len(list(delivering.broker.logs["log", 0].uncommitted(0))) == 0
    delivering.delivery.settle(1)
    delivering.broker.write_markers()
    assert delivering.broker.group.offsets == {("in", 0): 1}


def test_where_a_commit_fails_nothing_of_the_next_transaction_becomes_a_fact(
    delivering: Delivering,
) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.steps(1)
    delivering.send(b"b")
    delivering.second.deliver()
    delivering.broker.group.rebalance({"m": None, "n": None})
    with pytest.raises(FencedError):
        delivering.delivery.settle(1)
    delivering.delivery.close()
    _, successor = delivering.make("another", SteppedCommitter(lambda point: None))
    successor.start()
    assert delivering.seen == [b"a", b"b"]
    assert delivering.facts == []


def test_behind_outputs_that_failed_none_are_sent(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.send(b"b")
    delivering.broker.initialise("tx.0")
    delivering.steps(1)
    with pytest.raises(FencedError):
        delivering.delivery.poll()
    assert delivering.delivery.waiting == 1
    delivering.second.deliver()
    assert delivering.seen == []


def test_either_producer_can_be_fenced(delivering: Delivering) -> None:
    assert delivering.delivery.transactional_ids == ("tx.0", "tx.1")
    delivering.commit()
    delivering.delivery.settle(1)
    delivering.broker.initialise("tx.1")
    delivering.send(b"a")
    delivering.commit(offset=2)
    with pytest.raises(FencedError):
        delivering.delivery.settle(1)


def test_nothing_put_out_is_committed_all_the_same(delivering: Delivering) -> None:
    delivering.commit()
    assert delivering.delivery.settle(1) == 0.0
    delivering.broker.write_markers()
    assert delivering.broker.group.offsets == {("in", 0): 1}


def test_polling_says_once_that_a_commit_has_ended(delivering: Delivering) -> None:
    delivering.commit()
    assert delivering.delivery.poll() is None
    delivering.steps(4)
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
    delivering.broker.initialise("tx.0")
    delivering.commit()
    with pytest.raises(FencedError):
        delivering.delivery.settle(1)


def test_an_answer_that_gets_lost_is_asked_for_again(delivering: Delivering) -> None:
    delivering.send(b"a")
    delivering.commit()
    delivering.steps(2)
    for _ in range(2):
        delivering.first.flaky = True
        delivering.steps(1)
    delivering.delivery.poll()
    assert delivering.facts == [b"a"]
    assert delivering.broker.group.offsets == {("in", 0): 1}


def test_a_start_settles_what_an_earlier_life_left_open(delivering: Delivering) -> None:
    """Both transactions: the one that was being committed and the one after."""
    delivering.send(b"a")
    delivering.commit()
    delivering.steps(1)
    delivering.send(b"b")
    delivering.second.deliver()
    _, later = delivering.make("me again", SteppedCommitter(lambda point: None))
    later.start()
    assert delivering.facts == []
    assert delivering.broker.logs[AT].last_stable_offset == delivering.broker.logs[AT].end


def test_a_start_without_a_coordinator_says_what_is_missing(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer", False, True))

    monkeypatch.setattr(module, "_START_DEADLINE", 0.0)
    monkeypatch.setattr(delivering.first, "init_transactions", away)
    with pytest.raises(BrokerUnavailableError, match="transaction coordinator"):
        delivering.delivery.start()


def test_a_full_queue_is_waited_for(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce = delivering.first.produce
    refusals = iter([True, True, False])

    def full(*args: object, **more: object) -> None:
        if next(refusals):
            raise BufferError
        produce(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(delivering.first, "produce", full)
    delivering.send(b"a")
    assert delivering.delivery.queued == 1


def test_a_queue_that_stays_full_ends_it(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        raise BufferError

    monkeypatch.setattr(module, "_QUEUE_FULL_WAIT", 0.0)
    monkeypatch.setattr(delivering.first, "produce", full)
    with pytest.raises(DeliveryError, match="stayed full"):
        delivering.send(b"a")


def test_a_transaction_that_has_failed_says_why_it_takes_nothing_more(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise KafkaException(KafkaError(KafkaError._STATE, "erroneous state"))

    def explain() -> None:
        raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "a record was too large"))

    delivering.send(b"a")
    monkeypatch.setattr(delivering.first, "produce", refuse)
    monkeypatch.setattr(delivering.first, "begin_transaction", explain)
    with pytest.raises(DeliveryError, match="could not write to out: a record was too large"):
        delivering.send(b"b")


def test_a_producer_that_was_fenced_says_so_whatever_it_is_asked(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once librdkafka has found it out by itself, it answers a record with a fatal error alone."""

    def refuse(*args: object, **more: object) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL, "fatal error"))

    def explain() -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED, "a newer instance"))

    delivering.send(b"a")
    monkeypatch.setattr(delivering.first, "produce", refuse)
    monkeypatch.setattr(delivering.first, "begin_transaction", explain)
    with pytest.raises(FencedError, match="could not write to out"):
        delivering.send(b"b")


def test_a_flush_that_was_told_of_a_fatal_error_says_which(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client hands it on as a SystemError, for it returns a number all the same."""

    def flush(timeout: float) -> None:
        raise SystemError("returned a result with an exception set")

    def explain() -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED, "a newer instance"))

    delivering.send(b"a")
    monkeypatch.setattr(delivering.first, "flush", flush)
    delivering.commit()
    monkeypatch.setattr(delivering.first, "begin_transaction", explain)
    with pytest.raises(FencedError, match="the producer cannot go on"):
        delivering.delivery.settle(1)


def test_outputs_that_are_never_acknowledged_end_it(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMIT_DEADLINE", -1.0)
    monkeypatch.setattr(delivering.first, "flush", lambda timeout: 1)
    delivering.send(b"a")
    delivering.commit()
    with pytest.raises(DeliveryError, match="not acknowledged"):
        delivering.delivery.settle(1)
