"""Rows of one table, encoded and decoded: the same in memory and in RocksDB."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ccstream.engine.store import Table
from ccstream.engine.store_folder import StoreFolder
from ccstream.engine.stores import Header, PartitionStore
from ccstream.errors import StateError
from ccstream.wire.rows import Entry


class Words:
    """A codec of text, which counts what it does."""

    def __init__(self) -> None:
        self.decoded = 0
        self.encoded = 0

    def encode_row(self, entry: Entry) -> bytes:
        self.encoded += 1
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


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PartitionStore | None]:
    if request.param == "memory":
        yield None
        return
    folder = StoreFolder(tmp_path, "app", 16 << 20)
    yield PartitionStore(0, folder, Header(1, "app", b"state", 1), ["words", "wordsmore"])
    folder.close()


@pytest.fixture
def table(codec: Words, store: PartitionStore | None) -> Table:
    backing = store.backings["words"] if store is not None else None
    return Table("words", codec, 2, backing)


@pytest.fixture
def restored(store: PartitionStore | None) -> Callable[[], None]:
    """What a take-over does when rows were restored."""
    return lambda: None if store is None else store.write_restored({})


@pytest.fixture
def committed(table: Table, store: PartitionStore | None) -> Callable[[], None]:
    """What the chunk loop does when a commit has ended."""
    return lambda: None if store is None else store.write_committed({"words": table}, {}, {}, 1)


def test_a_row_is_what_was_put_last(table: Table) -> None:
    table.put("k", Entry("a", 1))
    table.put("k", Entry("b", 2))
    entry = table.get("k")
    assert entry is not None and entry.state == "b"
    assert list(table.drain()) == [("k", b"2:b")]


def test_a_restored_row_is_decoded_when_it_is_first_asked_for(
    table: Table, codec: Words, restored: Callable[[], None]
) -> None:
    table.restore("k", b"1:a")
    restored()
    assert codec.decoded == 0
    assert table.get("k") is table.get("k")
    assert codec.decoded == 1


def test_a_damaged_row_is_refused_when_it_is_asked_for(
    table: Table, restored: Callable[[], None]
) -> None:
    table.restore("k", b"?")
    restored()
    with pytest.raises(StateError):
        table.get("k")


def test_a_tombstone_restores_to_no_row(table: Table, restored: Callable[[], None]) -> None:
    table.restore("k", b"1:a")
    table.restore("k", None)
    restored()
    assert table.get("k") is None
    assert table.keys() == set()


def test_a_drained_row_is_clean_until_it_is_put_again(table: Table) -> None:
    table.put("k", Entry("a", 1))
    assert table.dirty_rows == 1
    list(table.drain())
    assert table.dirty_rows == 0
    assert list(table.drain()) == []


def test_rows_are_encoded_ahead_the_longest_dirty_first_and_not_twice(
    table: Table, codec: Words
) -> None:
    for number in range(3):
        table.put(f"k{number}", Entry("a", number))
    table.put("gone", Entry(None, 3))
    assert [table.encode_ahead(2) for _ in range(3)] == [2, 1, 0]
    assert codec.encoded == 3
    table.put("k1", Entry("b", 4))
    assert table.drain() == [("k0", b"0:a"), ("k1", b"4:b"), ("k2", b"2:a"), ("gone", None)]
    assert codec.encoded == 4
    assert table.encode_ahead(2) == 0


def test_a_row_that_was_told_again_since_it_was_encoded_has_its_version(table: Table) -> None:
    entry = Entry("a", 1)
    table.put("k", entry)
    assert table.encode_ahead(9) == 1
    entry.version = 2
    assert table.drain() == [("k", b"2:a")]


def test_whatever_is_encoded_ahead_the_same_rows_are_drained(codec: Words) -> None:
    steps = random.Random(5)
    table, twin = Table("words", codec, 2), Table("words", codec, 2)
    for version in range(3_000):
        key = f"k{steps.randrange(12)}"
        match steps.randrange(8):
            case 0:
                assert table.drain() == twin.drain()
            case 1 | 2:
                table.encode_ahead(steps.randrange(6))
            case 3:
                for one in (table, twin):
                    if (entry := one.get(key)) is not None:
                        entry.version = version
            case outcome:
                for one in (table, twin):
                    one.put(key, Entry("x" if outcome > 4 else None, version))
    assert codec.encoded > 0


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


def test_rows_that_are_only_read_are_bounded_too(
    table: Table, codec: Words, restored: Callable[[], None]
) -> None:
    for number in range(10):
        table.restore(f"k{number}", b"1:a")
    restored()
    for _ in range(2):
        for number in range(10):
            table.get(f"k{number}")
        list(table.drain())
    assert codec.decoded == 10 + 8


def test_keys_count_rows_that_are_not_drained_yet(
    table: Table, restored: Callable[[], None]
) -> None:
    table.restore("a", b"1:a")
    table.restore("b", b"1:b")
    restored()
    table.put("b", Entry(None, 2))
    table.put("c", Entry("c", 3))
    assert table.keys() == {"a", "c"}
    assert len(table) == 2
    list(table.drain())
    assert len(table) == 2


def test_what_is_drained_is_read_the_same_before_and_after_it_is_written(
    table: Table, committed: Callable[[], None]
) -> None:
    for number in range(6):
        table.put(f"k{number}", Entry("a", number))
    table.drain()
    committed()
    table.put("k0", Entry(None, 7))
    table.put("k1", Entry("b", 8))
    table.put("k6", Entry("c", 9))
    for write in (table.drain, committed, table.drain):
        write()
        assert table.get("k0") is None
        assert table.peek("k0") is None
        for key, state, version in (("k1", "b", 8), ("k2", "a", 2), ("k6", "c", 9)):
            for entry in (table.peek(key), table.get(key)):
                assert entry is not None
                assert (entry.state, entry.version) == (state, version)
        assert table.keys() == {f"k{number}" for number in range(1, 7)}
        assert len(table) == 6


def test_rows_are_counted_whatever_becomes_of_them(
    table: Table, restored: Callable[[], None], committed: Callable[[], None]
) -> None:
    steps = random.Random(3)
    expected: dict[str, int] = {}
    for number in range(10):
        table.restore(f"k{number}", None if number % 3 == 0 else b"1:a")
        table.restore(f"k{number % 5}", b"2:b")
    restored()
    expected = {f"k{number}": 1 for number in range(10) if number % 3 or number < 5}
    assert len(table) == len(expected)
    for version in range(2_000):
        key = f"k{steps.randrange(30)}"
        match steps.randrange(6):
            case 0:
                table.put(key, Entry(None, version))
                expected.pop(key, None)
            case 1:
                table.put(key, Entry("x", version))
                expected[key] = version
            case 2 | 3:
                entry = table.get(key)
                assert (entry is not None) == (key in expected)
                table.put(key, Entry("y", version))
                expected[key] = version
            case 4:
                table.drain()
            case 5:
                table.drain()
                committed()
        assert len(table) == len(expected)
        assert table.keys() == expected.keys()


def test_the_rows_of_an_entity_are_found_by_its_key_wherever_they_are(
    table: Table, store: PartitionStore | None, restored: Callable[[], None]
) -> None:
    for key in ("a#1", "a#2", "ab#1", "b#1"):
        table.restore(key, b"1:kept")
    restored()
    assert table.keys_of("a") == ["a#1", "a#2"]
    table.put("a#0", Entry("new", 2))
    table.put("a#1", Entry(None, 3))
    table.put("b#1", Entry(None, 4))
    for drained in (False, True):
        if drained:
            table.drain()
        assert table.keys_of("a") == ["a#0", "a#2"]
        assert table.keys_of("b") == table.keys_of("c") == []
        assert table.keys_of("ab") == ["ab#1"]


def test_what_is_committed_is_shown_until_the_next_commit_has_ended(
    table: Table, restored: Callable[[], None], committed: Callable[[], None]
) -> None:
    def shown(key: str) -> object:
        row = table.look(key, live=False)
        return None if row is None else table.decode(row).state

    table.restore("kept", b"1:a")
    table.restore("gone", b"1:b")
    restored()
    table.put("kept", Entry("c", 2))
    table.put("gone", Entry(None, 3))
    table.put("new", Entry("d", 4))
    for _ in range(2):
        assert [shown(key) for key in ("kept", "gone", "new")] == ["a", "b", None]
        list(table.drain())
    committed()
    table.settled()
    assert [shown(key) for key in ("kept", "gone", "new")] == ["c", None, "d"]


def test_a_row_that_was_looked_at_is_not_changed_by_what_comes_later(table: Table) -> None:
    entry = Entry("a", 1)
    table.put("k", entry)
    seen = table.look("k", live=True)
    assert seen is not None
    entry.version = 9
    assert table.decode(seen).version == 1
