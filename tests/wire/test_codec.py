from __future__ import annotations

import time
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstream.domain import reasons
from ccstream.domain.events import CartItemAdded, Event, OrderPlaced
from ccstream.errors import InvalidEventError, SchemaError, UndecodableError
from ccstream.wire.catalogue import EVENT_TYPES
from ccstream.wire.codec import Codec
from ccstream.wire.framing import SINGLE_OBJECT_PREFIX_BYTES
from ccstream.wire.primitives import BytesWriter, put_long
from ccstream.wire.schemas import schema
from tests.wire.samples import SAMPLES, any_event, with_fields

codec = Codec()
added = next(e for e in SAMPLES if isinstance(e, CartItemAdded))
ordered = next(e for e in SAMPLES if isinstance(e, OrderPlaced))


def encode_long(number: int) -> bytes:
    out = BytesWriter()
    put_long(out, number)
    return out.getvalue()


def as_fastavro(event: Event) -> bytes:
    out = BytesIO()
    record: dict[str, Any] = msgspec.to_builtins(event, builtin_types=(bytes,))
    schemaless_writer(out, schema(EVENT_TYPES[type(event)]).parsed, record)
    return out.getvalue()


def reason_of(value: bytes | None) -> str:
    with pytest.raises(UndecodableError) as caught:
        codec.decode_event(value)
    return caught.value.reason


@pytest.mark.parametrize("event", SAMPLES, ids=lambda e: type(e).__name__)
def test_every_type_of_event_comes_back_as_it_was(event: Event) -> None:
    decoded = codec.decode_event(codec.encode_event(event))
    assert type(decoded) is type(event)
    assert decoded == event


@given(any_event)
def test_events_with_any_values_come_back_and_are_written_as_fastavro_writes_them(
    event: Event,
) -> None:
    value = codec.encode_event(event)
    assert codec.decode_event(value) == event
    assert value[SINGLE_OBJECT_PREFIX_BYTES:] == as_fastavro(event)


@given(any_event)
def test_any_record_is_read_as_a_dict_just_as_fastavro_reads_it(event: Event) -> None:
    value = codec.encode_event(event)
    name, fields = codec.decode(value)
    assert name == type(event).__name__
    payload = BytesIO(value[SINGLE_OBJECT_PREFIX_BYTES:])
    assert fields == schemaless_reader(payload, schema(name).parsed)
    assert codec.encode(name, fields) == value


def test_the_blocks_of_an_array_may_be_split_and_carry_their_size() -> None:
    event = with_fields(ordered, dots=("x", "y", "z"))
    value = codec.encode_event(event)
    one_block = b"\x06\x02x\x02y\x02z\x00"
    assert value.endswith(one_block)
    sized = encode_long(-2) + encode_long(4) + b"\x02x\x02y" + b"\x02\x02z\x00"
    assert codec.decode_event(value[: -len(one_block)] + sized) == event


# bytes that are no event


def test_a_null_value_is_no_event() -> None:
    assert reason_of(None) == reasons.NULL_VALUE


@pytest.mark.parametrize("value", [b"", b"\xc3", b"{}", b"\xc3\x02" + bytes(20), b"\x01"])
def test_bytes_without_a_framing_are_told_apart(value: bytes) -> None:
    assert reason_of(value) == reasons.NOT_AVRO


@pytest.mark.parametrize("value", [b"\xc3\x01", b"\xc3\x01abcdefg", b"\x00", b"\x00\x01\x02\x03"])
def test_a_framing_that_is_cut_short_is_truncated(value: bytes) -> None:
    assert reason_of(value) == reasons.TRUNCATED


def test_an_unknown_fingerprint_and_an_id_without_a_registry_are_unknown() -> None:
    assert reason_of(b"\xc3\x01" + bytes(8) + b"anything") == reasons.UNKNOWN_SCHEMA
    assert reason_of(b"\x00\x00\x00\x00\x07anything") == reasons.UNKNOWN_SCHEMA


def test_a_record_that_channels_do_not_publish_is_not_an_event() -> None:
    money = codec.encode("Money", {"amount_minor": 1, "currency": "EUR"})
    assert reason_of(money) == reasons.NOT_AN_EVENT


@pytest.mark.parametrize("event", SAMPLES, ids=lambda e: type(e).__name__)
def test_an_event_cut_anywhere_is_refused(event: Event) -> None:
    value = codec.encode_event(event)
    for length in range(2, len(value)):
        # a text cut within a character is no UTF-8 either
        assert reason_of(value[:length]) in {reasons.TRUNCATED, reasons.MALFORMED}


def test_bytes_after_the_record_are_refused() -> None:
    assert reason_of(codec.encode_event(added) + b"\x00") == reasons.MALFORMED


def with_first_length(length: bytes) -> bytes:
    """A CartItemAdded whose event_id claims to have this length."""
    value = codec.encode_event(added)
    rest = value[SINGLE_OBJECT_PREFIX_BYTES + 1 :]
    return value[:SINGLE_OBJECT_PREFIX_BYTES] + length + rest


