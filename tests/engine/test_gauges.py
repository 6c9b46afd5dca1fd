from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME

from ccstream.engine.gauges import Gauges
from ccstream.ops.metrics import Metrics
from ccstream.wire.entry import Entry
from tests.engine.world import World, added
from tests.simulation.clock import FakeClock
from tests.simulation.process import make_layout

WEB = "channel.web.events.v1"
LOOKUPS = "ccstream_store_lookups_total"


class Plane:
    """Where the logs end."""

    def __init__(self) -> None:
        self.end = 0

    def ends(self) -> dict[tuple[str, int], int]:
        return {(WEB, 0): self.end}


class Record:
    """The last of a chunk, stored at a time."""

    def __init__(self, stored_at: int, by: int = TIMESTAMP_LOG_APPEND_TIME) -> None:
        self._stored_at = stored_at
        self._by = by

    def topic(self) -> str:
        return WEB

    def partition(self) -> int:
        return 0

    def timestamp(self) -> tuple[int, int]:
        return self._by, self._stored_at


class Watched:
    """One partition, looked at once a second."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.world = World()
        self.metrics = Metrics(channels=("web",))
        self.gauges = Gauges(
            self.metrics,
            make_layout(3),
            self.clock,
            last_heartbeat=self.clock.monotonic,
            session_timeout=10.0,
            report=lambda _: None,
        )
        self.plane = Plane()
        self.partitions = {0: self.world.partition}
        self.gauges.serving(self.partitions, frozenset())

    def look(self, after: float = 1.0) -> float:
        self.clock.sleep(after)
        delivery: Any = self.world.delivery
        self.gauges.turn(self.plane, self.partitions, delivery)
        return self.metrics.value("ccstream_lag_seconds", ("0",))


def test_where_nothing_waits_there_is_no_lag_however_long_ago_the_last_event_was() -> None:
    watched = Watched()
    assert watched.look() == 0
    assert watched.look(after=3_600) == 0
    watched.plane.end = 1
    assert watched.look() == pytest.approx(1)


def test_while_nothing_is_folded_the_lag_grows_with_the_time() -> None:
    watched = Watched()
    watched.look()
    watched.plane.end = 5
    assert [watched.look() for _ in range(3)] == pytest.approx([1, 2, 3])


def test_what_was_folded_last_says_how_old_what_waits_is_at_most() -> None:
    watched = Watched()
    watched.look()
    watched.plane.end = 5
    watched.gauges.reached(Record(watched.clock.now_ms() - 30_000))
    assert watched.look() == pytest.approx(31)


def test_a_partition_that_went_elsewhere_has_no_lag_here() -> None:
    watched = Watched()
    watched.plane.end = 5
    assert watched.look() > 0
    watched.gauges.released(watched.partitions)
    assert watched.metrics.value("ccstream_lag_seconds", ("0",)) == 0


def behind(watched: Watched) -> float:
    watched.look()
    return watched.metrics.value("ccstream_clock_behind_seconds")


def test_a_clock_that_is_slow_is_told_by_records_of_its_future() -> None:
    watched = Watched()
    assert behind(watched) == 0
    for seconds in (2, 5, 3):
        watched.gauges.reached(Record(watched.clock.now_ms() + seconds * 1000))
    assert behind(watched) == pytest.approx(5)
    assert behind(watched) == pytest.approx(5), "nothing was read: nothing new is known"
    watched.gauges.reached(Record(watched.clock.now_ms() - 20))
    assert behind(watched) == 0


def test_times_that_a_producer_wrote_say_nothing_of_the_clock() -> None:
    watched = Watched()
    watched.gauges.reached(Record(watched.clock.now_ms() + 60_000, by=TIMESTAMP_CREATE_TIME))
    assert behind(watched) == 0


def test_a_row_that_was_decoded_already_is_a_hit_and_another_a_miss() -> None:
    watched = Watched()
    carts = watched.world.partition.tables["carts"]
    watched.world.fold(added())
    watched.look()
    before = [watched.metrics.value(LOOKUPS, ("carts", outcome)) for outcome in ("hit", "miss")]
    carts.drain()
    carts.decoded_rows_max = 0
    carts.put("customer:other", Entry(None, 1))
    carts.drain()  # nothing stays decoded
    assert carts.get(added().subject) is not None
    assert carts.get(added().subject) is not None
    assert carts.get("customer:nobody") is None
    watched.look()
    after = [watched.metrics.value(LOOKUPS, ("carts", outcome)) for outcome in ("hit", "miss")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1]
    watched.look()
    assert watched.metrics.value(LOOKUPS, ("carts", "miss")) == after[1]


def test_the_sizes_of_local_stores_are_added_up_and_forgotten_with_them() -> None:
    watched = Watched()
    assert shown(watched, "files") == []
    for size in (1_000, 200):
        partition = World().partition
        store = SimpleNamespace(database=SimpleNamespace(sizes=lambda size=size: sizes(size)))
        partition.store = cast(Any, store)
        watched.partitions[len(watched.partitions)] = partition
    watched.look()
    assert (shown(watched, "files"), shown(watched, "memory")) == ([1_200.0], [2.0])
    watched.gauges.released(watched.partitions)
    assert shown(watched, "files") == shown(watched, "memory") == []


def sizes(files: int) -> dict[str, int]:
    return {"files": files, "memory": 1}


def shown(watched: Watched, kind: str) -> list[float]:
    families = watched.metrics.registry.collect()
    samples = (sample for family in families for sample in family.samples)
    return [
        one.value
        for one in samples
        if one.name == "ccstream_store_bytes" and one.labels["kind"] == kind
    ]
