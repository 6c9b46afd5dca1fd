"""A search ends where it cannot be one person's, however many hops it takes to get there."""

from __future__ import annotations

import pytest

from ccstream.errors import StateError
from ccstream.evidence import trail
from ccstream.evidence.trail import Trail, find_trail, follow
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import input_topic, topic_numbers
from ccstream.wire.partition import partition_for
from tests.engine.world import CODEC, added
from tests.support.produce import Sent, produce
from tests.support.topics import make_topic

EVENTS = 4


@pytest.fixture
def settings(embedded_kafka: str) -> Settings:
    for topic in topic_numbers():
        partitions = make_topic(embedded_kafka, topic)
    return Settings.load(kafka__bootstrap=embedded_kafka, kafka__partitions=partitions)


def events_of(settings: Settings, unique: str) -> str:
    """A customer of whom there are some events."""
    key = f"customer:{unique}"
    records = [
        Sent(
            input_topic("web"),
            key,
            CODEC.encode_event(added(subject=key, event_id=f"{unique}-{number}")),
            partition=partition_for(key.encode(), settings.kafka.partitions),
        )
        for number in range(EVENTS)
    ]
    produce(settings.kafka.bootstrap, records)
    return key


def found(settings: Settings, key: str) -> Trail:
    return find_trail(settings, key, None, lambda _: None)


@pytest.mark.parametrize(("bound", "is_within"), [(2 * EVENTS, True), (2 * EVENTS - 1, False)])
def test_records_of_former_roots_count_with_those_that_are_held_already(
    bound: int, is_within: bool, settings: Settings, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = found(settings, events_of(settings, f"{unique}a"))
    former = events_of(settings, f"{unique}b")
    monkeypatch.setattr(trail, "RECORDS_MAX", bound)
    if is_within:
        whole = follow(settings, begun, [former], lambda _: None)
        assert (len(whole.records[former]), whole.former) == (EVENTS, (former,))
    else:
        with pytest.raises(StateError, match="a later one looks at less"):
            follow(settings, begun, [former], lambda _: None)


def test_former_roots_count_as_identifiers_do(
    settings: Settings, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = found(settings, events_of(settings, unique))
    monkeypatch.setattr(trail, "KEYS_MAX", 1)
    whole = follow(settings, begun, ["customer:one"], lambda _: None)
    with pytest.raises(StateError, match="no person's"):
        follow(settings, whole, ["customer:another"], lambda _: None)
