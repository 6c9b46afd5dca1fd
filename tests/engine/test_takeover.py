"""How partitions are taken over, and what is refused."""

from __future__ import annotations

import pytest

from ccstream.domain.identity import Alias
from ccstream.engine.owners import Owner, latest_owners, owner_record
from ccstream.engine.takeover import TakeOverCancelled
from ccstream.errors import FencedError, StateError, TopicMismatchError
from ccstream.wire.catalogue import OWNERS_TOPIC
from ccstream.wire.rows import ROW_CODECS, Entry
from tests.engine.takeovers import CARTS, WEB, WINDOWS, N, Place
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.fakes import FakeCluster
from tests.simulation.process import APP, INPUTS, make_layout, make_topics


def test_the_first_owner_begins_with_epoch_1_at_the_start_of_each_input(place: Place) -> None:
    taken = place.acquire(place.candidate("a"))
    assert {n: p.epoch for n, p in taken.items()} == {0: 1, 1: 1}
    assert all(p.folded == [-1] * len(INPUTS) for p in taken.values())
    assert place.broker.group.offsets == dict.fromkeys(place.layout.inputs([0, 1]), 0)


def test_the_owner_is_written_with_its_transactional_ids(place: Place) -> None:
    place.acquire(place.candidate("a"))
    owner = place.owners()[1]
    assert (owner.epoch, owner.partitions) == (1, N)
    assert owner.transactional_ids == (f"{APP}.a.0", f"{APP}.a.1")


def test_each_owner_has_a_higher_epoch_and_the_same_state(place: Place) -> None:
    first = place.acquire(place.candidate("a"))
    second = place.acquire(place.candidate("b"))
    assert second[0].epoch == 2
    assert second[0].scope == first[0].scope
    assert first[0].scope.state_id != first[1].scope.state_id


def test_an_epoch_that_an_aborted_take_over_wrote_is_not_used_again(place: Place) -> None:
    place.acquire(place.candidate("a"))
    died = place.candidate("b")
    place.join(died)

    def deliver_the_rows() -> None:
        """Once they were handed over, and before anything else."""
        place.at_point["waiting for a commit"] = died.producer.deliver

    place.at_point["waiting for a commit"] = deliver_the_rows
    with pytest.raises(FencedError):
        place.acquire(died, generation=1)
    place.broker.initialise(f"{APP}.b.0")
    taken = place.acquire(place.candidate("c"))
    assert taken[0].epoch == 3


def test_an_epoch_hidden_behind_anothers_open_transaction_is_seen(place: Place) -> None:
    others = Owner("another", 0, N, b"stateid8", 1, (), "host:1", 0)
    place.open_transaction((OWNERS_TOPIC, 0), owner_record(others).value)
    first = place.acquire(place.candidate("a"))
    assert place.owners() == {}, "the open transaction hides it from a committed read"
    second = place.acquire(place.candidate("b"))
    assert (first[0].epoch, second[0].epoch) == (1, 2)
    assert second[0].scope == first[0].scope


def test_rows_and_positions_are_those_committed(place: Place) -> None:
    place.acquire(place.candidate("a"))
    alias = Alias("customer:1", 5, "e1")
    at = (f"{APP}-aliases-changelog", 1)
    place.broker.append(at, b"visitor:1", ROW_CODECS["aliases"].encode_row(Entry(alias, 1)))
    place.broker.append((WEB, 1), b"k", b"v")
    place.broker.group.offsets[WEB, 1] = 1
    taken = place.acquire(place.candidate("b"))
    restored = taken[1].tables["aliases"].get("visitor:1")
    assert restored is not None and restored.state == alias
    assert taken[1].folded == [0, -1, -1]
    assert taken[0].tables["aliases"].keys() == set()


def test_an_input_that_is_new_begins_at_its_start(place: Place) -> None:
    place.acquire(place.candidate("a"))
    for _ in range(3):
        place.broker.append((WEB, 0), b"k", b"v")
    del place.broker.group.offsets[WEB, 0]
    place.broker.logs[WEB, 0].delete_before(2)
    assert place.acquire(place.candidate("b"))[0].folded[0] == 1


# partitions that were held without a break


def test_a_partition_held_without_a_break_keeps_its_rows(place: Place) -> None:
    who = place.candidate("a")
    held = place.acquire(who)
    held[0].tables["windows"].restore("customer:1", b"\xc3\x01")
    again = place.acquire(who, retained=held)
    assert again[0] is held[0]
    assert again[0].epoch == 2
    assert again[0].tables["windows"].keys() == {"customer:1"}


