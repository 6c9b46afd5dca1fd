from __future__ import annotations

import json
from typing import Any

import pytest

from ccstream.domain import reasons
from ccstream.domain.events import IdentifiersLinked, IdentifierUnlinked
from ccstream.domain.identifiers import DEFAULT_RULES
from ccstream.domain.identity import Alias, Tenure, forget, step
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.window import SourceWindow, Window, WindowLimits, admit
from ccstream.evidence.access import OF_OTHERS, TIMES, TITLES, Held, as_page, is_theirs, rows_of
from ccstream.evidence.belonging import Belonging
from ccstream.ops.dead_letters import DeadLetter, Place
from ccstream.ops.entity import Row
from ccstream.wire.catalogue import TABLES
from ccstream.wire.codec import Codec
from ccstream.wire.rejected import rejected_record
from ccstream.wire.rows import ROW_CODECS, Entry
from tests.engine.world import STATE_ID
from tests.support.source import ROOT

CODEC = Codec()
AT = Moment(0, 0, 0, Scope(STATE_ID, 0, 1), (0,))
ADA, BOB, CARD, TABLET = "customer:ada", "customer:bob", "loyalty:7", "visitor:tablet"
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
    assert {name for name in found if not name.endswith(("_at", "_ms"))} <= TIMES | OF_OTHERS


def cart(**more: Any) -> dict[str, Any]:
    """A basket that another was taken into, as its row has it."""
    absorbed = {
        "id": "merge",
        "occurred_at": 1_588_327_200_000,
        "subject": TABLET,
        "mode": "join",
        "into": "",
    }
    row = CODEC.encode(
        "CartRow",
        {
            "version": 1,
            "number": 1,
            "currency": None,
            "lines": [],
            "pending": [],
            "absorbed": [absorbed | more],
            "last_now": 0,
        },
    )
    return CODEC.decode(row)[1]


def test_a_time_that_never_was_is_not_on_the_page() -> None:
    page = as_page(held(rows={"carts": [cart(since=0)]}))
    assert "<dt>occurred at</dt><dd>2020-05-01T10:00:00.000Z</dd>" in page
    assert "<dt>since</dt>" not in page
    known = as_page(held(rows={"carts": [cart(since=1_588_327_200_001)]}))
    assert "<dt>since</dt><dd>2020-05-01T10:00:00.001Z</dd>" in known


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


@pytest.mark.parametrize(
    ("reason", "alias", "its_own"),
    [
        (reasons.ERASED, None, True),
        (reasons.ERASED, [(BOB, 5), ("", 8)], True),
        (reasons.ERASED, [(ADA, 10), ("", 40)], False),
        (reasons.ERASED, [(ADA, 10), ("", 40), (BOB, 45), ("", 50)], False),
        (reasons.PLAIN_PERSONAL_VALUE, None, True),
        (reasons.PLAIN_PERSONAL_VALUE, [(ADA, 10), ("", 40)], True),
        (reasons.PLAIN_PERSONAL_VALUE, [(ADA, 10), ("", 70)], False),
        (reasons.PLAIN_PERSONAL_VALUE, [(BOB, 10), ("", 70)], False),
        (reasons.PLAIN_PERSONAL_VALUE, [(BOB, 10), ("", 50)], True),
    ],
)
def test_a_device_is_told_of_what_was_rejected_while_nobody_had_it(
    reason: str, alias: list[tuple[str, int]] | None, its_own: bool
) -> None:
    aliases = {} if alias is None else {TABLET: forget(used(*alias), ADA)}
    tablet = Belonging(TABLET, DEFAULT_RULES, aliases)
    assert is_theirs(letter(reason, TABLET), tablet, CODEC) is its_own


def used(*words: tuple[str, int]) -> Alias:
    """A tablet on which these logged in at these times, or nobody: a log-out."""
    state: Alias | None = None
    for who, at in words:
        fields = {"channel": "web", "source": "shop", "subject": TABLET, "event_id": f"{who}@{at}"}
        if who:
            came = IdentifiersLinked(occurred_at=at, identifiers=(who,), **fields)
            state, _ = step(state, came, AT)
        else:
            state, _ = step(state, IdentifierUnlinked(occurred_at=at, **fields), AT)
    assert state is not None
    return state


