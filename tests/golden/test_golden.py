"""Bytes of every released version decode for ever, to the fields that they had."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ccstream.domain.events import Campaign, CartItemAdded, Money
from ccstream.wire.catalogue import EVENTS
from ccstream.wire.codec import Codec
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.schemas import SchemaInfo, default_schemas
from tests.golden.make import FOLDER, golden_file, plain

RELEASES = default_schemas().released()
codec = Codec()


def named(release: SchemaInfo) -> str:
    return f"{release.fullname} {release.version}"


def assert_still_there(expected: Any, decoded: Any) -> None:
    """What was written is read; fields that have come since, or gone, do not matter."""
    if isinstance(expected, dict):
        common = expected.keys() & decoded.keys()
        assert common
        for name in common:
            assert_still_there(expected[name], decoded[name])
    elif isinstance(expected, list):
        assert len(expected) == len(decoded)
        for one, other in zip(expected, decoded, strict=True):
            assert_still_there(one, other)
    else:
        assert decoded == expected


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_bytes_of_a_released_version_decode_to_what_was_written(release: SchemaInfo) -> None:
    file = golden_file(release)
    assert file.exists(), f"no golden bytes for {named(release)}: python -m tests.golden.make"
    for record in json.loads(file.read_text(encoding="utf-8")):
        value = bytes.fromhex(record["bytes"])
        assert value.startswith(single_object_prefix(release))
        name, fields = codec.decode(value)
        assert name == release.name
        assert_still_there(record["fields"], plain(fields))
        if release.fullname in EVENTS:
            event = codec.decode_event(value)
            assert type(event) is EVENTS[release.fullname]
            assert event.event_id == record["fields"]["event_id"]


def test_no_golden_bytes_are_left_of_a_version_that_is_not_released() -> None:
    assert set(FOLDER.glob("ccstream.*/*.json")) == {golden_file(release) for release in RELEASES}


def test_there_are_releases_to_judge_by() -> None:
    assert {"ccstream.cart.v1.CartItemAdded", "ccstream.cart.v1.CartSynced"} <= {
        release.fullname for release in RELEASES
    }


JAVA = bytes.fromhex(
    "c3012f3588bbdaa79c0e4830313930663166322d616161612d376262622d386363632d3030303030"
    "3030303030303180a0d5edee66067765620c73686f702d3116637573746f6d65723a3432020c0174"
    "6f6b656e0206732d31020c737072696e670206637063000a53484952540c626c75652d6d0e636f6c"
    "6c656374086c796f6e04029e1f0645555202304120626c75652073686972742c206e61c3af766520"
    "e29c93"
)
"""A CartItemAdded as Apache Avro 1.12.0 for Java writes it (BinaryMessageEncoder)."""


def test_bytes_written_by_java_are_read_and_ours_are_the_same() -> None:
    event = codec.decode_event(JAVA)
    assert event == CartItemAdded(
        event_id="0190f1f2-aaaa-7bbb-8ccc-000000000001",
        occurred_at=1_767_225_600_000,
        channel="web",
        source="shop-1",
        subject="customer:42",
        observed=b"\x01token",
        session_id="s-1",
        campaign=Campaign("spring", "cpc"),
        sku="SHIRT",
        options_hash="blue-m",
        fulfilment="collect",
        store="lyon",
        quantity=2,
        unit_price=Money(1999, "EUR"),
        name="A blue shirt, naïve ✓",
    )
    assert codec.encode_event(event) == JAVA
