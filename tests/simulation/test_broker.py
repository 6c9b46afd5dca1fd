"""The broker of the simulation keeps Kafka's rules, or the simulation would prove nothing."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from ccstream.engine.assignment import Assignment
from tests.simulation.broker import TRANSACTION_TIMEOUT, FakeBroker
from tests.simulation.clock import FakeClock

AT = ("topic", 0)
OTHER = ("topic", 1)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker(FakeClock(), {"topic": 2}, "group")


def values(broker: FakeBroker, *, committed: bool = True) -> list[bytes | None]:
    log = broker.logs[AT]
    return [r.value() for r in (log.committed(0) if committed else log.uncommitted(0))]


def produce(broker: FakeBroker, epoch: int, value: bytes, at: tuple[str, int] = AT) -> None:
    broker.produce("tx", epoch, "owner", at, b"k", value, None)


def assignment(generation: int, member: str, instance: str | None = None) -> bytes:
    return Assignment("group", generation, member, instance, frozenset({0})).group_metadata()


def code_of(error: pytest.ExceptionInfo[KafkaException]) -> int:
    return int(error.value.args[0].code())


def test_an_open_transaction_is_seen_by_uncommitted_readers_alone(broker: FakeBroker) -> None:
    produce(broker, broker.initialise("tx"), b"a")
    assert values(broker) == []
    assert values(broker, committed=False) == [b"a"]


def test_what_is_appended_behind_an_open_transaction_waits_with_it(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    produce(broker, epoch, b"a")
    broker.append(AT, b"k", b"later")
    assert values(broker) == []
    broker.end("tx", epoch, commit=True)
    assert values(broker) == [], "decided, but not known here before its marker"
    broker.write_markers()
    assert values(broker) == [b"a", b"later"]


def test_an_aborted_transaction_is_passed_over(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    produce(broker, epoch, b"a")
    broker.append(AT, b"k", b"later")
    broker.end("tx", epoch, commit=False)
    broker.write_markers()
    assert values(broker) == [b"later"]
    assert broker.logs[AT].end == 3, "its marker has an offset of its own"


def test_partitions_learn_of_a_commit_one_by_one(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    produce(broker, epoch, b"a")
    produce(broker, epoch, b"b", OTHER)
    broker.end("tx", epoch, commit=True)
    broker.write_markers(1)
    stable = [broker.logs[at].last_stable_offset for at in (AT, OTHER)]
    assert sorted(stable) == [0, 2]


def test_whoever_initialises_an_id_aborts_what_it_has_open_and_fences_it(
    broker: FakeBroker,
) -> None:
    old = broker.initialise("tx")
    produce(broker, old, b"a")
    broker.initialise("tx")
    assert broker.logs[AT].last_stable_offset == broker.logs[AT].end
    with pytest.raises(KafkaException) as error:
        produce(broker, old, b"b")
    assert code_of(error) == KafkaError._FENCED
    with pytest.raises(KafkaException):
        broker.end("tx", old, commit=True)
    assert values(broker) == []


def test_whoever_initialises_an_id_lets_a_decided_commit_stand(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    produce(broker, epoch, b"a")
    broker.end("tx", epoch, commit=True)
    broker.initialise("tx")
    assert values(broker) == [b"a"]


def test_a_transaction_open_for_too_long_is_aborted(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    produce(broker, epoch, b"a")
    broker.clock.advance(TRANSACTION_TIMEOUT + 1)
    broker.expire()
    with pytest.raises(KafkaException):
        broker.end("tx", epoch, commit=True)


def test_offsets_of_a_transaction_are_unstable_until_it_is_known(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    generation = broker.group.rebalance({"m": None})
    broker.send_offsets("tx", epoch, "owner", {AT: 5}, assignment(generation, "m"))
    assert broker.group.stable([AT]) is None
    assert broker.group.stable([OTHER]) == {OTHER: None}
    broker.end("tx", epoch, commit=True)
    assert broker.group.stable([AT]) is None
    broker.write_markers()
    assert broker.group.stable([AT]) == {AT: 5}


def test_of_two_transactions_the_offsets_sent_later_hold_whichever_is_known_first(
    broker: FakeBroker,
) -> None:
    member = assignment(broker.group.rebalance({"m": None}), "m")
    transactions = []
    for name, offset in (("tx", 5), ("other", 6)):
        epoch = broker.initialise(name)
        broker.send_offsets(name, epoch, "owner", {AT: offset}, member)
        transactions.append(next(reversed(broker.group.pending)))
        broker.end(name, epoch, commit=True)
    for transaction in reversed(transactions):
        assert broker.group.stable([AT]) is None
        broker.group.decide(transaction, committed=True)
    assert broker.group.stable([AT]) == {AT: 6}
    assert [facts.offsets for facts in broker.group.journal] == [{AT: 5}, {AT: 6}]


def test_offsets_of_a_past_generation_are_refused(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    generation = broker.group.rebalance({"m": None})
    broker.group.rebalance({"m": None, "n": None})
    with pytest.raises(KafkaException) as error:
        broker.send_offsets("tx", epoch, "owner", {AT: 5}, assignment(generation, "m"))
    assert code_of(error) == KafkaError.ILLEGAL_GENERATION


def test_offsets_of_a_stranger_are_refused(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    generation = broker.group.rebalance({"m": None})
    with pytest.raises(KafkaException) as error:
        broker.send_offsets("tx", epoch, "owner", {AT: 5}, assignment(generation, "stranger"))
    assert code_of(error) == KafkaError.UNKNOWN_MEMBER_ID


def test_of_two_with_one_static_id_the_one_that_joined_last_holds(broker: FakeBroker) -> None:
    epoch = broker.initialise("tx")
    generation = broker.group.rebalance({"m": "static"})
    joined = broker.group.replace("static")
    with pytest.raises(KafkaException) as error:
        broker.send_offsets("tx", epoch, "owner", {AT: 5}, assignment(generation, "m", "static"))
    assert code_of(error) == KafkaError.FENCED_INSTANCE_ID
    broker.send_offsets("tx", epoch, "owner", {AT: 5}, assignment(generation, joined, "static"))


def test_compaction_keeps_the_last_committed_record_of_a_key(broker: FakeBroker) -> None:
    broker.append(AT, b"k", b"old")
    broker.append(AT, b"gone", b"x")
    broker.append(AT, b"gone", None)
    broker.append(AT, b"k", b"new")
    produce(broker, broker.initialise("tx"), b"open")
    broker.compact(AT, tombstones=False)
    assert values(broker, committed=False) == [b"new", b"open"]
    assert [r.offset() for r in broker.logs[AT].read(0)] == [3, 4]
    assert [r.value() for r in broker.logs[AT].committed(2)] == [b"new"]