def told(alias: Alias) -> list[dict[str, Any]]:
    """What the export of the tablet has of its row, without the version."""
    row = Row(TABLET, *CODEC.decode(ROW_CODECS["aliases"].encode_row(Entry(alias, 1))))
    return [
        {name: one for name, one in kept.items() if name != "version"}
        for kept in rows_of("aliases", [row], frozenset({ADA, BOB}), alias.erased_until)
    ]


LOG_OUT = {"key": TABLET, "root": "", "since": 90, "event_id": "@90"}


def test_the_row_of_a_device_does_not_tell_until_when_somebody_had_it_who_was_erased() -> None:
    alias = forget(used((ADA, 10), ("", 40)), ADA)
    assert alias.since == 40
    assert told(alias) == []


@pytest.mark.parametrize(
    "before", [[], [(BOB, 5), ("", 8)], [(ADA, 2), ("", 3), (BOB, 5), ("", 8)]], ids=len
)
def test_nor_does_it_once_somebody_else_has_had_it(before: list[tuple[str, int]]) -> None:
    alias = forget(used(*before, (ADA, 10), ("", 40), (BOB, 60), ("", 90)), ADA)
    assert 40 in [one.since for one in alias.earlier]
    assert told(alias) == [LOG_OUT | {"earlier": []}]
    in_one_go = forget(used(*before, (ADA, 10), (BOB, 40), ("", 90)), ADA)
    assert told(in_one_go) == [LOG_OUT | {"earlier": []}]


def test_log_outs_from_after_who_was_erased_are_told() -> None:
    alias = forget(used((ADA, 10), ("", 40), (BOB, 60), ("", 70), (BOB, 80), ("", 90)), ADA)
    later = {"root": "", "since": 70, "event_id": "@70"}
    assert told(alias) == [LOG_OUT | {"earlier": [later]}]


def test_of_a_device_that_nobody_had_who_was_erased_all_log_outs_are_told() -> None:
    first = {"root": "", "since": 0, "event_id": "@0"}
    assert told(used((BOB, -5), ("", 0), (BOB, 60), ("", 90))) == [LOG_OUT | {"earlier": [first]}]
    (row,) = told(used(("", 0)))
    assert (row["since"], row["event_id"]) == (0, "@0")


def test_the_ids_of_a_device_tell_only_when_nobody_had_it_who_was_erased() -> None:
    window: Window | None = None
    for source, at in (("shop", 20), ("shop", 40), ("shop", 70), ("kiosk", 30)):
        verdict, window = admit(window, f"{source}-{at}", at, source, at, WindowLimits())
        assert verdict == "fresh"
    row = Row(TABLET, *CODEC.decode(ROW_CODECS["windows"].encode_row(Entry(window, 1))))

    def kept(until: int) -> tuple[int, list[tuple[str, int, list[int]]]]:
        (found,) = rows_of("windows", [row], frozenset(), until)
        return found["floor"], [
            (
                one["source"],
                one["horizon"],
                [int.from_bytes(one["ids"][at : at + 8]) for at in range(0, len(one["ids"]), 16)],
            )
            for one in found["sources"]
        ]

    assert kept(0) == (-1, [("shop", -1, [20, 40, 70]), ("kiosk", -1, [30])])
    assert kept(43) == (-1, [("shop", -1, [70])])
    assert rows_of("windows", [row], frozenset(), 70) == []


@pytest.mark.parametrize(("until", "told"), [(0, 30), (29, 30), (30, -1), (40, -1)])
def test_nor_does_the_time_up_to_which_their_ids_have_left(until: int, told: int) -> None:
    ids = (50).to_bytes(8) + bytes(8)
    window = Window({"shop": SourceWindow(30, 50, ids)}, 30)
    row = Row(TABLET, *CODEC.decode(ROW_CODECS["windows"].encode_row(Entry(window, 1))))
    (found,) = rows_of("windows", [row], frozenset(), until)
    assert (found["floor"], found["sources"][0]["horizon"]) == (told, told)
