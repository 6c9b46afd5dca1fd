"""When wall-clock timers fire, in the turns of a chunk loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ccstream.engine import due_timers
from ccstream.engine.delivery import SourceOffset
from ccstream.engine.gauges import Gauges
from ccstream.errors import FencedError
from ccstream.ops.metrics import Metrics
from ccstream.wire.catalogue import SIGNALS_TOPIC
from tests.engine.alarms import AlarmWorld, alarm
from tests.engine.test_chunks import WEB, Loop
from tests.engine.world import NOW, key_living_at
from tests.simulation.clock import START_MS
from tests.simulation.process import make_layout, on_fakes

HERE = key_living_at(0)
AT_FIRST = 100_000
"""The fake clock, in ms after `NOW`, when a loop begins."""

assert START_MS == NOW


def make(gauges: Any = None) -> Loop:
    return Loop(gauges, AlarmWorld())


@pytest.fixture
def loop() -> Iterator[Loop]:
    with on_fakes():
        made = make()
        made.turn()  # whatever was there when the partition was taken over has been heard of
        yield made


def set_off(loop: Loop, *names: str, after: int = 500) -> None:
    says = "; ".join(f"set {name} {AT_FIRST + after} wall" for name in names)
    loop.publish(alarm(f"e{loop.world.partition.folded[0]}", says, occurred_at=loop.clock.now_ms()))
    loop.turn()


def log(loop: Loop) -> list[str]:
    assert isinstance(loop.world, AlarmWorld)
    return [entry for entry in loop.world.log(HERE) if "@" in entry]


def test_a_timer_fires_where_nothing_else_happens_and_is_committed_with_an_offset(
    loop: Loop,
) -> None:
    set_off(loop, "signal")
    loop.turn(later=0.2)
    assert len(loop.delivery.commits) == 1
    loop.delivery.busy = False
    for _ in range(5):
        loop.turn(later=0.2)
    due = AT_FIRST + 500
    assert log(loop) == [f"signal@{due}/{due}"]
    assert [s.topic for s in loop.delivery.sent] == [SIGNALS_TOPIC]
    snapshot = loop.delivery.commits[1]
    assert snapshot.offsets == (SourceOffset(WEB, 0, 1),)
    rows = {(row.topic, row.value is None) for row in snapshot.rows}
    assert rows == {
        ("simulated-profiles-changelog", False),
        ("simulated-timers-changelog", True),
    }


def test_before_it_is_due_nothing_happens(loop: Loop) -> None:
    set_off(loop, "a")
    loop.turn(later=0.499)
    assert log(loop) == []
    loop.turn(later=0.001)
    loop.turn()
    assert len(log(loop)) == 1


def test_what_was_appended_before_a_take_over_is_folded_before_a_timer_fires() -> None:
    with on_fakes():
        loop = make()
        set_off(loop, "a", after=500)
        loop.publish(alarm("the backlog", "cancel a", occurred_at=loop.clock.now_ms()))
        loop.plane.take = 0  # the broker has not answered yet
        heard: list[bool] = [False]
        loop.plane.get_watermark_offsets = (  # type: ignore[method-assign]
            lambda at, cached: (0, 1 if heard[0] else -1001)
        )
        loop.chunks.begin({0: loop.world.partition}, frozenset())
        loop.turn(later=1)
        loop.turn(later=1)
        assert log(loop) == []
        loop.plane.take, heard[0] = 1, True
        loop.turn()
        loop.turn()
        assert loop.world.log(HERE)[-1] == "the backlog"  # type: ignore[attr-defined]
        assert log(loop) == []


def test_timers_wait_while_the_worker_is_behind_but_not_for_ever(loop: Loop) -> None:
    set_off(loop, "a", after=0)
    elsewhere = key_living_at(0, "visitor")
    turns = 0
    while not log(loop):
        loop.publish(
            *(
                alarm(f"{turns}-{n}", subject=elsewhere, occurred_at=loop.clock.now_ms())
                for n in range(200)
            )
        )
        loop.turn(later=10)
        turns += 1
    assert turns == 6
    set_off(loop, "b", after=0)
    loop.turn()
    assert len(log(loop)) == 2


def test_a_burst_is_shared_out_over_turns_that_do_not_wait_for_records(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_timers, "_FIRED_MAX", 2)
    waited: list[float] = []
    poll = loop.plane.poll

    def noted(timeout: float) -> Any:
        waited.append(timeout)
        return poll(timeout)

    monkeypatch.setattr(loop.plane, "poll", noted)
    for number in range(5):
        subject = key_living_at(0, f"n{number}")
        says = f"set a {AT_FIRST + 500} wall"
        loop.publish(alarm(f"e{number}", says, subject=subject, occurred_at=loop.clock.now_ms()))
    loop.turn()
    waited.clear()
    left = []
    for later in (1.0, 0.0, 0.0, 0.0):
        loop.turn(later)
        left.append(loop.world.partition.timers.waiting(loop.clock.now_ms(), 100))
    assert left == [3, 1, 0, 0]
    assert max(waited[1:3]) < 0.01


def test_what_fires_counts_towards_the_bound_of_a_transaction(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccstream.engine.chunks._UNCOMMITTED_MAX", 2)
    set_off(loop, "a", "b", "c")
    loop.turn(later=0.2)
    assert loop.delivery.busy
    loop.turn(later=1)
    assert loop.delivery.settled == 1


def test_a_worker_that_the_group_must_take_for_dead_fires_nothing_more() -> None:
    with on_fakes():
        ages = [0.0]
        metrics = Metrics(channels=("web", "mail", "unknown"))
        loop = make()
        gauges = Gauges(
            metrics,
            make_layout(3),
            loop.clock,
            last_heartbeat=lambda: loop.clock.monotonic() - ages[0],
            session_timeout=10.0,
            report=lambda progress: None,
        )
        loop.chunks._gauges = gauges
        loop.turn()
        set_off(loop, "a", "b", after=2_000)
        loop.turn(later=1)
        assert metrics.value("ccstream_timers_due") == 0
        ages[0] = 11.0
        with pytest.raises(FencedError, match="no heartbeat"):
            loop.turn(later=5)
        assert log(loop) == []
        gauges.turn(loop.chunks._plane, loop.chunks.partitions, loop.delivery)
        assert metrics.value("ccstream_timers_due") == 1
        assert metrics.value("ccstream_timers_late_seconds") == pytest.approx(4)
        ages[0] = 0.0
        loop.turn(later=1)
        assert metrics.value("ccstream_timers_fired_total", ("profiles", "fired")) == 2
        assert metrics.value("ccstream_timers_due") == 0
        assert metrics.value("ccstream_timers_late_seconds") == 0
