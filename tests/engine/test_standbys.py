"""Rows of partitions that others own, followed from their changelogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ccstream.engine import standbys as module
from ccstream.engine.standbys import Follower, Standbys
from ccstream.engine.stores import Stores
from ccstream.errors import BrokerUnavailableError
from tests.engine.takeovers import CARTS, WINDOWS, Place, write_timer
from tests.simulation.disk import FakeDisk
from tests.simulation.process import make_stores, on_fakes

ROW = b"\xc3\x01"
BOTH = (0, 1)


class Lags:
    def __init__(self) -> None:
        self.told: dict[tuple[str, int], int | None] = {}

    def standby(self, changelog: str, number: int, lag: int | None) -> None:
        self.told[changelog, number] = lag


class Following:
    """A worker that follows what another one owns."""

    def __init__(self, place: Place, stores: Stores | None) -> None:
        self.place = place
        self.stores = stores
        self.lags = Lags()
        config = {"broker": place.broker, "isolation.level": "read_committed"}
        cluster: Any = place.cluster
        self.standbys = Standbys(config, place.layout, cluster, place.clock, stores, self.lags)
        self.follower: Follower = self.standbys._follower
        self.follower.wanted = set(BOTH)

    def turn(self) -> None:
        """Time for all that is done now and then, too."""
        for _ in range(2):
            self.place.clock.advance(module._LOOK_INTERVAL)
            self.follower.turn()

    def rows(self, number: int = 0, table: str = "carts") -> set[str]:
        return self.follower.held[number].tables[table].keys()

    def take_over(self, numbers: frozenset[int] = frozenset(BOTH)) -> tuple[int, dict[int, Any]]:
        """How many changelog records are read for it, and the partitions."""
        read: list[int] = []
        taken = self.place.acquire(
            self.place.candidate(f"w{self.place.clock.monotonic()}"),
            numbers=numbers,
            stores=self.stores,
            standbys=self.standbys,
            progress=lambda progress: read.append(progress.records),
        )
        return (read[-1] if read else 0), taken


@pytest.fixture
def place() -> Iterator[Place]:
    with on_fakes():
        made = Place()
        made.acquire(made.candidate("owner"))
        yield made


@pytest.fixture(params=["memory", "stored"])
def following(place: Place, request: pytest.FixtureRequest) -> Following:
    stores = make_stores(FakeDisk(), 2) if request.param == "stored" else None
    return Following(place, stores)


def write(place: Place, key: str, number: int = 0, topic: str = CARTS) -> None:
    place.broker.append((topic, number), key.encode(), ROW)


def test_rows_are_followed_and_deletions_too(place: Place, following: Following) -> None:
    for key in ("a", "b", "c"):
        write(place, key)
    write(place, "d", 1, WINDOWS)
    following.turn()
    assert following.rows() == {"a", "b", "c"}
    assert following.rows(1, "windows") == {"d"}
    place.broker.append((CARTS, 0), b"b", None)
    write(place, "e")
    following.turn()
    assert following.rows() == {"a", "c", "e"}


def test_what_is_not_committed_is_not_followed(place: Place, following: Following) -> None:
    epoch = place.open_transaction((CARTS, 0))
    write(place, "behind it")
    following.turn()
    assert following.rows() == set()
    assert following.lags.told[CARTS, 0] == 2
    place.broker.end("somebody.0", epoch, commit=False)
    place.broker.write_markers()
    following.turn()
    assert following.rows() == {"behind it"}
    assert following.lags.told[CARTS, 0] == 0


def test_a_take_over_reads_what_came_since_the_standby_looked_last(
    place: Place, following: Following
) -> None:
    for number in range(10):
        write(place, f"k{number}", number % 2)
    following.turn()
    write(place, "new")
    read, taken = following.take_over()
    assert read == 1
    assert taken[0].tables["carts"].keys() == {"k0", "k2", "k4", "k6", "k8", "new"}
    assert set(following.lags.told.values()) == {None}


def test_a_standby_goes_on_after_an_assignment_that_leaves_it_one(
    place: Place, following: Following
) -> None:
    write(place, "a", 1)
    following.turn()
    following.follower.pause()
    following.standbys.keep(BOTH)
    following.follower.turn()
    place.clock.advance(2)
    write(place, "b", 1)
    following.turn()
    assert following.rows(1) == {"a", "b"}


def test_what_is_held_of_a_state_that_was_begun_anew_is_not_taken(
    place: Place, following: Following
) -> None:
    write(place, "a")
    following.turn()
    following.follower.held[0].state_id = b"another8"
    assert following.standbys.take(0, place.owners()[0].state_id) is None


def test_what_is_held_of_a_changelog_that_was_made_anew_is_not_taken(
    place: Place, following: Following
) -> None:
    for number in range(5):
        write(place, f"k{number}")
    following.turn()
    del place.broker.logs[CARTS, 0].records[2:]
    place.broker.logs[CARTS, 0].end = 2
    read, taken = following.take_over()
    assert read == 2
    assert taken[0].tables["carts"].keys() == {"k0", "k1"}


def test_a_number_that_nobody_has_owned_yet_is_waited_for(following: Following) -> None:
    following.place.broker.logs[module.OWNERS_TOPIC, 0].records.clear()
    following.turn()
    assert not following.follower.held


def test_a_changelog_with_something_else_in_it_is_given_up_and_nothing_worse(
    place: Place, following: Following
) -> None:
    write(place, "a", 1)
    place.broker.append((CARTS, 0), b"b", b"no row")
    following.turn()
    following.turn()
    assert following.follower.held.keys() == {1}
    assert following.lags.told[CARTS, 0] is None


def test_what_is_not_assigned_any_more_is_let_go(place: Place, following: Following) -> None:
    following.turn()
    following.take_over(frozenset({0}))
    assert not following.follower.held  # the assignment names no standbys


def test_a_thread_that_brokers_keep_waiting_is_told_of(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STOP_TIMEOUT", 0.01)
    monkeypatch.setattr(following.follower, "turn", lambda: following.standbys._stopping.wait(5))
    busy = following.standbys
    monkeypatch.setattr(busy._stopping, "set", lambda: None)
    busy.follow(BOTH)
    with pytest.raises(BrokerUnavailableError, match="did not end"):
        busy.stop()


def test_a_standby_that_is_promoted_knows_when_timers_are_due(
    place: Place, following: Following
) -> None:
    write_timer(place, "customer:1", 300)
    following.turn()
    write_timer(place, "customer:2", 200)
    _, taken = following.take_over()
    assert taken[0].timers.take(1_000) == "customer:2"
    assert taken[0].timers.take(1_000) == "customer:1"
    assert not taken[1].timers.armed
