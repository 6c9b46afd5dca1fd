"""The quick way and the slow way of reading a CloudEvent come to the same."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.domain.events import Event
from ccstream.gateway.at_once import event_at_once
from ccstream.gateway.cloudevents import Unstamped, channel_of, event_of
from ccstream.gateway.envelopes import Envelope, batch_of, one_of
from ccstream.gateway.problems import ProblemError
from ccstream.wire.codec import Codec
from tests.gateway.events import as_cloud_event, cloud_event
from tests.gateway.test_bad_input import FIELDS
from tests.wire.samples import NOW, SAMPLES, any_event, with_fields

FALLBACK = Unstamped("made", 7)


codec = Codec()


def read(event: Any) -> tuple[str, Any]:
    """What comes of it: the event's type and bytes, or the problem and its fields."""
    try:
        found = event_of(event, *channel_of(event), FALLBACK)
    except ProblemError as problem:
        return problem.kind, problem.errors
    return type(found).__name__, codec.encode_event(found)


def quick(stated: Any) -> Envelope | None:
    return one_of(json.dumps(stated).encode())


def agree(stated: Any) -> bool:
    """Whether both ways come to the same, or the quick one leaves it to the slow one."""
    body = json.dumps(stated).encode()
    envelope = one_of(body)
    if envelope is None:
        return True
    return read(envelope) == read(orjson.loads(body))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_what_is_as_it_should_be_is_read_at_once(event: Event) -> None:
    envelope = quick(as_cloud_event(event))
    assert envelope is not None
    found = event_at_once(envelope, event.channel, event.source, None, 0)
    assert found is not None
    assert codec.encode_event(found) == codec.encode_event(event)


@given(event=any_event)
def test_whatever_the_event_both_ways_come_to_the_same(event: Event) -> None:
    assert agree(as_cloud_event(with_fields(event, occurred_at=NOW)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(
    name=st.sampled_from(
        [
            *("specversion", "id", "type", "source", "subject", "time", "datacontenttype"),
            *("sessionid", "traceparent", "data_base64", "data", "data__sku", "data__quantity"),
            *("data__unit_price", "data__campaign", "data__observed", "data__session_id"),
            *("data__channel", "data__other"),
        ]
    ),
    value=VALUES,
)
def test_whatever_is_in_a_field_both_ways_come_to_the_same(name: str, value: Any) -> None:
    assert agree(cloud_event(**{name: value}))


@pytest.mark.parametrize(("changed", "_field"), FIELDS, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_told_the_same_way(changed: dict[str, Any], _field: str) -> None:
    assert agree(cloud_event(**changed))


def test_a_batch_with_one_that_is_odd_is_looked_at_closely() -> None:
    good = cloud_event()
    assert batch_of(json.dumps([good, good]).encode()) is not None
    assert batch_of(json.dumps([good, 7]).encode()) is None
    for body in (b"", b"{", b"[" * 100_000, b"\xff", b"{}"):
        assert batch_of(body) is None
        assert one_of(body) is None
