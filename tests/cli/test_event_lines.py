from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccstream.cli.event_lines import Defaults, Line, event_of, lines
from ccstream.domain.events import Campaign, CartItemAdded, Money, OrderPlaced
from ccstream.errors import InvalidEventError
from ccstream.wire.catalogue import EVENTS

DEFAULTS = Defaults(stamp=lambda: ("made", 7), new_id=lambda at: f"made-{at}")

ADDED: dict[str, Any] = {
    "type": "CartItemAdded",
    "channel": "web",
    "source": "shop",
    "subject": "customer:42",
    "sku": "mug",
    "quantity": 2,
}


def of(**fields: Any) -> Any:
    return event_of(json.dumps({**ADDED, **fields}).encode(), DEFAULTS)


def refusal(text: bytes) -> str:
    with pytest.raises(InvalidEventError) as caught:
        event_of(text, DEFAULTS)
    return caught.value.detail


def refusal_of(**fields: Any) -> str:
    return refusal(json.dumps({**ADDED, **fields}).encode())


def test_a_line_becomes_the_event_that_it_states() -> None:
    event = of(
        event_id="e1",
        occurred_at=1_700_000_000_000,
        unit_price={"amount_minor": 1999, "currency": "EUR"},
        campaign={"id": "spring"},
        observed="0102",
    )
    assert event == CartItemAdded(
        event_id="e1",
        occurred_at=1_700_000_000_000,
        channel="web",
        source="shop",
        subject="customer:42",
        observed=b"\x01\x02",
        campaign=Campaign("spring"),
        sku="mug",
        quantity=2,
        unit_price=Money(1999, "EUR"),
    )


def test_the_type_may_be_the_full_name_of_the_schema() -> None:
    assert isinstance(of(type="ccstream.cart.v1.CartItemAdded"), CartItemAdded)


def test_id_and_time_are_filled_in_where_they_are_left_out() -> None:
    assert (of().event_id, of().occurred_at) == ("made", 7)
    assert of(event_id="mine").event_id == "mine"
    assert of(occurred_at=9).event_id == "made-9"


@pytest.mark.parametrize(
    ("stated", "milliseconds"),
    [
        (1_700_000_000_123, 1_700_000_000_123),
        ("2023-11-14T22:13:20.123Z", 1_700_000_000_123),
        ("2023-11-14T23:13:20.123+01:00", 1_700_000_000_123),
    ],
)
def test_a_time_is_milliseconds_or_a_text_with_its_zone(stated: object, milliseconds: int) -> None:
    assert of(occurred_at=stated).occurred_at == milliseconds


def test_a_line_says_the_channel_or_the_command_does() -> None:
    fields = {name: value for name, value in ADDED.items() if name != "channel"}
    text = json.dumps(fields).encode()
    defaults = Defaults(stamp=DEFAULTS.stamp, new_id=DEFAULTS.new_id, channel="store", source="x")
    assert event_of(text, defaults).channel == "store"
    assert event_of(json.dumps(ADDED).encode(), defaults).channel == "web"
    assert "`channel`" in refusal(text)


def test_lists_of_records_are_read_and_checked_by_name() -> None:
    order = {
        "type": "OrderPlaced",
        "channel": "store",
        "source": "till-1",
        "subject": "customer:42",
        "order_id": "o1",
        "lines": [{"sku": "mug", "quantity": 1, "amount": {"amount_minor": 5, "currency": "EUR"}}],
        "total": {"amount_minor": 5, "currency": "EUR"},
    }
    event = event_of(json.dumps(order).encode(), DEFAULTS)
    assert isinstance(event, OrderPlaced)
    assert event.lines[0].amount == Money(5, "EUR")
    order["lines"][0]["prize"] = 3  # type: ignore[index]
    assert "no field 'prize'" in refusal(json.dumps(order).encode())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "CartItemAded"}, "did you mean CartItemAdded"),
        ({"type": None}, 'has no "type"'),
        ({"quantitiy": 3}, "did you mean quantity"),
        ({"quantity": "2"}, "Expected `int`, got `str`"),
        ({"quantity": True}, "Expected `int`"),
        ({"quantity": 2.5}, "Expected `int`"),
        ({"unit_price": 19.99}, "unit_price"),
        ({"unit_price": {"amount_minor": 1, "currency": "EUR", "cents": 3}}, "no field 'cents'"),
        ({"occurred_at": "yesterday"}, "no time as"),
        ({"occurred_at": "2026-01-31T12:00:00"}, "has no zone"),
        ({"occurred_at": True}, "neither milliseconds nor a time"),
        ({"observed": "xyz"}, "no hexadecimal text"),
        ({"observed": 7}, "no hexadecimal text"),
        ({"subject": None}, "subject"),
    ],
)
def test_a_wrong_line_is_told_by_what_is_wrong_with_it(fields: dict[str, Any], said: str) -> None:
    assert said in refusal_of(**fields)


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b"[1]", b'"x"', b"1", b"null", b"{} {}"])
def test_what_is_no_json_object_is_told_as_such(text: bytes) -> None:
    assert "is no JSON" in refusal(text)


@given(st.binary(max_size=200) | st.builds(str.encode, st.text(max_size=200)))
def test_no_bytes_whatever_raise_anything_but_what_is_promised(text: bytes) -> None:
    try:
        event_of(text, DEFAULTS)
    except InvalidEventError:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({name for cls in EVENTS.values() for name in cls.__struct_fields__})


@given(st.sampled_from(sorted(EVENTS)), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_fields_whatever_raise_anything_but_what_is_promised(
    kind: str, fields: dict[str, Any]
) -> None:
    try:
        event_of(json.dumps({"type": kind, **fields}).encode(), DEFAULTS)
    except InvalidEventError:
        return


def read_by(pieces: Iterable[bytes], bytes_max: int = 100) -> list[Line]:
    left = iter([*pieces, b""])
    return [line for some in lines(lambda: next(left), bytes_max) for line in some]


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8))
def test_lines_are_the_same_in_whatever_pieces_they_come(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    expected = [
        Line(number, line) for number, line in enumerate(text.split(b"\n"), 1) if line.strip()
    ]
    assert read_by(pieces, bytes_max=1_000) == expected


def test_the_last_line_needs_no_end_and_blank_ones_count_but_are_not_read() -> None:
    assert read_by([b"a\n\n  \nb"]) == [Line(1, b"a"), Line(4, b"b")]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    with pytest.raises(InvalidEventError, match="line 2 is longer than 100 bytes"):
        read_by([b"a\n", *([b"x" * 50] * 10)])
