"""The ``observed`` token: its bytes, and what it covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.domain.limits import TOKEN_TOPICS_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.observed import Observed

SCOPE = Scope(b"ABCDEFGH", 3, 8)


def test_its_bytes_are_as_documented() -> None:
    assert Observed.encode(SCOPE, [5, -1]) == (
        b"\x01ABCDEFGH\x00\x08\x00\x03" + b"\x00" * 7 + b"\x05" + b"\xff" * 8
    )


@given(
    st.binary(min_size=8, max_size=8),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    st.lists(st.integers(-1, 2**63 - 1), max_size=TOKEN_TOPICS_MAX),
)
def test_what_was_encoded_is_what_is_read(
    state_id: bytes, partition: int, partitions: int, offsets: list[int]
) -> None:
    scope = Scope(state_id, partition, partitions)
    token = Observed.parse(Observed.encode(scope, offsets))
    assert token == Observed(state_id, partitions, partition, tuple(offsets))
    assert token.is_of(scope)


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd_to_be_read_or_refused(token: bytes) -> None:
    read = Observed.parse(token)
    assert (
        read is None
        or Observed.encode(Scope(read.state_id, read.partition, read.partitions), read.offsets)
        == token
    )


def test_one_that_speaks_of_too_many_topics_is_none() -> None:
    assert Observed.parse(Observed.encode(SCOPE, [1] * TOKEN_TOPICS_MAX)) is not None
    assert Observed.parse(Observed.encode(SCOPE, [1] * TOKEN_TOPICS_MAX) + bytes(8)) is None


@pytest.mark.parametrize(
    ("position", "covered"),
    [
        ((3, 0, 4), True),
        ((3, 0, 5), True),
        ((3, 0, 6), False),
        ((3, 1, 0), False),
        ((3, 2, 0), False),
        ((2, 0, 4), False),
    ],
)
def test_it_covers_what_was_folded_up_to_its_offsets_in_its_partition(
    position: tuple[int, int, int], covered: bool
) -> None:
    assert Observed(SCOPE.state_id, 8, 3, (5, -1)).covers(position) is covered


@pytest.mark.parametrize(
    ("offsets", "beyond"),
    [
        ((5, 2), False),
        ((5, 3), True),
        ((6, 2), False),  # the record at hand is offset 6 of topic 0
        ((7, 2), True),
        ((-1, -1, -1), False),
        ((5, 2, 0), True),  # a topic of which nothing was folded here
    ],
)
def test_it_reaches_beyond_what_is_folded_with_the_record_at_hand(
    offsets: tuple[int, ...], beyond: bool
) -> None:
    at = Moment(1, 0, 6, SCOPE, (5, 2))
    assert Observed(SCOPE.state_id, 8, 3, offsets).reaches_beyond(at) is beyond
