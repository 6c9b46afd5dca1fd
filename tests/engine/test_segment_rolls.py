"""A record now and then, where nothing comes."""

from __future__ import annotations

import pytest

from ccstream.engine.chunks import Pace
from ccstream.engine.folding import make_layout as make_layout_of
from ccstream.engine.segment_rolls import SegmentRolls, roll_key
from ccstream.ops.settings import Settings
from ccstream.ops.topics import specs_of
from ccstream.wire.catalogue import SYNC_TOPICS, TABLES
from ccstream.wire.headers import epoch_of
from tests.engine.world import World, added, key_living_at
from tests.simulation.clock import FakeClock
from tests.simulation.process import make_layout

HOUR = 3_600.0
KEY = roll_key(0)


class Rolls:
    """Those of one partition, with what they have written."""

    def __init__(self, interval: float = 25 * HOUR) -> None:
        self.world = World()
        self.clock = FakeClock()
        self.rolls = SegmentRolls(self.world.delivery, make_layout(3), interval, self.clock)

    def after(self, seconds: float) -> int:
        """How many records there are of a turn so much later."""
        self.clock.advance(seconds)
        begun = len(self.world.delivery.sent)
        self.rolls.turn([self.world.partition])
        return len(self.world.delivery.sent) - begun + len(list(self.world.partition.drain()))


ALL = len(SYNC_TOPICS) + len(TABLES)


def test_each_compacted_topic_is_written_to() -> None:
    one = Rolls()
    one.rolls.begin()
    one.clock.advance(25 * HOUR)
    one.rolls.turn([one.world.partition])
    assert one.world.partition.changed  # so a commit follows
    rows = list(one.world.partition.drain())
    assert {table for table, _, _ in rows} == set(TABLES)
    assert {(key, value) for _, key, value in rows} == {(KEY, None)}
    assert {sent.topic for sent in one.world.delivery.sent} == set(SYNC_TOPICS.values())
    for sent in one.world.delivery.sent:
        assert (sent.partition, sent.key, sent.value) == (0, KEY, None)
        assert epoch_of(sent.headers) == one.world.partition.epoch


def test_soon_after_a_take_over_and_then_with_more_than_a_segment_between() -> None:
    one = Rolls()
    assert one.after(100 * HOUR) == 0  # nothing is held
    one.rolls.begin()
    assert [one.after(599), one.after(2), one.after(1)] == [0, ALL, 0]
    assert [one.after(25 * HOUR - 2), one.after(2)] == [0, ALL]


def test_take_overs_one_after_the_other_do_not_put_it_off() -> None:
    one = Rolls()
    written = 0
    for _ in range(10):
        one.rolls.begin()
        written += one.after(100)
    assert written == ALL


def test_what_is_there_stays() -> None:
    one = Rolls()
    key = key_living_at(0)
    one.world.fold(added(subject=key))
    rows = {name: list(table.keys()) for name, table in one.world.partition.tables.items()}
    one.rolls.begin()
    one.after(HOUR)
    assert rows == {name: list(t.keys()) for name, t in one.world.partition.tables.items()}


@pytest.mark.parametrize("prefix", ["", "anew."])
def test_a_worker_knows_all_topics_that_are_compacted(prefix: str) -> None:
    settings = Settings.load(app_id="shop", output_prefix=prefix)
    layout = make_layout_of(settings, ("channel.web.events.v1",))
    compacted = {one.name for one in specs_of(settings) if one.kind in {"sync", "changelog"}}
    changelogs = map(layout.changelog_of, layout.tables)
    assert {*layout.sync_topics.values(), *changelogs} == compacted


@pytest.mark.parametrize(
    ("deadline_h", "interval_h"),
    [(240, 25), (75, 25), (24, 8)],
)
def test_it_is_soon_enough_for_an_erasures_deadline(deadline_h: int, interval_h: int) -> None:
    settings = Settings.load(privacy__erasure_deadline_ms=deadline_h * 3_600_000)
    assert Pace.of(settings).roll_interval == interval_h * HOUR
