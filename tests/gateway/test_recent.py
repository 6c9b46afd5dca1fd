"""What is kept of the last hour is told whole or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccstream.gateway.recent import RECENT_MS_MAX, Recent, Recorded

NOW = 1_790_000_000_000
TABLES = (0, 1)


def record(offset: int, key: str = "customer:1", table: int = 0, at: int = NOW) -> Recorded:
    return Recorded(table, 0, offset, key, b"x" * 10, 0, at)


def test_what_came_since_is_told_in_order_and_of_one_profile_only() -> None:
    recent = Recent()
    for offset, key in enumerate(("customer:1", "customer:2", "customer:1#order-1")):
        recent.add(record(offset, key), NOW)
    told = recent.since("customer:1", 0, TABLES, (0, 0))
    assert told is not None
    assert [one.offset for one in told] == [0, 2]
    assert recent.since("customer:1", 0, TABLES, (3, 0)) == []


def test_only_the_tables_that_are_followed_count() -> None:
    recent = Recent(records_max=1)
    recent.add(record(0, table=1), NOW)
    recent.add(record(0, table=0), NOW)  # for which the first one went
    assert recent.since("customer:1", 0, (0,), (0, 0)) is not None
    assert recent.since("customer:1", 0, (0, 1), (0, 0)) is None


def test_what_is_older_than_an_hour_is_not_kept_and_not_claimed() -> None:
    recent = Recent()
    recent.add(record(4, at=NOW - RECENT_MS_MAX - 1), NOW)
    assert len(recent) == 0
    assert recent.since("customer:1", 0, TABLES, (4, 0)) is None
    assert recent.since("customer:1", 0, TABLES, (5, 0)) == []


def test_a_partition_that_lost_records_is_not_told_from_before() -> None:
    recent = Recent()
    recent.add(record(0), NOW)
    recent.forget(0, 0, 7)
    assert recent.since("customer:1", 0, TABLES, (3, 0)) is None
    assert recent.since("customer:1", 0, TABLES, (7, 0)) == []


@given(
    st.lists(st.tuples(st.sampled_from(["a:1", "a:2"]), st.sampled_from(TABLES)), max_size=30),
    st.integers(1, 12),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_whatever_is_dropped_an_answer_is_never_short(
    history: list[tuple[str, int]], records_max: int, first: int, second: int
) -> None:
    recent = Recent(records_max=records_max)
    every: list[Recorded] = []
    offsets = [0, 0]
    for key, table in history:
        one = record(offsets[table], key, table)
        offsets[table] += 1
        every.append(one)
        recent.add(one, NOW)
    told = recent.since("a:1", 0, TABLES, (first, second))
    wanted = [one for one in every if one.key == "a:1" and one.offset >= (first, second)[one.table]]
    assert told is None or told == wanted
    assert len(recent) <= records_max
