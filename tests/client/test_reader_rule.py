"""Records of a worker that lost the partition are dropped once its successor has spoken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccstream.client.reader_rule import ReaderRule

TOPIC = "sync.carts.v1"


def test_a_zombies_record_is_dropped_after_the_new_owners_first_word() -> None:
    rule = ReaderRule()
    assert rule.accepts(TOPIC, 0, 3)
    assert rule.accepts(TOPIC, 0, 4)
    assert not rule.accepts(TOPIC, 0, 3)
    assert rule.accepts(TOPIC, 0, 4)
    assert rule.highest(TOPIC, 0) == 4


def test_each_topic_and_partition_has_epochs_of_its_own() -> None:
    rule = ReaderRule()
    assert rule.accepts(TOPIC, 0, 9)
    assert rule.accepts(TOPIC, 1, 2)
    assert rule.accepts("sync.touches.v1", 0, 1)


def test_a_topic_made_anew_begins_with_any_epoch() -> None:
    rule = ReaderRule()
    rule.accepts(TOPIC, 0, 9)
    rule.accepts(TOPIC, 1, 9)
    rule.forget(TOPIC, 0)
    assert rule.accepts(TOPIC, 0, 1)
    assert not rule.accepts(TOPIC, 1, 1)


@given(st.lists(st.integers(0, 6), max_size=40))
def test_what_is_accepted_never_falls_and_ends_with_the_highest(epochs: list[int]) -> None:
    rule = ReaderRule()
    accepted = [epoch for epoch in epochs if rule.accepts(TOPIC, 0, epoch)]
    assert accepted == sorted(accepted)
    assert accepted.count(max(epochs, default=0)) == epochs.count(max(epochs, default=0))
