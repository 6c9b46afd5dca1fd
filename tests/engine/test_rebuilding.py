"""Inputs that are read once more: in which order, and how far."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import TopicPartition

from ccstream.engine import dataplane, rebuilding
from ccstream.engine.delivery import SourceOffset
from ccstream.engine.followed import Limited
from ccstream.engine.rebuilding import RebuildPlane
from tests.simulation.broker import LogRecord
from tests.simulation.clock import FakeClock

WEB, STORE, MAIL = ("channel.web.events.v1", 0), ("channel.store.events.v1", 0), ("mail", 0)
At = tuple[str, int]


class Consumer:
    """Hands over one record at a time, of the first partition that has any and is not paused."""

    def __init__(self) -> None:
        self.logs: dict[At, list[LogRecord]] = {WEB: [], STORE: [], MAIL: []}
        self.positions: dict[At, int] = {}
        self.paused: set[At] = set()

    def store(self, at: At, *times: int) -> None:
        log = self.logs[at]
        for time_ms in times:
            log.append(LogRecord(at, len(log), time_ms, b"k", b"v", None, None))

    def list_topics(self, topic: str, timeout: float) -> None:
        """Who leads it is known at once."""

    def assign(self, places: Any) -> None:
        self.positions = {(one.topic, one.partition): one.offset for one in places}

    def pause(self, places: Any) -> None:
        self.paused |= {(one.topic, one.partition) for one in places}

    def resume(self, places: Any) -> None:
        self.paused -= {(one.topic, one.partition) for one in places}

    def poll(self, timeout: float) -> LogRecord | None:
        for at, position in self.positions.items():
            if at not in self.paused and position < len(self.logs[at]):
                self.positions[at] += 1
                return self.logs[at][position]
        return None

    def consume(self, count: int, timeout: float) -> list[LogRecord]:
        return []

    def get_watermark_offsets(self, place: Any, *, cached: bool) -> tuple[int, int]:
        return 0, len(self.logs[place.topic, place.partition])

    def position(self, places: Any) -> list[TopicPartition]:
        return [
            TopicPartition(one.topic, one.partition, self.positions[one.topic, one.partition])
            for one in places
        ]

    def close(self) -> None: ...


class Followed:
    def __init__(self) -> None:
        self.reached: dict[At, int] = {}

    def look(self, partitions: Any) -> bool:
        return True

    def close(self) -> None: ...


class Reading:
    """A plane of partition 0, its log, and the application that it follows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.consumer, self.followed, self.clock = Consumer(), Followed(), FakeClock()
        self.told: list[float] = []
        monkeypatch.setattr(dataplane, "Consumer", lambda _config: self.consumer)
        self.plane = RebuildPlane(
            {},
            100,
            self.followed,  # type: ignore[arg-type]
            self.clock,  # type: ignore[arg-type]
            lambda: self.told.append(self.clock.monotonic()),
        )
        self.plane.assign([SourceOffset(*at, 0) for at in self.consumer.logs])

    def read(self, polls: int = 20) -> list[tuple[str, int]]:
        """Topic and append time of what is given out in so many polls."""
        found: list[tuple[str, int]] = []
        for _ in range(polls):
            found += [(str(one.topic()), one.timestamp()[1]) for one in self.plane.poll(0)]
            self.clock.advance(0.1)
        return found


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


def test_records_of_all_topics_come_in_the_order_in_which_they_were_stored(
    reading: Reading,
) -> None:
    reading.consumer.store(WEB, 1, 4, 7)
    reading.consumer.store(STORE, 2, 5)
    reading.consumer.store(MAIL, 3, 6)
    reading.followed.reached = {WEB: 3, STORE: 2, MAIL: 2}
    assert [time for _, time in reading.read()] == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_comes_that_the_other_has_not_folded(reading: Reading) -> None:
    reading.consumer.store(WEB, 1, 2, 3)
    assert reading.read() == []
    reading.followed.reached = {WEB: 2}
    assert [time for _, time in reading.read()] == [1, 2]
    assert reading.plane.ends()[WEB] == 2
    assert reading.plane.remaining == 0
    reading.followed.reached = {WEB: 3}
    assert [time for _, time in reading.read()] == [3]


def test_a_topic_that_is_far_ahead_is_not_read_on_until_the_others_are_there(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "QUEUE_MAX", 4)
    reading.consumer.store(WEB, *range(100, 120))
    reading.followed.reached = {WEB: 20, STORE: 1}
    assert reading.read(10) == []  # a record of the store is on its way, and may be older
    assert reading.consumer.paused == {WEB}
    reading.consumer.store(STORE, 50)
    times = [time for _, time in reading.read(60)]
    assert times == [50, *range(100, 120)]
    assert reading.consumer.paused == set()


def test_the_time_is_that_of_the_records_also_when_nothing_is_left_to_come(
    reading: Reading,
) -> None:
    reading.consumer.store(WEB, 1_000, 2_000)
    reading.followed.reached = {WEB: 1}
    reading.read(60)
    assert reading.plane.time_ms(0) == 1_000  # the other has one to fold that was stored at 2,000
    reading.followed.reached = {WEB: 2}
    reading.read(1)
    assert reading.plane.time_ms(0) == 2_000
    reading.read(60)
    assert reading.plane.time_ms(0) == 2_000


def test_that_it_has_caught_up_is_told_once_when_all_of_it_is_done(reading: Reading) -> None:
    reading.consumer.store(WEB, 1, 2)
    reading.followed.reached = {WEB: 2, STORE: 1}
    reading.read(60)
    assert reading.told == []
    reading.consumer.store(STORE, 3)
    reading.read(60)
    assert len(reading.told) == 1


def test_to_the_watchdog_a_log_ends_where_the_other_has_got_to(reading: Reading) -> None:
    class Logs:
        def readable_ends(self, partitions: Any) -> dict[At, int]:
            return dict.fromkeys(partitions, 9)

        def next_record(self, topic: str, partition: int, offset: int) -> int | None:
            return offset

    reading.followed.reached = {WEB: 4}
    limited = Limited(Logs(), reading.followed)  # type: ignore[arg-type]
    assert limited.readable_ends([WEB, STORE]) == {WEB: 4, STORE: 0}
