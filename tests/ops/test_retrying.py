"""Dead letters are retried a slice at a time, in the order of their events."""

from __future__ import annotations

from typing import Any

import pytest

from ccstream.domain.events import CartItemAdded
from ccstream.ops import retrying
from ccstream.ops.dead_letters import DeadLetter, Place, latest
from ccstream.ops.retrying import Ticket, slices, ticket_of
from ccstream.wire.codec import Codec
from ccstream.wire.rejected import KEPT_VALUE_BYTES_MAX, rejected_record

CODEC = Codec()


def dead(offset: int, occurred_at: int, *, event_id: str = "", **changes: Any) -> DeadLetter:
    """The dead letter at this offset, of an event that was then; it was written later than that."""
    event = CartItemAdded(
        event_id=event_id or f"e{offset}",
        occurred_at=occurred_at,
        channel="web",
        source="shop",
        subject="customer:42",
        sku="mug",
        quantity=1,
    )
    fields: dict[str, Any] = {
        "reason": "too_late",
        "detail": "so late",
        "topic": "channel.web.events.v1",
        "partition": 3,
        "offset": offset,
        "appended_at": 9_000,
        "key": b"customer:42",
        "value": CODEC.encode_event(event),
        "event": event,
        "rejected_at": 9_000,
    }
    return DeadLetter(Place(0, offset), 9_000 + offset, rejected_record(**(fields | changes)))


def ticket(offset: int, occurred_at: int, **changes: Any) -> Ticket:
    return ticket_of(dead(offset, occurred_at, **changes), CODEC)


def sliced(*tickets: Ticket) -> list[list[int]]:
    return [[place.offset for place in found] for found in slices(tickets)]


def test_slices_are_of_so_many_and_the_oldest_event_is_first_in_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrying, "SLICE_LETTERS_MAX", 2)
    times = [5, 3, 1, 4, 2]
    tickets = [ticket(offset, time) for offset, time in enumerate(times)]
    assert sliced(*tickets) == [[2, 4], [1, 3], [0]]
    assert sliced() == []


def test_those_of_one_event_are_not_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "SLICE_LETTERS_MAX", 2)
    same = [ticket(offset, 1, event_id="e") for offset in range(3)]
    (first, second) = sliced(*same, ticket(7, 1), ticket(8, 2))
    parts = [part for part in (first, second) if 0 in part]
    assert [sorted(set(part) & {0, 1, 2}) for part in parts] == [[0, 1, 2]]


def test_a_slice_is_full_of_large_events_before_it_has_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrying, "SLICE_BYTES_MAX", 1_000_000)
    large = bytes(600_000)
    tickets = [ticket(n, n, value=large, appended_at=n) for n in range(3)]
    assert sliced(*tickets) == [[0, 1], [2]]
    letters = [ticket_of(dead(n, n, mail_offset=n), CODEC, 600_000) for n in range(3)]
    assert sliced(*letters) == [[0, 1], [2]]


def test_those_of_records_that_nobody_could_read_are_not_of_one_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrying, "SLICE_LETTERS_MAX", 2)
    tickets = [ticket(offset, 1, value=b"junk", event=None) for offset in range(3)]
    assert sorted(map(len, sliced(*tickets))) == [1, 2]


def test_what_tells_no_time_goes_by_when_it_was_appended() -> None:
    assert ticket(0, 5).occurred_at == 5
    assert ticket(0, 5, value=b"junk").occurred_at == 9_000
    assert ticket(0, 5, value=None).occurred_at == 9_000
    assert ticket(0, 5, value=bytes(KEPT_VALUE_BYTES_MAX + 1)).occurred_at == 9_000


def test_of_many_the_latest_are_kept_in_order_and_all_are_counted() -> None:
    letters = [dead(offset, 1) for offset in (3, 1, 4, 2)]
    found, count = latest(iter(letters), 2)
    assert ([one.place.offset for one in found], count) == ([3, 4], 4)
    assert latest(iter(letters[:1]), 2) == (letters[:1], 1)
