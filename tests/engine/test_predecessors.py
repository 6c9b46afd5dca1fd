"""Predecessors that left something undecided: who is waited for, and who is fenced."""

from __future__ import annotations

import pytest

from ccstream.engine.assignment import Assignment
from ccstream.errors import BrokerUnavailableError, FencedError
from tests.engine.takeovers import CARTS, WEB, WINDOWS, Place
from tests.simulation.process import APP


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
