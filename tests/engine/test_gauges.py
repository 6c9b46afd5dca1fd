from __future__ import annotations

from typing import Any

import pytest

from ccstream.engine.gauges import Gauges
from ccstream.ops.metrics import Metrics
from tests.engine.world import World
from tests.simulation.clock import FakeClock
from tests.simulation.process import make_layout

WEB = "channel.web.events.v1"


class Plane:
    """Where the logs end."""

    def __init__(self) -> None:
        self.end = 0

    def ends(self) -> dict[tuple[str, int], int]:
        return {(WEB, 0): self.end}


class Record:
    """The last of a chunk, stored at a time."""

    def __init__(self, stored_at: int) -> None:
        self._stored_at = stored_at

    def topic(self) -> str:
        return WEB

    def partition(self) -> int:
        return 0

    def timestamp(self) -> tuple[int, int]:
        return 2, self._stored_at


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
