"""Ids of events that are UUIDs are kept in 16 bytes, and every id comes back as it was."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.wire.event_ids import packed, unpacked
from ccstream.wire.varint import Malformed

TEXT = "0198c0de-7abc-7def-8123-456789abcdef"


@given(st.uuids())
def test_a_uuid_is_its_16_bytes(one: UUID) -> None:
    assert packed(str(one)) == one.bytes
    assert unpacked(one.bytes) == str(one)


@pytest.mark.parametrize(
    "event_id",
    [
        "",
        "till-7/2026-11-27/0815",
        TEXT.upper(),
        TEXT.replace("a", "A", 1),
        TEXT.replace("-", ""),
        "{" + TEXT[1:-1] + "}",
        TEXT[:-1] + "g",
        TEXT[:-2] + "  ",
        TEXT[:-1],
        TEXT + "0",
        "0198c0de7-abc-7def-8123-456789abcdef",
        "-198c0de-7abc-7def-8123-456789abcdef",
        "".join(chr(ord("０") + int(c)) if c.isdigit() else c for c in TEXT),
    ],
)
def test_every_other_spelling_is_another_id_and_kept_as_it_is(event_id: str) -> None:
    assert packed(event_id) is None


@given(st.text(alphabet="0123456789abcdefABCDEF- ", min_size=36, max_size=36))
def test_what_is_packed_comes_back_as_it_was(event_id: str) -> None:
    data = packed(event_id)
    assert data is None or unpacked(data) == event_id


@pytest.mark.parametrize("data", [b"", b"x" * 15, b"x" * 17])
def test_bytes_of_another_length_are_no_id(data: bytes) -> None:
    with pytest.raises(Malformed, match="bytes"):
        unpacked(data)
