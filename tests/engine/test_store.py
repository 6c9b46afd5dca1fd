"""Rows of one table, encoded and decoded."""

from __future__ import annotations

import pytest

from ccstream.engine.store import Table
from ccstream.errors import StateError
from ccstream.wire.rows import Entry


class Words:
    """A codec of text, which counts what it does."""

    def __init__(self) -> None:
        self.decoded = 0

    def encode_row(self, entry: Entry) -> bytes:
        return f"{entry.version}:{entry.state}".encode()

    def decode_row(self, value: bytes) -> Entry:
        self.decoded += 1
        version, _, state = value.decode().partition(":")
        if not version.isdigit():
            raise StateError("no row")
        return Entry(state, int(version))


@pytest.fixture
def codec() -> Words:
    return Words()


@pytest.fixture
def table(codec: Words) -> Table:
    return Table("words", codec, decoded_rows_max=2)


def test_a_row_is_what_was_put_last(table: Table) -> None:
    table.put("k", Entry("a", 1))
    table.put("k", Entry("b", 2))
    entry = table.get("k")
    assert entry is not None and entry.state == "b"
    assert list(table.drain()) == [("k", b"2:b")]


def test_a_restored_row_is_decoded_when_it_is_first_asked_for(table: Table, codec: Words) -> None:
    table.restore("k", b"1:a")
    assert codec.decoded == 0
    assert table.get("k") is table.get("k")
    assert codec.decoded == 1


def test_a_damaged_row_is_refused_when_it_is_asked_for(table: Table) -> None:
    table.restore("k", b"?")
    with pytest.raises(StateError):
        table.get("k")


def test_a_tombstone_restores_to_no_row(table: Table) -> None:
    table.restore("k", b"1:a")
    table.restore("k", None)
    assert table.get("k") is None
    assert table.keys() == set()


def test_a_drained_row_is_clean_until_it_is_put_again(table: Table) -> None:
    table.put("k", Entry("a", 1))
    assert table.dirty_rows == 1
    list(table.drain())
    assert table.dirty_rows == 0
    assert list(table.drain()) == []


def test_a_deletion_is_seen_at_once_and_drained_as_a_tombstone(table: Table) -> None:
    table.put("k", Entry("a", 1))
    list(table.drain())
    table.put("k", Entry(None, 2))
    assert table.get("k") is None
    assert table.keys() == set()
    assert list(table.drain()) == [("k", None)]
    assert table.get("k") is None


def test_clean_rows_beyond_the_bound_are_dropped_oldest_first_and_read_again(
    table: Table, codec: Words
) -> None:
    for number in range(4):
        table.put(f"k{number}", Entry("a", number))
    list(table.drain())
    for number in (2, 3):
        assert table.get(f"k{number}") is not None
    assert codec.decoded == 0
    entry = table.get("k0")
    assert entry is not None and entry.version == 0
    assert codec.decoded == 1


def test_a_dirty_row_is_never_dropped(table: Table, codec: Words) -> None:
    for number in range(10):
        table.put(f"k{number}", Entry("a", number))
    for number in range(10):
        assert table.get(f"k{number}") is not None
    assert codec.decoded == 0


def test_rows_that_are_only_read_are_bounded_too(table: Table, codec: Words) -> None:
    for number in range(10):
        table.restore(f"k{number}", b"1:a")
    for _ in range(2):
        for number in range(10):
            table.get(f"k{number}")
        list(table.drain())
    assert codec.decoded == 10 + 8


def test_keys_count_rows_that_are_not_drained_yet(table: Table) -> None:
    table.restore("a", b"1:a")
    table.restore("b", b"1:b")
    table.put("b", Entry(None, 2))
    table.put("c", Entry("c", 3))
    assert table.keys() == {"a", "c"}
    assert len(table) == 2
    list(table.drain())
    assert len(table) == 2
