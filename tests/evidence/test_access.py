from __future__ import annotations

import json
from typing import Any

import pytest

from ccstream.domain import reasons
from ccstream.domain.identifiers import DEFAULT_RULES
from ccstream.domain.identity import Alias, Tenure
from ccstream.evidence.access import TIMES, TITLES, Held, as_page, is_theirs, rows_of
from ccstream.evidence.belonging import Belonging
from ccstream.ops.dead_letters import DeadLetter, Place
from ccstream.ops.entity import Row
from ccstream.wire.catalogue import TABLES
from ccstream.wire.codec import Codec
from ccstream.wire.rejected import rejected_record
from tests.support.source import ROOT

STATEMENT = {"value": "<script>Lyon</script>", "occurred_at": 1_588_327_200_000, "verified": False}


def held(**more: Any) -> Held:
    rows: dict[str, Any] = {
        "windows": [{"key": "customer:42", "version": 7, "ids": b"12345"}],
        "profiles": [
            {"key": "customer:42", "traits": [{"name": "city", "statements": [STATEMENT]}]}
        ],
    }
    event = {"type": "ProfileUpdated", "occurred_at": "2020-05-01T10:00:00.000Z", "channel": "web"}
    fields: dict[str, Any] = {
        "key": "customer:42",
        "identifiers": ("visitor:9f3c",),
        "made_at": "2026-11-27T05:00:00.000Z",
        "rows": rows,
        "events": (event,),
        "rejected": (),
        "complete": False,
        "known": True,
        **more,
    }
    return Held(**fields)


def test_the_page_tells_all_in_words_and_runs_nothing() -> None:
    page = as_page(held())
    assert "&lt;script&gt;Lyon" in page and "<script" not in page
    assert "2020-05-01T10:00:00.000Z" in page and "1588327200000" not in page
    assert "visitor:9f3c" in page and "5 bytes" in page
    assert page.index("Profile</h2>") < page.index("Ids of events")
    assert "older than what is kept" in page
    assert "older than what is kept" not in as_page(held(complete=True))


def test_every_table_has_a_title() -> None:
    assert TITLES.keys() == set(TABLES)


def test_what_was_rejected_is_on_the_page() -> None:
    letter = {"place": "3@17", "reason": "too_late", "event": "CartItemAdded"}
    assert "too_late" in as_page(held(rejected=(letter,)))


def test_every_time_in_a_row_is_told_as_one() -> None:
    found = set()
    for file in sorted((ROOT / "schemas" / "state").glob("*.avsc")):
        for field in json.loads(file.read_text(encoding="utf-8"))["fields"]:
            kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
            if any("timestamp-millis" in str(kind) for kind in kinds):
                found.add(field["name"])
    assert found >= {"since", "known_from", "appended_at", "last_seen"}
    assert {name for name in found if not name.endswith(("_at", "_ms"))} <= TIMES


def test_a_time_that_never_was_is_not_on_the_page() -> None:
    line = {"sku": "tea", "since": 1_588_327_200_000, "valid_until": 0}
    page = as_page(held(rows={"carts": [line]}))
    assert "2020-05-01T10:00:00.000Z" in page
    assert "valid until" not in page
    known = as_page(held(rows={"carts": [{**line, "valid_until": 1_588_327_200_001}]}))
    assert "<dt>valid until</dt><dd>2020-05-01T10:00:00.001Z</dd>" in known


BOB, CARD, TABLET = "customer:bob", "loyalty:7", "visitor:tablet"
ALIASES = {
    CARD: Alias(BOB, 50, "e"),
    TABLET: Alias(BOB, 50, "e", (Tenure("", 40, "out"),), known_from=40, erased_until=40),
}


def letter(reason: str, key: str, to: str | None = None) -> DeadLetter:
    """Of a record that came, and was rejected, at 60; it has no value."""
    rejected = rejected_record(
        reason=reason,
        detail="",
        topic="input",
        partition=0,
        offset=1,
        appended_at=60,
        key=key.encode(),
        value=None,
        event=None,
        rejected_at=60,
        to=to,
    )
    return DeadLetter(Place(0, 1), 60, rejected)


@pytest.mark.parametrize(
    ("reason", "key", "to", "theirs"),
    [
        (reasons.ERASED, TABLET, None, False),
        (reasons.ERASED, CARD, None, False),
        (reasons.ERASED, BOB, None, True),
        (reasons.ERASED, CARD, BOB, True),
        (reasons.PLAIN_PERSONAL_VALUE, TABLET, None, True),
        (reasons.PLAIN_PERSONAL_VALUE, CARD, None, True),
    ],
)
def test_what_came_too_late_of_who_was_erased_is_not_told_to_who_has_their_device_now(
    reason: str, key: str, to: str | None, theirs: bool
) -> None:
    assert is_theirs(letter(reason, key, to), Belonging(BOB, DEFAULT_RULES, ALIASES), Codec()) is (
        theirs
    )


def test_the_row_of_a_device_does_not_tell_until_when_somebody_had_it_who_was_erased() -> None:
    value = {"root": "", "since": 90, "known_from": 40, "erased_until": 40, "earlier": []}
    (row,) = rows_of("aliases", [Row(TABLET, "AliasRow", value)], frozenset())
    assert row == {"key": TABLET, "root": "", "since": 90, "earlier": []}
