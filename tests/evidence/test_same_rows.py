"""When two rows say the same, and what of them is not compared."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from ccstream.domain.identity import Alias
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.observed import Observed
from ccstream.domain.timers import Timer, Timers
from ccstream.domain.window import LETTERS
from ccstream.errors import UndecodableError
from ccstream.evidence.same_rows import CROSSED_MS, differing_fields, same_row
from ccstream.wire.codec import Codec
from ccstream.wire.rows import ROW_CODECS, Entry

SCOPE = Scope(b"stateid8", 0, 3)
AT = Moment(0, -1, -1, SCOPE, [10, 10, 10])
CODEC = Codec()


def cart(**more: Any) -> bytes:
    fields = {
        "version": 1,
        "number": 1,
        "currency": None,
        "lines": [],
        "pending": [],
        "absorbed": [],
        "last_now": 0,
    }
    return CODEC.encode("CartRow", fields | more)


def line(sku: str) -> dict[str, Any]:
    return {"sku": sku, "options_hash": "", "fulfilment": "", "store": "", "dots": [], "sets": []}


def dot(**named: Any) -> dict[str, Any]:
    fields = {
        "channel": "web",
        "source": "shop.example",
        "quantity": 1,
        "occurred_at": 5,
        "appended_at": 6,
        "positions": [],
        "unit_price": None,
        "name": None,
        "origin": "",
    }
    return fields | named


def device(known_from: int | None, erased_until: int = 0) -> bytes:
    alias = Alias("customer:1", 5, "e", known_from=known_from, erased_until=erased_until)
    return ROW_CODECS["aliases"].encode_row(Entry(alias, 1))


def timers(due_ms: int) -> bytes:
    timer = Timer("carts", "customer:1", "abandoned", due_ms, "wall")
    return ROW_CODECS["timers"].encode_row(Entry(Timers((timer,)), 1))


def window(when: int, digest: bytes, source: str = LETTERS) -> bytes:
    heard = {"source": source, "horizon": -1, "last_seen": when, "ids": when.to_bytes(8) + digest}
    return CODEC.encode("WindowRow", {"version": 1, "floor": -1, "sources": [heard]})


def test_versions_and_when_it_was_last_changed_make_no_difference() -> None:
    assert same_row(cart(), cart(version=1 << 40), AT)
    assert same_row(cart(), cart(last_now=5), AT)


def test_the_order_in_which_lines_came_makes_none_and_another_line_does() -> None:
    tea, cup = line("tea"), line("cup")
    assert same_row(cart(lines=[tea, cup]), cart(lines=[cup, tea]), AT)
    assert not same_row(cart(lines=[tea]), cart(lines=[cup]), AT)
    assert differing_fields(cart(lines=[tea]), cart(lines=[cup], number=2), AT) == (
        "lines",
        "number",
    )


def test_a_row_that_is_there_in_one_only_is_a_difference() -> None:
    assert not same_row(cart(), None, AT)
    assert not same_row(None, cart(), AT)
    assert same_row(None, None, AT)


@pytest.mark.parametrize(("offset", "same"), [(10, True), (11, False)])
def test_a_removal_that_waits_for_what_is_folded_waits_for_nothing(offset: int, same: bool) -> None:
    removal = {
        "event_id": "e1",
        "appended_at": 0,
        "keys": None,
        "dots": [],
        "token": Observed.encode(SCOPE, [offset]),
        "order_id": None,
    }
    assert same_row(cart(pending=[removal]), cart(), AT) is same


def test_timers_may_be_due_a_moment_apart_and_no_more() -> None:
    assert same_row(timers(5_000), timers(5_000 + CROSSED_MS), AT)
    assert not same_row(timers(5_000), timers(5_001 + CROSSED_MS), AT)


def test_a_timer_that_is_due_by_the_clock_may_have_fired_in_one_of_them_and_a_later_one_not() -> (
    None
):
    now = Moment(5_000, -1, -1, SCOPE, [10, 10, 10])
    assert same_row(timers(5_000), None, now)
    assert same_row(None, timers(4_000), now)
    assert not same_row(timers(5_001), None, now)


def test_of_letters_it_counts_which_were_taken_and_of_events_when_they_occurred_too() -> None:
    assert same_row(window(5, b"digest-a"), window(6, b"digest-a"), AT)
    assert not same_row(window(5, b"digest-a"), window(5, b"digest-b"), AT)
    assert not same_row(window(5, b"digest-a", "web/1"), window(6, b"digest-a", "web/1"), AT)


def test_bytes_that_are_no_row_are_told() -> None:
    with pytest.raises(UndecodableError):
        same_row(cart(), b"what is this?", AT)


def test_a_row_of_an_earlier_version_says_the_same_as_one_of_today() -> None:
    name = "0198c0de-7abc-7def-8123-456789abcdef"
    dots = [
        {"event_id": name, "event_uuid": None},
        {"event_id": "", "event_uuid": UUID(name).bytes},
        {"event_id": "", "event_uuid": UUID(int=7).bytes},
    ]
    earlier, today, other = (cart(lines=[line("tea") | {"dots": [dot(**one)]}]) for one in dots)
    assert same_row(earlier, today, AT)
    assert not same_row(earlier, other, AT)


def test_a_device_of_an_earlier_version_is_the_same_as_one_folded_anew() -> None:
    assert same_row(device(None), device(0), AT)
    assert same_row(device(None), device(5, erased_until=5), AT)
