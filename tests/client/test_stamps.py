"""Ids and times that the SDK fills in."""

from __future__ import annotations

import uuid
from itertools import pairwise

from ccstream.client.stamps import Stamps


def test_two_facts_of_one_millisecond_keep_the_order_in_which_they_were_stated() -> None:
    stamps = Stamps(lambda: 1_700_000_000_000)
    order = [(at, event_id) for event_id, at in (stamps.next() for _ in range(10_000))]
    assert order == sorted(order)
    assert len({event_id for _, event_id in order}) == 10_000


def test_a_clock_that_steps_back_a_little_does_not_turn_the_order_around() -> None:
    ticks = iter([5_000, 4_990, 4_400, 5_001])
    stamps = Stamps(lambda: next(ticks))
    order = [(at, event_id) for event_id, at in (stamps.next() for _ in range(4))]
    assert all(earlier < later for earlier, later in pairwise(order))
    assert [at for at, _ in order] == [5_000, 5_000, 5_000, 5_001]


def test_a_clock_that_was_a_year_ahead_is_not_held_on_to() -> None:
    year_ms = 365 * 86_400_000
    ticks = iter([year_ms + 1_000, 1_000])
    stamps = Stamps(lambda: next(ticks))
    assert [stamps.next()[1] for _ in range(2)] == [year_ms + 1_000, 1_000]


def test_ids_are_version_7_and_begin_with_their_millisecond() -> None:
    event_id, at = Stamps().next()
    parsed = uuid.UUID(event_id)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == at
    assert uuid.UUID(Stamps().event_id(1_234)).int >> 80 == 1_234
