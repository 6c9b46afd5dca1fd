"""Letters with rows are found where they must be, and no more is read than that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from ccstream.ops import letters_searched
from ccstream.ops.dead_letters import DeadLetter, Place
from ccstream.ops.letters_searched import SKEW_MS, search
from ccstream.ops.reading import Bounds
from ccstream.wire.mail import HAND_OVER, LINK, Mail, encode_mail
from ccstream.wire.rejected import Rejected

WEB = "channel.web.events.v1"
APPENDED_AT = 1_700_000_000_000
REJECTED_AT = APPENDED_AT + 3_600_000


def letter(number: int = 0, **changes: Any) -> Mail:
    """Of the event at this offset, to the account; its id is ``m`` and that."""
    mail = Mail(
        mail_id=f"m{number}",
        hops=1,
        to="customer:7",
        kind=HAND_OVER,
        origin_topic=WEB,
        origin_partition=3,
        origin_offset=number,
        origin_appended_at=APPENDED_AT,
        value=b"",
        table="carts",
        key="visitor:1",
        row=b"",
    )
    return replace(mail, **changes)


def dead(
    offset: int, number: int = 0, *, partition: int = 0, appended_at: int = APPENDED_AT
) -> DeadLetter:
    """The dead letter at this offset, of a letter of the event at ``number``."""
    rejected = Rejected(
        reason="unexpected_record",
        detail="",
        topic=WEB,
        partition=3,
        offset=number,
        appended_at=appended_at,
        rejected_at=appended_at,
        to="customer:7",
    )
    return DeadLetter(Place(partition, offset), REJECTED_AT, rejected)


class Record:
    def __init__(self, time_ms: int, value: Mail | bytes) -> None:
        self._time_ms = time_ms
        self._value = encode_mail(value) if isinstance(value, Mail) else value

    def timestamp(self) -> tuple[int, int]:
        return 1, self._time_ms

    def value(self) -> bytes:
        return self._value


class Reader:
    """Of mail; each record is a batch, and its offset is its index and that of the first."""

    def __init__(self, records: Mapping[int, list[Record]], first: int = 0) -> None:
        self._records = records
        self._first = first
        self.read_from: dict[int, int] = {}
        self.read_records = 0

    def bounds(self, partition: int) -> Bounds:
        return Bounds(self._first, self._first + len(self._records.get(partition, ())))

    def offset_since(self, partition: int, time_ms: int) -> int:
        for index, record in enumerate(self._records.get(partition, ())):
            if record.timestamp()[1] >= time_ms:
                return self._first + index
        return self.bounds(partition).end

    def read(self, starts: Mapping[int, int]) -> Iterator[list[Record]]:
        self.read_from |= starts
        for partition, start in starts.items():
            yield []
            for record in self._records[partition][start - self._first :]:
                self.read_records += 1
                yield [record]


def found_in(
    reader: Reader, *letters: DeadLetter, by_time: bool = True, said: list[str] | None = None
) -> dict[str, list[str]]:
    """The ids of the letters, by the dead letters' places."""
    of: Any = reader
    report = ([] if said is None else said).append
    found, unlooked = search(of, letters, report, by_time=by_time)
    if said is not None:
        said += sorted(map(str, unlooked))
    return {str(place): [mail.mail_id for mail, _ in rows] for place, rows in found.items()}


def test_what_is_found_came_of_the_event_to_that_entity_and_has_a_row() -> None:
    others = [
        letter(mail_id="of another entity", to="customer:8"),
        letter(mail_id="of another topic", origin_topic="channel.app.events.v1"),
        letter(mail_id="of another partition", origin_partition=4),
        letter(mail_id="of another offset", origin_offset=9),
        letter(mail_id="about a link", kind=LINK),
        b"junk",
    ]
    mine = [letter(), letter(mail_id="m0b")]
    reader = Reader({0: [Record(APPENDED_AT, one) for one in (*others, *mine)]})
    assert found_in(reader, dead(5), dead(6)) == {"0@5": ["m0", "m0b"], "0@6": ["m0", "m0b"]}


def test_it_is_read_from_when_the_earliest_event_was_appended_by_whatever_clock() -> None:
    since = APPENDED_AT - SKEW_MS
    records = [Record(since - 1, letter()), Record(since, letter(1)), Record(since + 1, letter(2))]
    reader = Reader({0: records}, first=10)
    letters = [dead(6, 2, appended_at=APPENDED_AT + 1_000), dead(5, 1), dead(4, 0)]
    assert found_in(reader, *letters) == {"0@5": ["m1"], "0@6": ["m2"]}
    assert reader.read_from == {0: 11}


def test_a_broker_that_finds_no_times_is_read_from_the_beginning() -> None:
    reader = Reader({0: [Record(0, letter()), Record(APPENDED_AT, letter(1))]}, first=10)
    assert found_in(reader, dead(4), dead(5, 1), by_time=False) == {"0@4": ["m0"], "0@5": ["m1"]}
    assert reader.read_from == {0: 10}


def test_it_is_read_until_the_dead_letter_was_written_by_whatever_clock() -> None:
    until = REJECTED_AT + SKEW_MS
    records = [Record(until, letter()), Record(until + 1, letter(1)), Record(until, letter(2))]
    reader = Reader({0: records})
    assert found_in(reader, dead(4), dead(5, 1), dead(6, 2)) == {"0@4": ["m0"]}
    assert reader.read_records == 2


def test_each_partition_has_its_own_letters_and_one_without_any_is_not_read() -> None:
    before = [Record(APPENDED_AT - SKEW_MS - 1, letter())]
    reader = Reader({0: [Record(APPENDED_AT, letter())], 2: before})
    letters = [dead(5), dead(5, partition=1), dead(5, partition=2)]
    assert found_in(reader, *letters) == {"0@5": ["m0"]}
    assert reader.read_from == {0: 0}, "where nothing is, a reader would wait for it"


def test_after_so_many_records_it_says_that_it_looked_no_further_and_for_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letters_searched, "LETTERS_READ_MAX", 3)
    reader = Reader({0: [Record(REJECTED_AT, letter(number)) for number in range(5)]})
    said: list[str] = []
    letters = [
        *(dead(n, n) for n in range(4)),
        # Before what was looked at last, by whatever clock: there is no row of it.
        replace(dead(9, 9), time_ms=REJECTED_AT - SKEW_MS - 1),
        dead(8, partition=1),
    ]
    found = found_in(reader, *letters, said=said)
    assert found == {"0@0": ["m0"], "0@1": ["m1"], "0@2": ["m2"]}
    assert said == [
        "of the mail of partition 0 3 records were looked at, no more",
        *("0@0", "0@1", "0@2", "0@3"),
    ]


def test_where_there_are_no_more_records_than_so_many_all_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letters_searched, "LETTERS_READ_MAX", 3)
    records = [Record(REJECTED_AT, letter(number)) for number in range(3)]
    for more in ([], [Record(REJECTED_AT + SKEW_MS + 1, letter(3))]):
        said: list[str] = []
        found = found_in(Reader({0: records + more}), dead(0), dead(3, 3), said=said)
        assert (found, said) == ({"0@0": ["m0"]}, [])
