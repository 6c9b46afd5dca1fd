from __future__ import annotations

import pytest

from ccstream.errors import InvalidEventError
from ccstream.ops.heartbeat_events import beat, comes_back, subject_in
from ccstream.wire.catalogue import AGGREGATES, CHANNELS, SYNC_TOPICS
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from ccstream.wire.validate import validate

NOW = 1_700_000_000_000


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_beat_is_of_valid_events(channel: str) -> None:
    codec = Codec()
    for event in beat(channel, subject_in(2, 8), NOW):
        assert validate(event, NOW) is None
        assert codec.decode_event(codec.encode_event(event)) == event


def test_a_beat_addresses_every_table_that_is_published_but_links() -> None:
    addressed = {
        table
        for event in beat("web", "heartbeat:0-0", NOW)
        for table in AGGREGATES[type(event).__name__]
    }
    assert addressed == SYNC_TOPICS.keys() - {"aliases"}
    assert {table for _, table in comes_back(["web"])} == addressed


def test_every_beat_has_the_same_ids_so_that_no_window_grows() -> None:
    first, second = (
        [event.event_id for event in beat("web", "heartbeat:0-0", now)]
        for now in (NOW, NOW + 5_000)
    )
    assert first == second


@pytest.mark.parametrize("partitions", [1, 4, 64])
def test_each_partition_has_a_subject_of_its_own(partitions: int) -> None:
    subjects = [subject_in(number, partitions) for number in range(partitions)]
    assert [partition_for(one.encode(), partitions) for one in subjects] == [*range(partitions)]
    assert all(one.startswith("heartbeat:") for one in subjects)


def test_a_publisher_of_the_sdk_may_not_use_the_namespace() -> None:
    from ccstream.client.event_writer import EventWriter

    writer = EventWriter("web", "s", "channel.web.events.v1", 0, Codec(), 1_000_000)
    (event, *_) = beat("web", "heartbeat:0-0", NOW)
    with pytest.raises(InvalidEventError, match="the namespace heartbeat: is that of"):
        writer.write(event)
