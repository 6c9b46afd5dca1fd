"""A benchmark whose output is wrong has no result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from benchmarks.checks import check_cart_snapshots, check_json_carts, check_last_touches
from benchmarks.load import CartModel, Load
from benchmarks.records import BenchmarkError
from benchmarks.report import markdown, table
from benchmarks.results import Result, document, median_of, newest, renewed, write
from ccstream.domain.events import Event
from ccstream.wire.codec import Codec

pytestmark = pytest.mark.timeout(20)

LOAD = Load(events=400, customers=20, begins_ms=1_700_000_000_000)
CODEC = Codec()


class Output:
    """A record as a consumer hands it over."""

    def __init__(self, key: str, value: bytes | None) -> None:
        self._key = key.encode()
        self._value = value

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def topic(self) -> str:
        return "outputs"


def cause(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "event_type": "ccstream.cart.v1.CartItemAdded",
        "channel": event.channel,
        "source": event.source,
        "occurred_at": event.occurred_at,
        "appended_at": event.occurred_at,
        "outcome": "applied",
    }


def line(sku: str, quantity: int) -> dict[str, Any]:
    return {
        "sku": sku,
        "options_hash": "",
        "fulfilment": "",
        "store": "",
        "quantity": quantity,
        "unit_price": None,
        "name": None,
        "added_at": 0,
        "changed_at": 0,
        "channel": "web",
    }


def snapshots() -> Iterator[tuple[str, dict[str, Any]]]:
    """What a right pipeline puts out, as dicts."""
    model = CartModel()
    versions: dict[str, int] = {}
    for event in LOAD.stream():
        before = dict(model.lines(event.subject))
        after = dict(model.apply(event))
        base = versions.get(event.subject, 0)
        versions[event.subject] = base + 1
        yield (
            event.subject,
            {
                "subject": event.subject,
                "version": base + 1,
                "base_version": base,
                "cart_number": 1,
                "cause": cause(event),
                "currency": None,
                "lines": [line(*item) for item in after.items()],
                "upserted": [line(*item) for item in after.items() if item not in before.items()],
                "removed": [
                    {"sku": sku, "options_hash": "", "fulfilment": "", "store": ""}
                    for sku in before.keys() - after.keys()
                ],
                "conflicts": [],
                "closed_order": None,
                "observed": b"",
            },
        )


def encoded(records: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    return [Output(key, CODEC.encode("CartSynced", record)) for key, record in records]


def touches() -> list[Any]:
    outputs = []
    for event in LOAD.stream():
        last = {
            "event_id": event.event_id,
            "kind": "x",
            "channel": event.channel,
            "source": event.source,
            "occurred_at": event.occurred_at,
            "detail": "",
            "campaign": None,
        }
        record = {
            "subject": event.subject,
            "version": 1,
            "base_version": 0,
            "cause": cause(event),
            "first": last,
            "last": last,
            "by_channel": [],
        }
        outputs.append(Output(event.subject, CODEC.encode("LastTouchSynced", record)))
    return outputs


def json_carts() -> list[Any]:
    model = CartModel()
    return [Output(event.subject, orjson.dumps(model.apply(event))) for event in LOAD.stream()]


def test_right_outputs_are_all_counted() -> None:
    assert check_json_carts(json_carts(), LOAD.stream()) == LOAD.events
    assert check_cart_snapshots(encoded(list(snapshots())), LOAD.stream()) == LOAD.events
    assert check_last_touches(touches(), LOAD.stream()) == LOAD.events


def test_the_load_has_all_its_kinds_and_is_the_same_at_every_call() -> None:
    kinds = {type(event).__name__ for event in LOAD.stream()}
    assert kinds == {"CartItemAdded", "CartItemQuantitySet", "CartItemRemoved"}
    assert list(LOAD.stream()) == list(LOAD.stream())
    assert len({event.event_id for event in LOAD.stream()}) == LOAD.events


@pytest.mark.parametrize("check", ["json", "carts", "touches"])
def test_a_missing_an_additional_and_a_swapped_output_fail(check: str) -> None:
    made, against = {
        "json": (json_carts, check_json_carts),
        "carts": (lambda: encoded(list(snapshots())), check_cart_snapshots),
        "touches": (touches, check_last_touches),
    }[check]
    with pytest.raises(BenchmarkError, match="no output"):
        against(made()[:-1], LOAD.stream())
    with pytest.raises(BenchmarkError, match="more outputs than events"):
        against([*made(), made()[-1]], LOAD.stream())
    outputs = made()
    first = outputs[0]
    later = next(i for i, one in enumerate(outputs[1:], 1) if one.key() == first.key())
    outputs[0], outputs[later] = outputs[later], outputs[0]
    with pytest.raises(BenchmarkError):
        against(outputs, LOAD.stream())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lines", [line("sku-0001", 99)]),
        ("upserted", [line("sku-9999", 1)]),
        ("removed", [{"sku": "sku-9999", "options_hash": "", "fulfilment": "", "store": ""}]),
        ("version", 0),
        ("base_version", 77),
        ("subject", "customer:other"),
    ],
)
def test_a_wrong_field_of_one_snapshot_fails(field: str, value: object) -> None:
    records = list(snapshots())
    at = 200
    if field == "removed":
        value = [
            {"sku": one["sku"], "options_hash": "", "fulfilment": "", "store": ""}
            for one in records[at][1]["lines"]
        ]
        assert value
        records[at][1]["upserted"] = []
    records[at][1][field] = value
    with pytest.raises(BenchmarkError):
        check_cart_snapshots(encoded(records), LOAD.stream())


def test_an_outcome_other_than_applied_fails() -> None:
    records = list(snapshots())
    records[10][1]["cause"]["outcome"] = "duplicate"
    with pytest.raises(BenchmarkError, match="applied"):
        check_cart_snapshots(encoded(records), LOAD.stream())


def test_a_result_file_has_the_agreed_form(tmp_path: Any) -> None:
    content = document(
        [
            median_of("throughput", "faust", "events_per_second", "events/s", [3.0, 1.0, 2.0], 0),
            Result("memory", "ccstream", "bytes_per_cart", 1_500, "bytes", [1_500.0]),
        ]
    )
    path = write(content, tmp_path)
    assert newest(tmp_path) == path
    read = json.loads(path.read_text())
    assert path.name == f"{read['date']}.json"
    assert set(read) == {"machine", "date", "results"}
    for result in read["results"]:
        assert set(result) == {"question", "subject", "metric", "value", "unit", "runs"}
    assert read["results"][0]["value"] == 2.0
    assert "node" not in read["machine"] and "hostname" not in read["machine"]
    assert "| memory | bytes per cart, bytes |\n|---|---:|\n| ccstream | 1,500 |" in markdown(read)
    assert "memory" not in markdown(read, frozenset({"throughput"}))
    assert "events_per_second" in table(read)


def test_questions_asked_again_take_the_place_of_their_figures(tmp_path: Any) -> None:
    def figure(question: str, value: float) -> Result:
        return Result(question, "ccstream", "seconds", value, "s", [value])

    with pytest.raises(ValueError, match="no result file"):
        renewed(document([figure("fold", 1)]), tmp_path)
    write(document([figure("fold", 1), figure("memory", 2)]), tmp_path)
    found = renewed(document([figure("fold", 3), figure("restore", 4)]), tmp_path)["results"]
    assert [(one["question"], one["value"]) for one in found] == [
        ("fold", 3),
        ("memory", 2),
        ("restore", 4),
    ]
