from __future__ import annotations

import pytest

from ccstream.wire.headers import (
    CE_SOURCE,
    EPOCH,
    TRACEPARENT,
    SyncHeaders,
    epoch_of,
    event_headers,
    header,
    time_text,
)
from tests.wire.samples import NOW, SAMPLES, with_fields

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_an_event_has_the_headers_of_a_cloud_event_in_binary_mode() -> None:
    assert dict(event_headers(SAMPLES[0])) == {
        "ce_specversion": b"1.0",
        "ce_id": b"0190f1f2-aaaa-7bbb-8ccc-000000000001",
        "ce_type": b"ccstream.cart.v1.CartItemAdded",
        "ce_source": b"/web/shop-1",
        "ce_time": b"2026-01-01T00:00:00.000Z",
        "content-type": b"application/avro",
    }


def test_the_trace_is_carried_where_there_is_one() -> None:
    assert header(event_headers(SAMPLES[0], TRACE), TRACEPARENT) == TRACE
    assert header(SyncHeaders(1, "t", 0, "a").of(1, NOW, TRACE), TRACEPARENT) == TRACE
    assert header(event_headers(SAMPLES[0]), TRACEPARENT) is None
    assert header(None, TRACEPARENT) is None


def test_a_source_with_any_characters_is_a_uri_reference() -> None:
    odd = with_fields(SAMPLES[0], source="till 7/é")
    assert header(event_headers(odd), CE_SOURCE) == b"/web/till%207%2F%C3%A9"


def test_sync_records_carry_their_epoch_and_an_id_of_their_own() -> None:
    headers = SyncHeaders(7, "ccstream.cart.v1.CartSynced", 3, "ccstream")
    first, second = dict(headers.of(7 << 32 | 1, NOW)), dict(headers.of(7 << 32 | 2, NOW))
    assert first == {
        "ccstream-epoch": b"7",
        "ce_specversion": b"1.0",
        "ce_id": b"3-30064771073",
        "ce_type": b"ccstream.cart.v1.CartSynced",
        "ce_source": b"/ccstream/ccstream",
        "ce_time": b"2026-01-01T00:00:00.000Z",
        "content-type": b"application/avro",
    }
    assert first["ce_id"] != second["ce_id"]
    assert epoch_of(headers.of(1, NOW)) == 7


@pytest.mark.parametrize("value", [b"", b"-1", b"1.0", b"12345678", b"seven", "٣".encode()])
def test_an_epoch_that_is_no_small_number_is_none(value: bytes) -> None:
    assert epoch_of([(EPOCH, value)]) is None


def test_a_record_without_headers_has_no_epoch() -> None:
    assert epoch_of(None) is None
    assert epoch_of([("other", b"1"), (EPOCH, None)]) is None


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (NOW + 7, "2026-01-01T00:00:00.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (2**62, "9999-12-31T23:59:59.904Z"),
    ],
)
def test_times_are_written_to_the_millisecond_in_utc(time_ms: int, text: str) -> None:
    assert time_text(time_ms) == text