@pytest.mark.parametrize(
    "length",
    [
        encode_long(2**62),
        encode_long(2**31),
        encode_long(-1),
        encode_long(-(2**63)),
        b"\x80" * 50 + b"\x01",
        b"\xff" * 9 + b"\x7f",
    ],
    ids=["2^62", "2^31", "-1", "-2^63", "endless", "more than 64 bits"],
)
def test_a_length_that_cannot_be_is_refused_at_once(length: bytes) -> None:
    assert reason_of(with_first_length(length)) in {reasons.TRUNCATED, reasons.MALFORMED}


def test_an_array_of_more_items_than_bytes_is_refused_at_once() -> None:
    value = codec.encode_event(with_fields(ordered, dots=()))
    for claimed in (10**6, 2**62):
        for block in (encode_long(claimed), encode_long(-claimed) + b"\x02"):
            assert reason_of(value[:-1] + block + b"\x02x\x00") == reasons.TRUNCATED


def test_a_union_index_and_a_boolean_out_of_range_are_refused() -> None:
    visited = next(e for e in SAMPLES if type(e).__name__ == "CartCleared")
    value = codec.encode_event(visited)  # ends with: observed, session_id, campaign, no dots
    assert value.endswith(b"\x00\x00\x00\x00")
    assert reason_of(value[:-4] + b"\x04" + value[-3:]) == reasons.MALFORMED
    updated = next(e for e in SAMPLES if type(e).__name__ == "ProfileUpdated")
    value = codec.encode_event(updated)
    assert value.endswith(b"\x00\x00\x00")  # a null value, verified false, the end of traits
    assert reason_of(value[:-2] + b"\x02\x00") == reasons.MALFORMED


def test_a_text_that_is_not_utf8_is_refused_and_not_repeated() -> None:
    value = codec.encode_event(added).replace(b"SHIRT", b"SH\xff\xfeT")
    with pytest.raises(UndecodableError) as caught:
        codec.decode_event(value)
    assert caught.value.reason == reasons.MALFORMED
    assert "SH" not in caught.value.detail


def decodes_or_is_refused(value: bytes) -> None:
    begin = time.thread_time()  # not the clock: a busy machine may do something else meanwhile
    try:
        outcome: Any = codec.decode_event(value)
    except UndecodableError as error:
        outcome = error.reason
    assert isinstance(outcome, Event) or outcome in vars(reasons).values()
    assert time.thread_time() - begin < 1.0


@given(st.binary(max_size=300))
def test_random_bytes_give_an_event_or_a_reason(value: bytes) -> None:
    decodes_or_is_refused(value)


@given(st.sampled_from(SAMPLES), st.binary(max_size=300))
def test_random_bytes_behind_a_good_framing_give_an_event_or_a_reason(
    event: Event, record: bytes
) -> None:
    decodes_or_is_refused(codec.encode_event(event)[:SINGLE_OBJECT_PREFIX_BYTES] + record)


@settings(max_examples=500)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 400),
    st.binary(max_size=12),
)
def test_damaged_events_give_an_event_or_a_reason(
    event: Event, changes: list[tuple[int, int]], at: int, inserted: bytes
) -> None:
    value = bytearray(codec.encode_event(event))
    for place, byte in changes:
        value[place % len(value)] = byte
    value[at % len(value) : at % len(value)] = inserted
    decodes_or_is_refused(bytes(value))


def test_a_record_of_five_megabytes_is_read_in_good_time() -> None:
    event = with_fields(added, name="x" * 5_000_000)
    value = codec.encode_event(event)
    decodes_or_is_refused(value)
    decodes_or_is_refused(value[:-1])
    many = with_fields(ordered, dots=tuple("x" for _ in range(500_000)))
    decodes_or_is_refused(codec.encode_event(many))


# writing


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_id": 7},
        {"event_id": None},
        {"sku": "\ud800"},
        {"quantity": 2**63},
        {"quantity": 1.5},
        {"quantity": 70.0},
        {"occurred_at": 1e12},
        {"quantity": "2"},
        {"observed": "text"},
        {"unit_price": (1999, "EUR")},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_type_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError, match="CartItemAdded"):
        codec.encode_event(with_fields(added, **wrong))


def test_a_text_is_not_taken_for_a_list() -> None:
    with pytest.raises(InvalidEventError):
        codec.encode_event(with_fields(ordered, dots="abc"))


def test_a_record_with_a_field_missing_is_not_written() -> None:
    with pytest.raises(InvalidEventError, match="currency"):
        codec.encode("Money", {"amount_minor": 1})
    with pytest.raises(SchemaError, match="NoSuchRecord"):
        codec.encode("NoSuchRecord", {})


def test_the_base_of_all_events_is_not_published() -> None:
    base = Event(event_id="a", occurred_at=1, channel="web", source="s", subject="customer:1")
    with pytest.raises(InvalidEventError) as caught:
        codec.encode_event(base)
    assert caught.value.reason == reasons.NOT_AN_EVENT
