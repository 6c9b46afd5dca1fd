"""Whether outputs are right: every one is decoded and compared with a plain fold.

Sync records are read by schema, not by the code that wrote them. The events of a load come
in order for each customer, so the n-th snapshot of a customer is that after the n-th event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from confluent_kafka import Message

from benchmarks.load import CartModel
from benchmarks.records import BenchmarkError
from ccstream.domain.events import Event
from ccstream.wire.codec import Codec

__all__ = ["check_cart_snapshots", "check_json_carts", "check_last_touches"]


def check_json_carts(outputs: Iterable[Message], events: Iterable[Event]) -> int:
    """A plain ``{sku: quantity}`` for each event; returns how many were compared."""
    expected = _by_subject(events)
    model = CartModel()
    count = 0
    for message in outputs:
        subject = _subject(message)
        event = _next_event(expected, subject)
        if orjson.loads(message.value() or b"null") != model.apply(event):
            raise BenchmarkError(f"after {event.event_id} the cart is wrong")
        count += 1
    _nothing_left(expected)
    return count


def check_cart_snapshots(outputs: Iterable[Message], events: Iterable[Event]) -> int:
    """A CartSynced for each event: its cause, the snapshot, and the delta that leads to it."""
    expected = _by_subject(events)
    model = CartModel()
    decode = Codec().decode
    known: dict[str, tuple[int, dict[str, int]]] = {}
    count = 0
    for message in outputs:
        subject = _subject(message)
        event = _next_event(expected, subject)
        quantities = model.apply(event)
        count += 1
        if message.value() is None:
            if quantities:
                raise BenchmarkError(f"after {event.event_id} the cart is gone")
            known.pop(subject, None)
            continue
        name, record = decode(message.value())
        _expect(name == "CartSynced", event, "the record is a CartSynced", name)
        _expect(record["subject"] == subject, event, "the subject is the key", record["subject"])
        _expect_cause(record["cause"], event)
        lines = _quantities(record["lines"])
        _expect(lines == quantities, event, f"the cart is {quantities}", lines)
        version, before = known.get(subject, (None, {}))
        if version is not None:
            _expect(record["version"] > version, event, "versions rise", record["version"])
        if record["base_version"] == version or version is None:
            after = dict(before)
            for key in record["removed"]:
                after.pop(key["sku"], None)
            after |= _quantities(record["upserted"])
            _expect(after == quantities, event, "the delta leads to the snapshot", after)
        else:
            _expect(False, event, f"the delta builds on {version}", record["base_version"])
        known[subject] = record["version"], dict(quantities)
    _nothing_left(expected)
    return count


def check_last_touches(outputs: Iterable[Message], events: Iterable[Event]) -> int:
    """A LastTouchSynced for each event, whose last touch is that event."""
    expected = _by_subject(events)
    decode = Codec().decode
    count = 0
    for message in outputs:
        subject = _subject(message)
        event = _next_event(expected, subject)
        count += 1
        name, record = decode(message.value())
        _expect(name == "LastTouchSynced", event, "the record is a LastTouchSynced", name)
        _expect(record["subject"] == subject, event, "the subject is the key", record["subject"])
        _expect_cause(record["cause"], event)
        last = record["last"]
        _expect(last["occurred_at"] == event.occurred_at, event, "it is the last touch", last)
        _expect(last["channel"] == event.channel, event, f"it came by {event.channel}", last)
    _nothing_left(expected)
    return count


def _expect_cause(cause: dict[str, Any], event: Event) -> None:
    _expect(cause["event_id"] == event.event_id, event, "it is the cause", cause["event_id"])
    _expect(cause["outcome"] == "applied", event, "it is applied", cause["outcome"])


def _expect(holds: bool, event: Event, what: str, found: object) -> None:
    if not holds:
        raise BenchmarkError(f"after {event.event_id} it should be that {what}; found: {found}")


def _quantities(lines: list[dict[str, Any]]) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in lines}


def _by_subject(events: Iterable[Event]) -> dict[str, Iterator[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.subject].append(event)
    return {subject: iter(of_subject) for subject, of_subject in found.items()}


def _subject(message: Message) -> str:
    key = message.key()
    if not isinstance(key, bytes):
        raise BenchmarkError(f"an output of {message.topic()} has no key")
    return key.decode()


def _next_event(expected: dict[str, Iterator[Event]], subject: str) -> Event:
    event = next(expected.get(subject, iter(())), None)
    if event is None:
        raise BenchmarkError(f"there are more outputs than events for {subject}")
    return event


def _nothing_left(expected: dict[str, Iterator[Event]]) -> None:
    missing = sum(1 for events in expected.values() for _ in events)
    if missing:
        raise BenchmarkError(f"{missing:,} events have no output")
