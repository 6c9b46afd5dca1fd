"""The index of timers: what it finds in the rows, and how little it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain.timers import Timer, Timers
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.engine.store_folder import StoreFolder
from ccstream.engine.stores import Header, PartitionStore
from ccstream.engine.timers import NEVER, TIMERS, TimerIndex
from ccstream.wire.rows import ROW_CODECS, Entry
from tests.engine.takeovers import Place, write_timer
from tests.simulation.disk import FakeDisk
from tests.simulation.process import make_stores


def timers(*dues: tuple[str, int]) -> tuple[Timer, ...]:
    return tuple(
        sorted(
            (
                Timer("carts", "k", f"{clock}{number}", due, clock)  # type: ignore[arg-type]
                for number, (clock, due) in enumerate(dues)
            ),
            key=lambda one: one.due_ms,
        )
    )


@pytest.fixture(params=["memory", "rocksdb"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    """A table with the timers of three entities, as it is after a restore."""
    store: PartitionStore | None = None
    folder: StoreFolder | None = None
    if request.param == "rocksdb":
        folder = StoreFolder(tmp_path, "app", 16 << 20)
        store = PartitionStore(0, folder, Header(1, "app", b"state", 1), [TIMERS])
    backing = store.backings[TIMERS] if store is not None else None
    made = Table(TIMERS, ROW_CODECS[TIMERS], 2, backing)
    encode = ROW_CODECS[TIMERS].encode_row
    for key, due in (
        ("customer:1", timers(("wall", 300), ("wall", 100))),
        ("customer:2", timers(("event", 50))),
        ("customer:3", timers(("wall", 200), ("event", 150))),
        ("customer:4", timers(("wall", 1))),
    ):
        made.restore(key, encode(Entry(Timers(due), 1)))
    made.restore("customer:4", None)
    if store is not None:
        store.write_restored({})
    yield made
    if folder is not None:
        folder.close()


def test_the_index_is_made_from_the_rows_whatever_keeps_them(rows: Table) -> None:
    index = TimerIndex()
    index.note("customer:9", timers(("wall", 3)))
    index.rebuild(rows)
    assert index.armed
    assert index.next_due == 100
    assert [index.due(f"customer:{n}") for n in (1, 2, 3, 4, 9)] == [100, 50, 150, NEVER, NEVER]
    assert [index.take(1_000), index.take(1_000), index.take(1_000)] == [
        "customer:1",
        "customer:3",
        None,
    ]


def test_an_empty_index_asks_for_nothing() -> None:
    index = TimerIndex()
    assert (index.armed, index.next_due, index.take(NEVER - 1)) == (False, NEVER, None)
    assert index.waiting(NEVER - 1, 10) == 0


def test_a_timer_that_moves_on_with_every_event_keeps_its_one_place() -> None:
    index = TimerIndex()
    for due in range(1_000):
        index.note("customer:1", timers(("wall", due)))
    assert len(index._places) == 1
    assert index.take(0) == "customer:1"
    index.note("customer:1", timers(("wall", 999)))
    assert index.next_due == 999


def test_places_of_timers_that_are_no_more_are_cleared_out() -> None:
    index = TimerIndex()
    for number in range(10_000):
        index.note(f"customer:{number % 10}", timers(("wall", 100_000 - number)))
        index.note(f"customer:{number % 10}", ())
        index.note("customer:always", timers(("wall", 5)))
    assert len(index._places) < 200
    assert index.waiting(1_000_000, 100) == 1


_dues = st.lists(st.tuples(st.sampled_from(["wall", "event"]), st.integers(0, 30)), max_size=3)
_steps = st.lists(st.tuples(st.sampled_from("abcd"), _dues, st.integers(0, 30)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(_steps)
def test_whoever_is_due_is_found(steps: list[tuple[str, list[tuple[str, int]], int]]) -> None:
    index = TimerIndex()
    held: dict[str, tuple[Timer, ...]] = {}
    for entity, dues, now in steps:
        held[entity] = timers(*dues)
        index.note(entity, held[entity])
        due = {
            name
            for name, kept in held.items()
            if any(one.clock == "wall" and one.due_ms <= now for one in kept)
        }
        assert all(
            index.due(name) <= min(one.due_ms for one in kept)
            for name, kept in held.items()
            if kept
        )
        assert index.armed == any(held.values())
        assert len(due) <= index.waiting(now, 100)
        found = set()
        while (taken := index.take(now)) is not None:
            if taken in due:
                found.add(taken)
                held[taken] = tuple(
                    one for one in held[taken] if one.clock == "event" or one.due_ms > now
                )
            index.note(taken, held[taken])
        assert found == due
        assert index.next_due > now


@pytest.mark.parametrize("stored", [False, True])
def test_a_take_over_finds_the_timers_whether_it_reads_them_or_has_them(
    place: Place, stored: bool
) -> None:
    disk = FakeDisk()

    def taken_over(name: str) -> Partition:
        stores = make_stores(disk, 2) if stored else None
        return place.acquire(place.candidate(name), stores=stores)[0]

    assert not taken_over("first").timers.armed
    write_timer(place, "customer:1", 300)
    assert taken_over("second").timers.next_due == 300
    assert taken_over("third").timers.next_due == 300


def test_partitions_that_are_kept_keep_their_timers(place: Place) -> None:
    who = place.candidate("w")
    generation = place.join(who)
    taken = place.acquire(who, generation)
    write_timer(place, "customer:1", 300)  # what nobody reads again
    again = place.acquire(who, generation, retained=taken)
    assert again[0] is taken[0]
    assert not again[0].timers.armed
