"""Rows are taken from changelog records, many partitions mixed, and what is none is told."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.engine.changelog import row_of, take_rows
from ccstream.engine.store import Table
from ccstream.errors import StateError
from tests.engine.test_store import Words

ROW = b"\xc3\x01row"


class Fetched:
    """A record as librdkafka hands it over, or an event."""

    def __init__(
        self,
        place: tuple[str, int],
        offset: int,
        key: bytes | None = b"a",
        value: bytes | None = ROW,
        error: object = None,
    ) -> None:
        self._place, self._offset, self._key, self._value = place, offset, key, value
        self._error = error

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def error(self) -> object:
        return self._error


CARTS, OTHER, TOUCHES = ("carts", 0), ("carts", 1), ("touches", 0)


def tables() -> dict[tuple[str, int], Table]:
    return {place: Table(place[0], Words(), 10) for place in (CARTS, OTHER, TOUCHES)}


def test_rows_go_to_the_table_of_their_partition_however_they_are_mixed() -> None:
    held = tables()
    messages: list[Any] = [
        Fetched(CARTS, 5, b"a"),
        Fetched(CARTS, 6, b"b"),
        Fetched(TOUCHES, 8, b"a"),
        Fetched(OTHER, 0, b"c"),
        Fetched(CARTS, 9, b"b", None),
    ]
    reached, events = take_rows(messages, held)
    assert {place: table.keys() for place, table in held.items()} == {
        CARTS: {"a"},
        OTHER: {"c"},
        TOUCHES: {"a"},
    }
    assert reached == {CARTS: 10, OTHER: 1, TOUCHES: 9}
    assert not events


def test_what_is_no_record_is_handed_back_and_changes_no_position() -> None:
    end: Any = Fetched(TOUCHES, 3, error="the end")
    messages: list[Any] = [Fetched(CARTS, 5), end, Fetched(CARTS, 6)]
    reached, events = take_rows(messages, tables())
    assert reached == {CARTS: 7}
    assert events == [end]


def test_nothing_fetched_is_nothing_reached() -> None:
    assert take_rows([], tables()) == ({}, [])


@pytest.mark.parametrize(
    ("key", "value"), [(None, ROW), (b"\xff\xfe", ROW), (b"a", b"x"), (b"a", b"")]
)
def test_a_record_that_is_no_row_is_named_by_its_place_alone(
    key: bytes | None, value: bytes
) -> None:
    record: Any = Fetched(OTHER, 7, key, value)
    with pytest.raises(StateError, match=r"carts\[1\] offset 7 is no row"):
        row_of(record)
