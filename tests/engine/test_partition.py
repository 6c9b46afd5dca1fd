"""Epochs, versions and dirty rows of a partition number."""

from __future__ import annotations

import pytest

from ccstream.domain.moment import Scope
from ccstream.engine.partition import EPOCH_MAX, Partition
from ccstream.engine.store import Table
from ccstream.errors import StateError
from ccstream.wire.rows import Entry
from tests.engine.test_store import Words


@pytest.fixture
def partition() -> Partition:
    tables = {name: Table(name, Words(), 1) for name in ("one", "two")}
    return Partition(Scope(b"stateid8", 3, 8), tables, [-1])


def test_versions_rise_within_an_epoch_and_from_one_to_the_next(partition: Partition) -> None:
    versions = []
    for epoch in (1, 2, 9):
        partition.begin_epoch(epoch)
        versions += [partition.next_version(), partition.next_version()]
    assert versions == sorted(set(versions))
    assert [version >> 32 for version in versions] == [1, 1, 2, 2, 9, 9]


@pytest.mark.parametrize("epoch", [0, 4, 5, EPOCH_MAX + 1])
def test_an_epoch_that_does_not_rise_or_has_run_out_is_refused(
    partition: Partition, epoch: int
) -> None:
    partition.begin_epoch(5)
    with pytest.raises(StateError, match="owners topic"):
        partition.begin_epoch(epoch)


def test_a_version_is_exact_in_a_javascript_number(partition: Partition) -> None:
    partition.begin_epoch(EPOCH_MAX)
    assert partition.next_version() < 2**53


def test_an_epoch_that_runs_out_of_versions_ends_the_worker(partition: Partition) -> None:
    partition.begin_epoch(1)
    partition._counter = 2**32 - 2
    partition.next_version()
    with pytest.raises(StateError, match="restart"):
        partition.next_version()


def test_draining_takes_the_dirty_rows_of_all_tables(partition: Partition) -> None:
    partition.tables["one"].put("a", Entry("x", 1))
    partition.tables["two"].put("b", Entry("y", 2))
    partition.changed = True
    assert sorted(partition.drain()) == [("one", "a", b"1:x"), ("two", "b", b"2:y")]
    assert not partition.changed
    assert list(partition.drain()) == []


def test_draining_lets_go_of_rows_that_were_only_read(partition: Partition) -> None:
    table = partition.tables["one"]
    for key in ("a", "b", "c"):
        table.restore(key, b"1:x")
        table.get(key)
    list(partition.drain())
    assert len(table._decoded) == table.decoded_rows_max
