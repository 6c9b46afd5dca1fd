"""Data keys, as their changelog has them; what a publisher makes of them is in `test_sealer.py`."""

from __future__ import annotations

import pytest

from ccstream.client.known_keys import KnownKeys
from ccstream.errors import StateError
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from tests.support.produce import Sent, produce


@pytest.mark.parametrize("key", [None, b"\xff"])
def test_a_record_that_no_worker_wrote_is_told_of(
    embedded_kafka: str, unique: str, key: bytes | None
) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka, app_id=unique)
    topic = changelog_topic(unique, "keys")
    produce(embedded_kafka, [Sent(topic, key, b"row", partition=0)])
    known = KnownKeys(settings)
    known.start()
    try:
        with pytest.raises(StateError, match=rf"{topic}\[0\]@0 has no key that is text"):
            known.wait(20)
    finally:
        known.stop()


def test_what_makes_a_segment_end_takes_no_key_away(embedded_kafka: str, unique: str) -> None:
    settings = Settings.load(kafka__bootstrap=embedded_kafka, app_id=unique)
    topic = changelog_topic(unique, "keys")
    produce(embedded_kafka, [Sent(topic, "heartbeat:roll-0", None, partition=0)])
    known = KnownKeys(settings)
    known.start()
    try:
        known.wait(20)
        assert known.gone == 0
    finally:
        known.stop()
