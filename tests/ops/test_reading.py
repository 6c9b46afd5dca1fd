"""A single record is had at once, wherever it is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from ccstream.errors import BrokerRefusedError
from ccstream.ops import reading
from ccstream.ops.reading import NEAR_RECORDS, TopicReader
from ccstream.ops.settings import Settings


class Record:
    """What a consumer hands over: a record, or that it is at the end or at no place of the log."""

    def __init__(self, offset: int, error: int | None = None) -> None:
        self._offset = offset
        self._error = error

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return 0

    def error(self) -> KafkaError | None:
        return None if self._error is None else KafkaError(self._error)


class Log:
    """One partition, and its consumer: one that is asked for more than there is waits for it."""

    def __init__(self, *offsets: int, end: int, first: int = 0) -> None:
        self.offsets = offsets
        self.bounds = first, end
        self.asked_for_bounds = 0
        self.lookups = 0
        self.was_the_end = False
        self._next = 0

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        self.asked_for_bounds += 1
        return self.bounds

    def assign(self, places: list[TopicPartition]) -> None:
        (place,) = places
        self._next = place.offset
        self.lookups += 1
        self.was_the_end = False

    def consume(self, records_max: int, timeout: float) -> list[Record]:
        if self.was_the_end:
            return [Record(self._next, KafkaError._PARTITION_EOF)]
        if self._next < self.bounds[0]:
            return [Record(self._next, KafkaError._AUTO_OFFSET_RESET)]
        found = [Record(offset) for offset in self.offsets if offset >= self._next][:records_max]
        self._next = found[-1].offset() + 1 if found else self.bounds[1]
        if len(found) < records_max:
            found.append(Record(self._next, KafkaError._PARTITION_EOF))
        if len(found) < records_max:
            time.sleep(timeout)
        return found

    def close(self) -> None:
        pass


def reader_of(log: Log, monkeypatch: pytest.MonkeyPatch) -> TopicReader:
    monkeypatch.setattr(reading, "make_client", lambda *_: log)
    return TopicReader(Settings.load(), "channel.web.events.v1", "read_committed")


def offset_at(reader: TopicReader, offset: int) -> int | None:
    found: Any = reader.at(0, offset)
    return None if found is None else found.offset()


def test_a_record_near_the_end_of_a_log_is_not_waited_for_until_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log(*range(100), end=100)
    reader = reader_of(log, monkeypatch)
    begun = time.monotonic()
    assert [offset_at(reader, offset) for offset in range(90, 100)] == [*range(90, 100)]
    assert time.monotonic() - begun < 1, "0.2 s each, it was"
    assert (log.asked_for_bounds, log.lookups) == (1, 1), "the next ones are read on"


def test_records_are_read_on_to_one_that_is_near_and_looked_up_if_it_is_far_or_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log(*range(0, 1_000, 2), end=1_000)
    reader = reader_of(log, monkeypatch)
    near = [0, 0, 2, NEAR_RECORDS, 2 * NEAR_RECORDS]
    assert [offset_at(reader, offset) for offset in near] == near
    assert log.lookups == 1
    far = [3 * NEAR_RECORDS + 2, 3 * NEAR_RECORDS, 4 * NEAR_RECORDS + 1, 4 * NEAR_RECORDS]
    assert [offset_at(reader, offset) for offset in far] == [*far[:2], None, far[3]]
    assert log.lookups > 3


def test_what_was_the_end_may_not_be_the_end_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(*range(4), end=4)
    reader = reader_of(log, monkeypatch)
    assert offset_at(reader, 3) == 3
    log.was_the_end = True
    log.offsets, log.bounds = tuple(range(6)), (0, 6)
    assert offset_at(reader, 4) == 4
    assert offset_at(reader, 5) == 5


def test_where_no_record_is_none_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(5, 7, end=9, first=5)  # the rest were deleted, or are marks of transactions
    reader = reader_of(log, monkeypatch)
    found = [offset_at(reader, offset) for offset in range(4, 10)]
    assert found == [None, 5, None, 7, None, None]


def test_what_was_written_or_deleted_since_the_ends_were_asked_for_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log(*range(4), end=4)
    reader = reader_of(log, monkeypatch)
    assert offset_at(reader, 3) == 3
    log.offsets, log.bounds = tuple(range(2, 6)), (2, 6)
    assert offset_at(reader, 5) == 5
    log.offsets, log.bounds = tuple(range(4, 6)), (4, 6)
    assert offset_at(reader, 3) is None
    log.bounds = 0, 6
    monkeypatch.setattr(log, "consume", lambda *_: [Record(3, KafkaError._AUTO_OFFSET_RESET)])
    with pytest.raises(BrokerRefusedError):
        reader.at(0, 3)