def test_a_partition_that_somebody_else_owned_meanwhile_is_restored(place: Place) -> None:
    who = place.candidate("a")
    held = place.acquire(who)
    place.acquire(place.candidate("b"))
    again = place.acquire(who, retained=held)
    assert again[0] is not held[0]
    assert again[0].epoch == 3


def test_offsets_that_somebody_else_moved_are_refused(place: Place) -> None:
    who = place.candidate("a")
    held = place.acquire(who)
    place.broker.append((WEB, 0), b"k", b"v")
    place.broker.group.offsets[WEB, 0] = 1
    with pytest.raises(StateError, match="something else committed"):
        place.acquire(who, retained=held)


# an end to it


def test_a_cancelled_take_over_raises_no_epoch(place: Place) -> None:
    with pytest.raises(TakeOverCancelled):
        place.acquire(place.candidate("a"), cancelled=lambda: True)
    assert place.broker.logs[OWNERS_TOPIC, 0].end == 0


def test_waiting_for_a_predecessor_can_be_cancelled(place: Place) -> None:
    place.open_transaction((WINDOWS, 1))
    with pytest.raises(TakeOverCancelled):
        place.acquire(place.candidate("a"), cancelled=lambda: True)
    assert place.clock.monotonic() == FakeClock().monotonic()


def test_nothing_is_asked_where_nothing_is_assigned(place: Place) -> None:
    assert place.acquire(place.candidate("a"), numbers=frozenset()) == {}
    assert place.points == []


# what is refused


def test_state_whose_offsets_are_gone_is_refused(place: Place) -> None:
    place.broker.append((CARTS, 0), b"k", b"\xc3\x01")
    with pytest.raises(StateError, match=r"partition 0 has state .* count everything twice"):
        place.acquire(place.candidate("a"))


def test_events_that_were_deleted_before_they_were_read_are_missed(place: Place) -> None:
    place.acquire(place.candidate("a"))
    for _ in range(3):
        place.broker.append((WEB, 1), b"k", b"v")
    place.broker.logs[WEB, 1].delete_before(2)
    with pytest.raises(StateError, match="deleted before they were read"):
        place.acquire(place.candidate("b"))


def test_a_topic_that_was_made_anew_is_noticed(place: Place) -> None:
    place.acquire(place.candidate("a"))
    place.broker.group.offsets[WEB, 0] = 4
    with pytest.raises(StateError, match="made anew"):
        place.acquire(place.candidate("b"))


class Deleting(FakeCluster):
    def deletes_old_records(self, topic: str) -> bool:
        return True


def test_a_changelog_that_rows_were_deleted_from_is_refused(place: Place) -> None:
    place.acquire(place.candidate("a"))
    place.broker.append((CARTS, 0), b"k", b"\xc3\x01")
    place.broker.logs[CARTS, 0].delete_before(1)
    place.cluster = Deleting(place.broker, place.clock, place.point)
    with pytest.raises(StateError, match="rows were deleted"):
        place.acquire(place.candidate("b"))


def test_a_changelog_that_compaction_made_begin_later_is_taken(place: Place) -> None:
    place.acquire(place.candidate("a"))
    place.broker.append((CARTS, 0), b"k", b"\xc3\x01")
    place.broker.append((CARTS, 0), b"k", None)
    place.broker.logs[CARTS, 0].delete_before(1)
    assert place.acquire(place.candidate("b"))[0].tables["carts"].keys() == set()


def test_state_made_with_another_partition_count_is_refused(place: Place) -> None:
    place.acquire(place.candidate("a"))
    other = Place()
    other.layout = make_layout(3)
    other.broker = FakeBroker(other.clock, make_topics(other.layout), APP)
    other.broker.logs[OWNERS_TOPIC, 0] = place.broker.logs[OWNERS_TOPIC, 0]
    other.cluster = FakeCluster(other.broker, other.clock, other.point)
    with pytest.raises(StateError, match="made with 2 partitions, but its topics have 3 now"):
        other.acquire(other.candidate("b"))


def test_topics_of_another_partition_count_are_refused(place: Place) -> None:
    place.broker.topics[WEB] = 5
    with pytest.raises(TopicMismatchError, match="has 5 partitions and 2 are expected"):
        place.acquire(place.candidate("a"))


def test_something_else_in_the_owners_topic_is_refused(place: Place) -> None:
    place.broker.append((OWNERS_TOPIC, 0), b"k", b"what is this")
    with pytest.raises(StateError, match="no owner's row"):
        place.acquire(place.candidate("a"))


def test_owners_of_another_application_are_passed_over(place: Place) -> None:
    place.acquire(place.candidate("a"))
    rows = list(place.broker.logs[OWNERS_TOPIC, 0].committed(0))
    assert latest_owners(rows, "another") == {}
    assert set(latest_owners(rows, APP)) == {0, 1}
