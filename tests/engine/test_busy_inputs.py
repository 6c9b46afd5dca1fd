"""Reading busy inputs apart: every record once, in the order of its partition, whoever reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from ccstream.engine.busy_inputs import BusyInputsPlane
from ccstream.engine.delivery import SourceOffset
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.process import on_fakes

WEB, STORE, MAIL = "web", "store", "mail"
PARTITIONS = 2
PLACES = [(topic, number) for topic in (WEB, STORE, MAIL) for number in range(PARTITIONS)]


class Reading:
    """A plane over three topics, and what it has handed out."""

    def __init__(self, records_max: int = 8_000) -> None:
        self.clock = FakeClock()
        self.broker = FakeBroker(self.clock, dict.fromkeys((WEB, STORE, MAIL), PARTITIONS), "id")
        self.plane = BusyInputsPlane(
            {"broker": self.broker, "isolation.level": "read_committed"}, records_max, self.clock
        )
        self.read: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        self.plane.assign([SourceOffset(*at, 0) for at in PLACES])

    def publish(self, topic: str, records: int, partition: int = 0) -> None:
        for _ in range(records):
            self.broker.append((topic, partition), b"key", b"value")

    def poll(self, later: float = 0.0) -> list[Any]:
        self.clock.advance(later)
        messages: list[Any] = self.plane.poll(0)
        for message in messages:
            self.read[message.topic(), message.partition()].append(message.offset())
        return messages

    def make_busy(self, records: int = 150) -> None:
        """So much of the web in a second, and all of it read."""
        self.publish(WEB, records)
        self.poll()
        self.poll(1.0)

    @property
    def apart(self) -> set[str]:
        """The topics that the second consumer reads; the first has the others, and none twice."""
        first: Any = self.plane._consumer
        second: Any = self.plane._busy_consumer
        apart = set(second._positions)
        assert sorted([*first._positions, *apart]) == sorted(PLACES)
        return {topic for topic, _ in apart}


@pytest.fixture
def reading() -> Iterator[Reading]:
    with on_fakes():
        yield Reading()


def test_one_consumer_reads_all_while_nothing_is_busy(reading: Reading) -> None:
    for _ in range(5):
        reading.publish(WEB, 99)
        assert len(reading.poll(1.0)) == 99
        assert reading.apart == set()


def test_it_counts_what_comes_in_a_second_however_late_it_looks(reading: Reading) -> None:
    reading.publish(WEB, 150)
    reading.poll()
    reading.poll(2.0)
    assert reading.apart == set()
    reading.publish(WEB, 220)
    reading.poll()
    reading.poll(2.0)
    assert reading.apart == {WEB}


def test_a_topic_that_is_not_read_to_its_end_does_not_move() -> None:
    """What was fetched ahead would be thrown away, and the backlog seem to have an end."""
    with on_fakes():
        reading = Reading(records_max=150)
        reading.publish(WEB, 290)
        assert len(reading.poll()) == 150
        assert len(reading.poll(1.0)) == 140
        assert reading.apart == set()
        reading.poll(1.0)
        assert reading.apart == {WEB}


def test_a_partition_whose_end_is_not_known_holds_its_topic(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer: Any = reading.plane._consumer
    known = consumer.get_watermark_offsets

    def ends(at: Any, cached: bool) -> tuple[int, int]:
        found: tuple[int, int] = known(at, cached)
        return (-1001, -1001) if at.partition else found

    monkeypatch.setattr(consumer, "get_watermark_offsets", ends)
    reading.make_busy(200)
    assert reading.apart == set()


def test_a_topic_moves_only_to_who_knows_its_leaders(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nothing would come of it for up to a second."""
    asked: list[str] = []

    def nobody_answers(topic: str, timeout: float) -> None:
        asked.append(topic)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    with monkeypatch.context() as away:
        away.setattr(reading.plane._busy_consumer, "list_topics", nobody_answers)
        reading.make_busy(200)
        reading.poll(1.0)
    assert (asked, reading.apart) == ([WEB], set()), "it asks not each second"
    reading.poll(8.0)
    assert reading.apart == set()
    reading.poll(1.0)
    assert reading.apart == {WEB}


