"""The checker's own codec says what the project's says, which it shares no code with."""

from __future__ import annotations

from typing import Any

from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from tests.chaos import records
from tests.integration.harness import added


def test_an_event_written_by_one_is_read_by_the_other() -> None:
    event = added(1, "customer:1")
    value = Codec().encode_event(event)
    name, record = records.decode(value)
    assert (name, record["event_id"], record["sku"]) == ("CartItemAdded", event.event_id, event.sku)
    again: Any = records.encode(name, record)
    assert again == value
    assert Codec().decode_event(again) == event


def test_keys_go_where_javas_client_puts_them() -> None:
    for number in range(200):
        key = f"customer:{'x' * (number % 7)}{number}".encode()
        assert records.murmur2_partition(key, 7) == partition_for(key, 7)
