"""What the checker accepts, and that it finds each kind of mistake in what a run leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.author import TAKEN, Record
from tests.chaos.checker import MAIL, REJECTED, Evidence, Seen, Violation, check, check_readers
from tests.chaos.logs import Stored
from tests.chaos.records import encode
from tests.chaos.reference import Line, truth_of
from tests.chaos.writers import Sent

CUSTOMER = "customer:1"
WEB = "channel.web.events.v1"


def event(number: int, kind: str, fate: str = TAKEN, **fields: Any) -> Record:
    made = {
        "event_id": f"e{number}",
        "occurred_at": number,
        "channel": "web",
        "source": "web-1",
        "subject": CUSTOMER,
        **fields,
    }
    return Record(WEB, CUSTOMER, encode(kind, made), kind, CUSTOMER, fate, made)


def added(number: int, sku: str = "shoe", fate: str = TAKEN) -> Record:
    return event(number, "CartItemAdded", fate, sku=sku, quantity=number)


HISTORY = [
    added(1),
    added(2),
    event(3, "CartItemRemoved", sku="shoe", dots=["e1"]),
    added(4, "hat"),
    added(5, fate="too_late"),
]


def stored(topic: str, offset: int, value: bytes | None, version: int = 0) -> Stored:
    headers = {"ccstream-epoch": b"%d" % (version >> 32), "ce_id": b"0-%d" % version}
    return Stored(topic, 0, offset, offset, CUSTOMER.encode(), value, headers)


def touched(offset: int, record: Record, outcome: str = "applied", version: int = 0) -> Stored:
    touch = {"kind": "", "detail": "", **record.event}
    first = {**touch, "event_id": "e1", "occurred_at": 1}
    cause = {**record.event, "event_type": record.kind, "appended_at": 0, "outcome": outcome}
    row = {
        "subject": CUSTOMER,
        "version": version or (1 << 32) + offset + 1,
        "base_version": 0,
        "cause": cause,
        "first": first,
        "last": touch,
        "by_channel": [touch],
    }
    value = encode("LastTouchSynced", row)
    return stored("sync.touches.v1", offset, value, version or (1 << 32) + offset + 1)


def dot(record: Record) -> dict[str, Any]:
    more: dict[str, Any] = {"appended_at": 0, "positions": [], "origin": ""}
    return {**record.event, **more}


def line(sku: str, *dots: Record) -> dict[str, Any]:
    empty = {"options_hash": "", "fulfilment": "", "store": "", "sets": []}
    return {**empty, "sku": sku, "dots": [dot(one) for one in dots]}


def cart_row(*lines: dict[str, Any]) -> bytes:
    row = {"version": 1, "number": 1, "lines": lines, "pending": [], "absorbed": [], "last_now": 0}
    return encode("CartRow", row)


def synced(**quantities: int) -> Stored:
    blank = {"options_hash": "", "fulfilment": "", "store": "", "channel": ""}
    lines = [
        {**blank, "sku": sku, "quantity": quantity, "added_at": 0, "changed_at": 0}
        for sku, quantity in quantities.items()
    ]
    row = {
        "subject": CUSTOMER,
        "version": 1 << 32,
        "base_version": 0,
        "cart_number": 1,
        "cause": {
            **HISTORY[3].event,
            "event_type": "",
            "appended_at": 0,
            "outcome": "applied",
        },
        "lines": lines,
        "upserted": [],
        "removed": [],
        "conflicts": [],
        "observed": b"",
    }
    return stored("sync.carts.v1", 0, encode("CartSynced", row), 1 << 32)


def letter(offset: int, reason: str) -> Stored:
    fields = {
        "reason": reason,
        "detail": "",
        "topic": WEB,
        "partition": 0,
        "offset": offset,
        "appended_at": 0,
        "rejected_at": 0,
    }
    return stored(REJECTED, offset, encode("Rejected", fields))


def good() -> Evidence:
    """What a run of the history leaves behind, all promises kept."""
    touches = [touched(offset, record) for offset, record in enumerate(HISTORY[:4])]
    outputs = {
        "sync.carts.v1": [synced(shoe=2, hat=4)],
        "sync.touches.v1": touches,
        "sync.orders.v1": [],
        MAIL: [],
        REJECTED: [letter(4, "too_late")],
    }
    row = cart_row(line("shoe", HISTORY[1]), line("hat", HISTORY[3]))
    return Evidence(
        [Sent(record, 0, offset) for offset, record in enumerate(HISTORY)],
        {WEB: [stored(WEB, offset, record.value) for offset, record in enumerate(HISTORY)]},
        outputs,
        {"carts": [stored("changelog", 0, row)], "orders": [], "aliases": [], "touches": []},
        {topic: list(outputs[topic]) for topic in outputs if topic.startswith("sync")},
    )


def test_a_run_that_kept_its_promises_is_counted() -> None:
    assert check(good()) == {"published": 5, "applied": 4, "too_late": 1}


def test_the_reference_lets_an_event_take_only_what_it_names() -> None:
    truth = truth_of(HISTORY)
    assert truth.carts[CUSTOMER] == {
        "shoe": Line(("e2",), (), 2),
        "hat": Line(("e4",), (), 4),
    }
    assert truth.touches[CUSTOMER] == ("e1", "e4", {"web": "e4"})
    assert truth_of(reversed(HISTORY)) == truth_of([*HISTORY, *HISTORY]) == truth


def lose_an_output(evidence: Evidence) -> None:
    del evidence.outputs["sync.touches.v1"][1]


def lose_an_acknowledged_record(evidence: Evidence) -> None:
    del evidence.inputs[WEB][1]


def lose_an_effect(evidence: Evidence) -> None:
    row = cart_row(line("hat", HISTORY[3]))
    evidence.changelogs["carts"].append(stored("changelog", 1, row))


def double_an_effect(evidence: Evidence) -> None:
    row = cart_row(line("shoe", HISTORY[1], HISTORY[1]), line("hat", HISTORY[3]))
    evidence.changelogs["carts"].append(stored("changelog", 1, row))


def apply_twice(evidence: Evidence) -> None:
    evidence.outputs["sync.touches.v1"].insert(2, touched(1, HISTORY[1]))


def bring_back_what_was_removed(evidence: Evidence) -> None:
    row = cart_row(line("shoe", *HISTORY[:2]), line("hat", HISTORY[3]))
    evidence.changelogs["carts"].append(stored("changelog", 1, row))


def make_an_event_up(evidence: Evidence) -> None:
    evidence.outputs["sync.touches.v1"].insert(3, touched(3, added(9)))


def lose_a_dead_letter(evidence: Evidence) -> None:
    evidence.outputs[REJECTED].clear()


def reject_what_was_fine(evidence: Evidence) -> None:
    evidence.outputs[REJECTED].append(letter(0, "failed"))


def publish_another_cart_than_is_kept(evidence: Evidence) -> None:
    evidence.outputs["sync.carts.v1"][0] = synced(shoe=3, hat=4)


def let_a_version_go_back(evidence: Evidence) -> None:
    evidence.live["sync.touches.v1"].append(touched(9, HISTORY[3], version=(1 << 32) + 2))


MISTAKES = [
    lose_an_output,
    lose_an_acknowledged_record,
    lose_an_effect,
    double_an_effect,
    apply_twice,
    bring_back_what_was_removed,
    make_an_event_up,
    lose_a_dead_letter,
    reject_what_was_fine,
    publish_another_cart_than_is_kept,
    let_a_version_go_back,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_is_found(mistake: Callable[[Evidence], None]) -> None:
    evidence = good()
    mistake(evidence)
    with pytest.raises(Violation):
        check(evidence)


def test_a_record_of_a_lower_epoch_than_the_highest_may_say_anything() -> None:
    evidence = good()
    late = touched(9, HISTORY[3], version=3 << 32)
    zombie = touched(10, HISTORY[0], version=(2 << 32) + 7)
    evidence.live["sync.touches.v1"] += [late, zombie]
    check(evidence)


def test_a_reader_whose_version_goes_back_is_found() -> None:
    truth = truth_of(HISTORY)
    seen = Seen("a view", carts={CUSTOMER: {"shoe": 2, "hat": 4}}, touches=truth.touches)
    seen.versions["carts", CUSTOMER] = [1, 2, 5]
    check_readers([seen], truth)
    seen.versions["carts", CUSTOMER].append(4)
    with pytest.raises(Violation, match="from version 5 to 4"):
        check_readers([seen], truth)
