"""A replica has the last word on each row, and ends equal to the table through crashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.client.log_reader import LogRecord
from ccstream.client.reader_rule import ReaderRule
from ccstream.client.records import CartSynced, Gap, Removed, Unreadable
from ccstream.client.replica import Replica, Row
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.errors import UndecodableError
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.codec import Codec
from tests.client.sync_records import cart, encoded, order

CODEC = Codec()
CARTS = SyncDecoder("carts", CODEC)
ORDERS = SyncDecoder("orders", CODEC)


def record(key: str, value: bytes | None, partition: int = 0) -> LogRecord:
    return LogRecord(SYNC_TOPICS["carts"], partition, 0, 0, key.encode(), value)


def written(key: str, version: int, partition: int = 0, **quantities: int) -> LogRecord:
    return record(key, encoded(cart(key, version, **quantities)), partition)


def test_the_last_word_counts_and_a_tombstone_takes_the_row_away() -> None:
    replica = Replica("carts", CARTS)
    replica.apply(written("customer:1", 1, mug=1))
    replica.apply(written("customer:1", 2, mug=3))
    assert replica.record("customer:1") == cart("customer:1", 2, mug=3)
    assert isinstance(replica.apply(record("customer:1", None)), Removed)
    assert replica.record("customer:1") is None
    assert replica.version("customer:1") == 0
    assert isinstance(replica.apply(written("customer:1", 1)), Row)


def test_an_older_version_of_a_row_is_dropped() -> None:
    replica = Replica("carts", CARTS)
    replica.apply(written("customer:1", 5, mug=5))
    assert replica.apply(written("customer:1", 4, mug=4)) is None
    assert replica.version("customer:1") == 5
    assert replica.stale == 1


def test_a_record_that_cannot_be_read_takes_its_row_away() -> None:
    replica = Replica("carts", CARTS)
    replica.apply(written("customer:1", 1, mug=1))
    unknown = b"\xc3\x01" + b"\x00" * 8 + b"from the future"
    left = replica.apply(record("customer:1", unknown))
    assert isinstance(left, Unreadable)
    assert left.reason == "unknown_schema"
    assert replica.record("customer:1") is None
    assert replica.unreadable == 1


def test_a_row_whose_end_is_damaged_is_told_to_who_asks_and_to_callbacks() -> None:
    replica = Replica("carts", CARTS)
    damaged = record("customer:1", encoded(cart("customer:1", 1, mug=1))[:-3])
    left = replica.apply(damaged)
    assert isinstance(left, Row)
    assert isinstance(replica.change(damaged, left).record, Unreadable)
    with pytest.raises(UndecodableError):
        replica.record("customer:1")


def test_a_gap_drops_the_rows_of_its_partition_and_no_others() -> None:
    replica = Replica("carts", CARTS)
    replica.apply(written("customer:1", 1, partition=0))
    replica.apply(written("customer:2", 1, partition=1))
    assert replica.forget(Gap(SYNC_TOPICS["carts"], 0, 3, 9, renewed=False)) == 1
    assert list(replica.keys()) == ["customer:2"]


def test_orders_are_found_by_their_customer() -> None:
    replica = Replica("orders", ORDERS)
    for order_id in ("A", "B"):
        key = f"customer:1#{order_id}"
        replica.apply(record(key, encoded(order("customer:1", 1, order_id))))
    assert list(replica.keys("customer:1")) == ["customer:1#A", "customer:1#B"]
    replica.apply(record("customer:1#A", None))
    assert list(replica.keys("customer:1")) == ["customer:1#B"]
    replica.apply(record("customer:1#B", None))
    assert list(replica.keys("customer:1")) == []


@given(st.data())
def test_a_live_replica_ends_equal_to_the_table_whatever_the_crashes(data: st.DataObject) -> None:
    """Owners die between commits, and may still write after their successor has begun.

    Each event adds 1 to its customer's mugs. An owner starts from what was committed, so
    it folds again what its predecessor had shown and not committed.
    """
    events = data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
    owners = data.draw(st.integers(1, 4))
    committed_to, committed = 0, dict.fromkeys("abc", 0)
    outputs: list[tuple[list[tuple[int, LogRecord]], int]] = []
    for epoch in range(1, owners + 1):
        state = dict(committed)
        output: list[tuple[int, LogRecord]] = []
        last = epoch == owners
        reached = len(events) if last else data.draw(st.integers(committed_to, len(events)))
        kept = len(events) if last else data.draw(st.integers(committed_to, reached))
        for place in range(committed_to, reached):
            name = events[place]
            state[name] += 1
            key = f"customer:{name}"
            version = (epoch << 32) + len(output) + 1
            output.append((epoch, written(key, version, mug=state[name])))
            if place < kept:
                committed[name] = state[name]
        outputs.append((output, kept - committed_to))
        committed_to = kept
    # What was committed is in the log before the successor begins; the rest may come late.
    seen: list[tuple[int, LogRecord]] = []
    late: list[tuple[int, LogRecord]] = []
    for output, in_time in outputs:
        cut = data.draw(st.integers(in_time, len(output)))
        for one in output[:cut]:
            seen.append(one)
            if late and data.draw(st.booleans()):
                seen.append(late.pop(0))
        late += output[cut:]
    seen += late

    rule, replica = ReaderRule(), Replica("carts", CARTS)
    for epoch, one in seen:
        if rule.accepts(one.topic, one.partition, epoch):
            replica.apply(one)
    for name in set(events):
        shown = replica.record(f"customer:{name}")
        quantity = shown.lines[0].quantity if isinstance(shown, CartSynced) else 0
        assert quantity == events.count(name)