def test_the_second_consumer_tells_what_it_has_to_while_nothing_is_apart(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had fetched for a topic that it has given up is freed only so, too."""
    asked: list[float] = []
    monkeypatch.setattr(reading.plane._busy_consumer, "poll", asked.append)
    for _ in range(3):
        reading.poll(1.0)
    assert asked == [0, 0, 0]


def test_a_topic_of_a_rate_about_the_bound_does_not_go_to_and_fro(reading: Reading) -> None:
    reading.publish(WEB, 110)
    reading.poll()
    for _ in range(50):
        reading.poll(1.0)
        assert reading.apart == {WEB}
        reading.publish(WEB, 60)
        reading.poll()


def test_a_busy_topic_is_read_apart_until_it_has_been_quiet_for_a_while(reading: Reading) -> None:
    reading.publish(WEB, 60)
    reading.publish(WEB, 60, partition=1)
    reading.poll()
    reading.poll(1.0)
    assert reading.apart == {WEB}
    for _ in range(29):
        reading.poll(1.0)
    assert reading.apart == {WEB}
    reading.poll(1.0)
    assert reading.apart == set()


def test_when_all_are_busy_none_is_apart(reading: Reading) -> None:
    for topic in (WEB, STORE, MAIL):
        reading.publish(topic, 200)
    reading.poll()
    reading.poll(1.0)
    assert reading.apart == set()


def test_what_was_quiet_is_read_while_something_is_busy(reading: Reading) -> None:
    reading.make_busy(200)
    reading.publish(WEB, 3)
    reading.publish(MAIL, 2)
    assert [one.topic() for one in reading.poll()] == [MAIL] * 2 + [WEB] * 3


def test_a_chunk_has_its_bound_from_both_together() -> None:
    with on_fakes():
        reading = Reading(records_max=150)
        reading.make_busy()
        assert reading.apart == {WEB}
        reading.publish(WEB, 100)
        reading.publish(MAIL, 100)
        assert len(reading.poll()) == 150
        assert len(reading.poll()) == 50


def test_a_burst_of_the_others_does_not_keep_the_busy_ones_waiting() -> None:
    with on_fakes():
        reading = Reading(records_max=150)
        reading.make_busy()
        reading.publish(MAIL, 1_000)
        reading.publish(WEB, 10)
        assert [one.topic() for one in reading.poll()] == [MAIL] * 75 + [WEB] * 10


def test_to_wait_for_records_ends_with_the_first_or_with_the_time(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.make_busy()
    busy: Any = reading.plane._busy_consumer
    poll, waits = busy.poll, []

    def noted(timeout: float) -> Any:
        waits.append(timeout)
        reading.clock.advance(timeout)
        if len(waits) == 20:
            reading.publish(MAIL, 1)
        return poll(timeout)

    monkeypatch.setattr(busy, "poll", noted)
    assert reading.plane.poll(0.01) == []
    assert sum(waits) == pytest.approx(0.01)
    assert [one.topic() for one in reading.plane.poll(0.1)] == [MAIL]
    assert len(waits) == 21 and max(waits) == 0.002
    reading.publish(MAIL, 1)
    reading.plane.poll(0.1)
    assert waits[-1] == 0, "busy topics are not waited for where there is something"


def test_to_wait_takes_no_longer_though_each_look_does(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.make_busy()
    monkeypatch.setattr(reading.plane._busy_consumer, "poll", lambda _: reading.clock.advance(0.03))
    began = reading.clock.monotonic()
    assert reading.plane.poll(0.1) == []
    assert reading.clock.monotonic() - began == pytest.approx(0.12)


def test_both_consumers_are_closed(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def fails() -> None:
        closed.append("first")
        raise RuntimeError

    monkeypatch.setattr(reading.plane._consumer, "close", fails)
    monkeypatch.setattr(reading.plane._busy_consumer, "close", lambda: closed.append("second"))
    with pytest.raises(RuntimeError):
        reading.plane.close()
    assert closed == ["first", "second"]


def test_an_assignment_begins_with_one_consumer_again(reading: Reading) -> None:
    reading.make_busy(200)
    assert reading.apart == {WEB}
    busy: Any = reading.plane._busy_consumer
    reading.plane.unassign()
    assert busy._positions == {}
    reading.publish(WEB, 1)
    assert reading.poll(1.0) == []
    reading.plane.assign([SourceOffset(*at, 0) for at in PLACES])
    assert reading.apart == set()
    assert len(reading.poll()) == 201
    reading.poll(1.0)
    assert reading.apart == {WEB}
    reading.plane.assign([SourceOffset(*at, 201) for at in PLACES])
    assert reading.apart == set()
    reading.poll(1.0)
    assert reading.apart == set()


def test_ends_are_known_of_both(reading: Reading) -> None:
    reading.make_busy(200)
    assert reading.apart == {WEB}
    reading.publish(STORE, 8_000)
    reading.publish(WEB, 8_000)
    assert len(reading.poll()) == 8_000
    assert set(reading.plane.ends()) == set(PLACES)
    assert reading.plane.ends()[STORE, 0] == 8_000
    assert reading.plane.ends()[WEB, 0] == 8_200
    reading.poll()
    assert reading.plane.ends()[STORE, 0] == reading.plane.ends()[WEB, 0] == 0
    assert reading.plane.heard()


def test_what_the_second_has_not_heard_of_is_not_heard_of(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.make_busy(200)
    monkeypatch.setattr(
        reading.plane._busy_consumer, "get_watermark_offsets", lambda *_, **__: (-1001, -1001)
    )
    assert not reading.plane.heard()


STEPS = st.lists(
    st.tuples(
        st.sampled_from((WEB, STORE, MAIL)),
        st.integers(0, PARTITIONS - 1),
        st.integers(0, 300),
        st.sampled_from((0.0, 0.4, 1.0, 31.0)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(1, 300))
def test_every_record_is_handed_out_once_and_in_order(
    steps: list[tuple[Any, ...]], records_max: int
) -> None:
    with on_fakes():
        reading = Reading(records_max)
        published: defaultdict[tuple[str, int], int] = defaultdict(int)
        for topic, number, records, later in steps:
            reading.publish(topic, records, number)
            published[topic, number] += records
            reading.poll(later)
            assert reading.apart < {WEB, STORE, MAIL}
        while reading.poll():
            pass
        for at in PLACES:
            assert reading.read[at] == list(range(published[at]))
