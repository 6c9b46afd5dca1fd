"""Letters and dead letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.errors import UndecodableError
from ccstream.wire.codec import Codec
from ccstream.wire.mail import FORWARD, Mail, decode_mail, encode_mail
from ccstream.wire.rejected import (
    KEPT_KEY_BYTES_MAX,
    KEPT_VALUE_BYTES_MAX,
    Rejected,
    decode_rejected,
    encode_rejected,
    rejected_record,
)
from ccstream.wire.topics import MESSAGE_BYTES_MAX
from tests.wire.samples import NOW, SAMPLES

LETTER = Mail(
    mail_id="channel.web.events.v1/3/17/0",
    hops=1,
    to="customer:42",
    kind=FORWARD,
    origin_topic="channel.web.events.v1",
    origin_partition=3,
    origin_offset=17,
    origin_appended_at=NOW,
    value=Codec().encode_event(SAMPLES[0]),
)


def dead(key: bytes | None, value: bytes | None, event: bool = True) -> Rejected:
    return rejected_record(
        reason=reasons.MALFORMED,
        detail="a sentence",
        topic="channel.web.events.v1",
        partition=3,
        offset=17,
        appended_at=NOW,
        key=key,
        value=value,
        event=SAMPLES[0] if event else None,
        rejected_at=NOW,
    )


@given(st.binary(), st.integers(-(2**31), 2**31 - 1), st.text())
def test_a_letter_comes_back_as_it_was(value: bytes, partition: int, to: str) -> None:
    letter = replace(LETTER, value=value, origin_partition=partition, to=to)
    assert decode_mail(encode_mail(letter)) == letter


@given(st.none() | st.binary(), st.none() | st.binary(), st.booleans())
def test_a_dead_letter_comes_back_as_it_was(
    key: bytes | None, value: bytes | None, event: bool
) -> None:
    rejected = dead(key, value, event)
    assert decode_rejected(encode_rejected(rejected)) == rejected
    assert (rejected.key, rejected.value) == (key, value)
    assert rejected.channel == ("web" if event else None)


def test_both_are_read_as_any_record_is() -> None:
    assert Codec().decode(encode_mail(LETTER))[0] == "Mail"
    name, fields = Codec().decode(encode_rejected(dead(None, b"x")))
    assert (name, fields["reason"], fields["value"]) == ("Rejected", "malformed", b"x")


def test_a_dead_letter_keeps_what_fits_and_says_how_much_there_was() -> None:
    rejected = dead(b"k" * 100_000, b"v" * 5_000_000)
    assert rejected.key == b"k" * KEPT_KEY_BYTES_MAX
    assert rejected.value == b"v" * KEPT_VALUE_BYTES_MAX
    assert rejected.value_bytes == 5_000_000
    assert len(encode_rejected(rejected)) < MESSAGE_BYTES_MAX


@given(st.binary(max_size=200), st.integers(0, 200))
def test_damaged_letters_are_refused_with_a_reason(noise: bytes, at: int) -> None:
    value = encode_mail(LETTER)
    for damaged in (noise, value[:10] + noise, value[:at] + noise):
        try:
            outcome: object = decode_mail(damaged)
        except UndecodableError as error:
            outcome = error.reason
        assert isinstance(outcome, Mail) or outcome in vars(reasons).values()


def test_another_record_is_no_letter() -> None:
    with pytest.raises(UndecodableError) as caught:
        decode_mail(LETTER.value)
    assert caught.value.reason == reasons.UNEXPECTED_RECORD
    with pytest.raises(UndecodableError) as caught:
        decode_mail(None)
    assert caught.value.reason == reasons.NULL_VALUE
