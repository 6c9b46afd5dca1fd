"""Sync latency ends where the broker has acknowledged what came of an event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError

from ccstream.engine import chunks as module
from ccstream.engine.chunk_statistics import ChunkStatistics
from ccstream.engine.gauges import Gauges
from ccstream.ops.metrics import Metrics
from tests.engine.test_chunks import CARTS, TOUCHES, Loop
from tests.engine.world import World, added
from tests.simulation.clock import FakeClock
from tests.simulation.process import make_layout, on_fakes

LATENCY = "ccstream_sync_latency_seconds"


class Acknowledging:
    """A chunk loop whose broker acknowledges when it is told to."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.metrics = Metrics(channels=("web",))
        self.gauges = Gauges(
            self.metrics,
            make_layout(3),
            clock,
            last_heartbeat=clock.monotonic,
            session_timeout=10.0,
            report=lambda _: None,
        )
        world = World(acknowledgements=self.gauges.acknowledgements)
        self.loop = Loop(self.gauges, world, clock=clock)
        self.sent, self.told = world.delivery.sent, world.delivery.told

    def fold(self, *events: Any) -> None:
        self.loop.publish(*events)
        self.loop.turn()

    def event(self, number: int = 0) -> Any:
        return added(event_id=f"e{number}", occurred_at=self.loop.clock.now_ms())

    def acknowledge(self, count: int = 1 << 30, error: KafkaError | None = None) -> None:
        for told in self.told[:count]:
            told(error, None)
        del self.told[:count]

    def counted(self, table: str) -> float:
        return self.metrics.value(LATENCY, ("web", table))

    def seconds(self, table: str) -> float:
        (family,) = (f for f in self.metrics.registry.collect() if f.name == LATENCY)
        return sum(
            sample.value
            for sample in family.samples
            if sample.name.endswith("_sum") and sample.labels["aggregate"] == table
        )

    def patience(self) -> float:
        return self.loop.chunks._patience()


@pytest.fixture
def broker() -> Iterator[Acknowledging]:
    with on_fakes():
        yield Acknowledging()


def test_the_time_that_a_broker_takes_to_acknowledge_is_part_of_the_latency(
    broker: Acknowledging,
) -> None:
    broker.fold(broker.event())
    assert broker.counted("carts") == 0
    broker.loop.clock.advance(3)
    broker.acknowledge()
    assert broker.counted("carts") == broker.counted("touches") == 1
    assert broker.seconds("carts") == pytest.approx(3)


def test_a_chunk_is_acknowledged_with_the_last_of_a_table(broker: Acknowledging) -> None:
    broker.fold(broker.event(1), broker.event(2))
    assert [one.topic for one in broker.sent] == [CARTS, TOUCHES] * 2
    broker.acknowledge(2)
    assert broker.counted("carts") == 0
    broker.loop.clock.advance(1)
    broker.acknowledge(1)
    assert (broker.counted("carts"), broker.counted("touches")) == (2, 0)
    assert broker.seconds("carts") == pytest.approx(2)


def test_what_is_never_acknowledged_has_no_latency(broker: Acknowledging) -> None:
    broker.fold(broker.event())
    broker.acknowledge(error=KafkaError(KafkaError._MSG_TIMED_OUT))
    assert broker.counted("carts") == broker.counted("touches") == 0
    assert not broker.gauges.acknowledgements.waits


def test_a_duplicate_has_no_latency(broker: Acknowledging) -> None:
    broker.fold(broker.event(1))
    broker.acknowledge()
    broker.fold(broker.event(1))
    assert broker.told, "its rows are published again"
    broker.acknowledge()
    assert broker.counted("carts") == 1


def test_of_a_full_chunk_the_last_of_each_table_and_partition_is_asked_after(
    broker: Acknowledging, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    send = broker.loop.delivery.send

    def sent(*record: Any) -> None:
        if len(record) > 5:
            asked.append(len(broker.sent))
        send(*record)

    monkeypatch.setattr(broker.loop.delivery, "send", sent)
    broker.fold(*map(broker.event, range(module._FULL_CHUNK)))
    assert len(broker.sent) == 2 * module._FULL_CHUNK
    assert asked == [len(broker.sent) - 2, len(broker.sent) - 1]
    assert {broker.sent[index].topic for index in asked} == {CARTS, TOUCHES}
    broker.acknowledge()
    assert broker.counted("carts") == broker.counted("touches") == module._FULL_CHUNK


def test_touches_that_wait_for_others_are_acknowledged_after_they_have_left(
    broker: Acknowledging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENT_ABOVE", -1.0)
    broker.fold(broker.event(1))
    broker.fold(broker.event(2))
    broker.acknowledge()
    assert (broker.counted("carts"), broker.counted("touches")) == (2, 0)
    broker.loop.turn(later=1)
    assert [one.topic for one in broker.sent] == [CARTS, CARTS, TOUCHES, TOUCHES]
    broker.acknowledge()
    assert broker.counted("touches") == 2
    assert broker.seconds("touches") == pytest.approx(2)


def test_while_an_acknowledgement_is_waited_for_it_is_looked_for_more_often(
    broker: Acknowledging,
) -> None:
    quiet = broker.patience()
    broker.fold(broker.event())
    assert broker.patience() == module._WAITING_POLL
    broker.loop.clock.advance(0.05)
    assert broker.patience() == pytest.approx(0.05 * module._NOTICED_WITHIN)
    broker.acknowledge()
    assert broker.patience() > 0.05 * module._NOTICED_WITHIN
    broker.loop.clock.advance(60)
    broker.loop.turn()
    assert broker.patience() <= quiet


def test_what_timers_put_out_is_waited_for_until_it_is_acknowledged_and_no_longer(
    broker: Acknowledging,
) -> None:
    acknowledgements = broker.gauges.acknowledgements
    statistics = ChunkStatistics(3)
    awaited = acknowledgements.begin("carts")
    awaited.asked = 1
    statistics.awaited = acknowledgements.end_chunk()
    broker.gauges.fired(statistics)
    assert acknowledgements.waits
    awaited.acknowledged(None, None)
    assert not acknowledgements.waits
    assert broker.counted("carts") == 0  # no event has waited for it
