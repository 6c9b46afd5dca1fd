"""Predecessors that left something undecided: who is waited for, and who is fenced."""

from __future__ import annotations

import pytest

from ccstream.engine.assignment import Assignment
from ccstream.engine.cluster import TopicPartitionKey
from ccstream.errors import BrokerUnavailableError, FencedError
from ccstream.wire.catalogue import MAIL_TOPIC, SYNC_TOPICS
from ccstream.wire.headers import Headers, SyncHeaders
from tests.engine.takeovers import CARTS, WEB, WINDOWS, Place
from tests.simulation.process import APP

SYNC = SYNC_TOPICS["carts"]


def test_a_predecessor_in_good_health_is_not_fenced(place: Place) -> None:
    place.acquire(place.candidate("a"))
    producer, row = f"{APP}.a.0", b"\xc3\x01"
    place.broker.produce(producer, 0, "a", (CARTS, 0), b"k", row, None)
    place.broker.end(producer, 0, commit=True)
    taken = place.acquire(place.candidate("b"))
    assert "fence" not in place.points
    assert taken[0].tables["carts"].keys() == {"k"}


def test_a_predecessor_that_died_in_a_transaction_is_fenced(place: Place) -> None:
    dead = place.candidate("a")
    generation = place.join(dead)
    place.acquire(dead, generation)
    place.broker.produce(f"{APP}.a.0", 0, "a", (CARTS, 0), b"k", b"\xc3\x01", None)
    began = place.clock.monotonic()
    taken = place.acquire(place.candidate("b"))
    assert place.points.count("fence") == 2, "both of its producers"
    assert 0.5 < place.clock.monotonic() - began < 1
    assert taken[0].tables["carts"].keys() == set()


def test_offsets_of_a_dead_predecessor_are_waited_for_until_they_are_stable(place: Place) -> None:
    dead = place.candidate("a")
    generation = place.join(dead)
    place.acquire(dead, generation)
    metadata = Assignment(APP, generation, dead.member, None, frozenset({0})).group_metadata()
    place.broker.append((WEB, 0), b"k", b"v")
    place.broker.send_offsets(f"{APP}.a.0", 0, "a", {(WEB, 0): 1}, metadata)
    place.broker.end(f"{APP}.a.0", 0, commit=True)
    taken = place.acquire(place.candidate("b"))
    assert taken[0].folded[0] == 0, "it had committed, though nobody knew yet"


def test_a_transaction_of_nobody_known_is_waited_out(place: Place) -> None:
    place.acquire(place.candidate("a"))
    place.open_transaction((WINDOWS, 1))
    began = place.clock.monotonic()
    place.acquire(place.candidate("b"))
    assert place.clock.monotonic() - began > 10


def test_a_transaction_that_nobody_ever_ends_is_not_waited_for_for_ever(place: Place) -> None:
    place.open_transaction((WINDOWS, 1))
    place.clock._idle = None
    with pytest.raises(BrokerUnavailableError, match="undecided for 60 s"):
        place.acquire(place.candidate("b"))


def test_a_worker_of_a_past_generation_takes_nothing_over(place: Place) -> None:
    late = place.candidate("a")
    generation = place.join(late)
    place.acquire(place.candidate("b"))
    with pytest.raises(FencedError):
        place.acquire(late, generation)


# predecessors that left sync events and nothing else


def show(place: Place, of: str, at: TopicPartitionKey, headers: Headers, epoch: int = 0) -> None:
    """A worker puts out a record that is not committed yet."""
    place.broker.produce(f"{APP}.{of}.0", epoch, of, at, b"k", None, headers)


def synced(epoch: int, number: int, app: str = APP) -> Headers:
    return SyncHeaders(epoch, "sync", number, app).of(1, 0)


@pytest.fixture
def dead(place: Place) -> str:
    """It owned everything, and nobody fenced it."""
    place.acquire(place.candidate("a"))
    return "a"


def test_a_predecessor_that_died_with_sync_events_alone_is_fenced(place: Place, dead: str) -> None:
    show(place, dead, (SYNC, 1), synced(1, 1))
    began = place.clock.monotonic()
    place.acquire(place.candidate("b"))
    assert place.points.count("fence") == 2
    assert 0.5 < place.clock.monotonic() - began < 1
    log = place.broker.logs[SYNC, 1]
    assert log.last_stable_offset == log.end, (
        "readers of committed records have nothing to wait for"
    )


def test_a_predecessor_whose_sync_events_are_being_decided_is_not_fenced(
    place: Place, dead: str
) -> None:
    show(place, dead, (SYNC, 1), synced(1, 1))
    place.broker.end(f"{APP}.{dead}.0", 0, commit=True)
    place.acquire(place.candidate("b"))
    assert "fence" not in place.points


def test_sync_events_of_what_is_not_taken_over_are_not_looked_at(place: Place, dead: str) -> None:
    show(place, dead, (SYNC, 1), synced(1, 1))
    began = place.clock.monotonic()
    place.acquire(place.candidate("b"), numbers=frozenset({0}))
    assert "fence" not in place.points
    assert place.clock.monotonic() == began


@pytest.mark.parametrize(
    ("at", "headers"),
    [
        pytest.param((SYNC, 1), synced(1, 1, "another"), id="another application's"),
        pytest.param((SYNC, 1), synced(7, 1), id="of an epoch that the owner does not have"),
        pytest.param((SYNC, 1), [], id="nobody knows whose"),
        pytest.param((MAIL_TOPIC, 1), [], id="mail, which all send to all"),
    ],
)
def test_for_what_others_left_open_nobody_is_fenced_or_waited_for(
    place: Place, at: TopicPartitionKey, headers: Headers
) -> None:
    place.acquire(place.candidate("a"))
    place.candidate("c")
    show(place, "c", at, headers)
    began = place.clock.monotonic()
    place.acquire(place.candidate("b"))
    assert "fence" not in place.points
    assert place.clock.monotonic() == began


def test_an_owner_that_goes_on_committing_is_not_fenced(place: Place, dead: str) -> None:
    """It has taken over from whoever takes over now, who does not know yet."""
    alive = dead

    def work() -> None:
        place.broker.end(f"{APP}.{alive}.0", 0, commit=True)
        place.broker.write_markers()
        show(place, alive, (SYNC, 1), synced(1, 1))

    show(place, alive, (SYNC, 1), synced(1, 1))
    place.at_sleep = work
    place.acquire(place.candidate("b"), numbers=frozenset({1}))
    assert "fence" not in place.points
