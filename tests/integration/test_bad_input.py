"""What should not be in an input topic: each is rejected with its reason, and work goes on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from ccstream.domain import reasons
from ccstream.domain.events import CartItemAdded, Event, IdentifiersLinked, Money
from ccstream.ops.broker import Broker
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC, SYNC_TOPICS, input_topic
from ccstream.wire.partition import partition_for
from ccstream.wire.rejected import KEPT_VALUE_BYTES_MAX
from tests.integration.harness import PARTITIONS, added, codec, units, wait_until
from tests.integration.pipeline import Pipeline, Place, decoded, new_subject, of_event, of_key
from tests.support.produce import Sent

pytestmark = pytest.mark.timeout(180)

CARTS = SYNC_TOPICS["carts"]
YEAR_MS = 366 * 24 * 3_600_000
MB = 1_000_000
GARBAGE = random.Random(7).randbytes(200)


class Bad(NamedTuple):
    """A record, and what has to be said of it."""

    record: Sent
    reason: str


def sent(event: Any, key: str | None = "", **more: Any) -> Sent:
    """An event as its channel would send it, unless ``more`` says otherwise."""
    fields = {
        "topic": input_topic(event.channel),
        "key": event.subject if key == "" else key,
        "value": codec.encode_event(event),
    }
    return Sent(**(fields | more))


def bytes_of(value: bytes | None) -> Callable[[CartItemAdded], Sent]:
    return lambda event: sent(event, value=value)


def with_fields(**fields: Any) -> Callable[[CartItemAdded], Sent]:
    return lambda event: sent(replace(event, **fields))


def in_a_year(event: CartItemAdded) -> Sent:
    return sent(replace(event, occurred_at=event.occurred_at + YEAR_MS))


def cut_short(event: CartItemAdded) -> Sent:
    return sent(event, value=codec.encode_event(event)[:-4])


def with_more_behind(event: CartItemAdded) -> Sent:
    return sent(event, value=codec.encode_event(event) + b"\x00")


def registered_elsewhere(event: CartItemAdded) -> Sent:
    return sent(event, value=b"\x00\x00\x00\x00\x2a" + codec.encode_event(event)[10:])


def of_an_unknown_schema(event: CartItemAdded) -> Sent:
    return sent(event, value=b"\xc3\x01" + b"12345678" + codec.encode_event(event)[10:])


def what_workers_write(event: CartItemAdded) -> Sent:
    owner = {
        "app_id": "app",
        "partition": 0,
        "partitions": PARTITIONS,
        "state_id": b"12345678",
        "epoch": 1,
        "transactional_ids": [],
        "member": "",
        "acquired_at": 0,
        "address": "",
        "query_key": b"",
    }
    return sent(event, value=codec.encode("Owner", owner))


BAD = {
    "random bytes": (bytes_of(GARBAGE), reasons.NOT_AVRO),
    "no bytes": (bytes_of(b""), reasons.NOT_AVRO),
    "random bytes behind an unknown fingerprint": (
        bytes_of(b"\xc3\x01" + GARBAGE),
        reasons.UNKNOWN_SCHEMA,
    ),
    "a record that is cut short": (cut_short, reasons.TRUNCATED),
    "a fingerprint that is cut short": (bytes_of(b"\xc3\x01\x07"), reasons.TRUNCATED),
    "bytes behind the record": (with_more_behind, reasons.MALFORMED),
    "an unknown registry id": (registered_elsewhere, reasons.UNKNOWN_SCHEMA),
    "an unknown fingerprint": (of_an_unknown_schema, reasons.UNKNOWN_SCHEMA),
    "a record that is no event": (what_workers_write, reasons.NOT_AN_EVENT),
    "a null value": (bytes_of(None), reasons.NULL_VALUE),
    "a key of somebody else": (lambda e: sent(e, key="customer:other"), reasons.KEY_MISMATCH),
    "a key that is no text": (lambda e: sent(e, key=b"\xff\xfe"), reasons.KEY_MISMATCH),
    "no key": (lambda e: sent(e, key=None), reasons.KEY_MISMATCH),
    "a subject without a namespace": (with_fields(subject="nobody"), reasons.INVALID_KEY),
    "another channel's topic": (lambda e: sent(e, topic=input_topic("app")), "channel_mismatch"),
    "a quantity of 0": (with_fields(quantity=0), reasons.INVALID_QUANTITY),
    "a negative quantity": (with_fields(quantity=-1), reasons.INVALID_QUANTITY),
    "a quantity over a million": (with_fields(quantity=1_000_001), reasons.INVALID_QUANTITY),
    "a time a year ahead": (in_a_year, reasons.INVALID_TIME),
    "a time before 1970": (with_fields(occurred_at=-1), reasons.INVALID_TIME),
    "a time of 40 days ago": (
        lambda e: sent(replace(e, occurred_at=e.occurred_at - YEAR_MS // 9)),
        reasons.TOO_LATE,
    ),
    "a currency that is none": (
        with_fields(unit_price=Money(100, "euro")),
        reasons.INVALID_MONEY,
    ),
    "5 MB of random bytes": (bytes_of(b"\x07" * (5 * MB)), reasons.NOT_AVRO),
    "a text of 5 MB": (with_fields(name="x" * (5 * MB)), reasons.INVALID_TEXT),
    "a name of over a thousand characters": (with_fields(name="x" * 1_001), reasons.INVALID_TEXT),
}


@pytest.fixture(scope="module", autouse=True)
def big_records(pipeline: Pipeline) -> None:
    """Let one channel's topic take more than the worker was told that topics take."""
    if pipeline.real:
        Broker(pipeline.settings).set_config(input_topic("web"), {"max.message.bytes": str(8 * MB)})


def goes_on(pipeline: Pipeline, topic: str, partition: int) -> None:
    """A good event behind a bad one is folded, and is what its reader sees."""
    channel = topic.split(".")[1]
    event = added(1, new_subject(partition), channel)
    assert pipeline.put(sent(event))[0][:2] == (topic, partition)
    synced = decoded(pipeline.tail(CARTS).until(of_event(event.event_id)))
    assert synced["cause"]["outcome"] == "applied"
    assert units({event.subject: synced}) == {event.subject: 1}


@pytest.mark.parametrize("name", BAD)
def test_it_is_rejected_with_reason_origin_and_bytes_and_the_next_one_is_folded(
    pipeline: Pipeline, name: str
) -> None:
    make, reason = BAD[name]
    subject = new_subject()
    event = added(1, subject)
    record = make(event)
    before = pipeline.worker.metric("ccstream_rejected_total", reason=reason)
    (place,) = pipeline.put(record)
    letter = letter_of(pipeline, place)
    assert letter["reason"] == reason
    assert letter["detail"]
    assert (letter["topic"], letter["partition"], letter["offset"]) == place
    assert letter["key"] == (record.key.encode() if isinstance(record.key, str) else record.key)
    kept = None if record.value is None else record.value[:KEPT_VALUE_BYTES_MAX]
    assert letter["value"] == kept
    assert letter["value_bytes"] == len(record.value or b"")
    assert abs(letter["appended_at"] - time.time() * 1000) < 120_000
    goes_on(pipeline, place.topic, place.partition)
    wait_until(
        lambda: pipeline.worker.metric("ccstream_rejected_total", reason=reason) == before + 1, 10
    )


def test_a_price_in_another_currency_is_rejected_and_the_cart_stays_as_it_is(
    pipeline: Pipeline,
) -> None:
    subject = new_subject()
    in_euro = added(1, subject, unit_price=Money(100, "EUR"))
    in_yen = added(2, subject, unit_price=Money(100, "JPY"))
    places = pipeline.put(sent(in_euro), sent(in_yen))
    letter = letter_of(pipeline, places[1])
    assert (letter["reason"], letter["event_id"]) == (reasons.CURRENCY_MISMATCH, in_yen.event_id)
    after = decoded(pipeline.tail(CARTS).until(of_event(in_yen.event_id)))
    assert after["cause"]["outcome"] == "rejected"
    assert after["currency"] == "EUR"
    assert units({subject: after}) == {subject: 1}


def test_an_event_for_an_alias_of_an_account_nobody_has_heard_of_begins_that_account(
    pipeline: Pipeline,
) -> None:
    visitor, account = new_subject(namespace="visitor"), new_subject()
    pipeline.put(sent(linked(visitor, account)))
    pipeline.put(sent(added(1, visitor)))
    synced = decoded(pipeline.tail(CARTS).until(of_key(account)))
    assert synced["cause"]["outcome"] == "applied"
    assert units({account: synced}) == {account: 1}


@pytest.mark.parametrize(
    ("identifiers", "reason"),
    [
        (("loyalty:1",), reasons.LINK_WITHOUT_ACCOUNT),
        (("customer:1", "customer:2"), reasons.LINK_TO_SEVERAL_ACCOUNTS),
        ((), reasons.INVALID_LIST),
        (("customer:",), reasons.INVALID_KEY),
    ],
)
def test_a_log_in_that_leads_nowhere_is_rejected_and_makes_no_alias(
    pipeline: Pipeline, identifiers: tuple[str, ...], reason: str
) -> None:
    visitor = new_subject(namespace="visitor")
    (place,) = pipeline.put(sent(linked(visitor, *identifiers)))
    assert letter_of(pipeline, place)["reason"] == reason
    event = added(1, visitor)
    pipeline.put(sent(event))
    assert decoded(pipeline.tail(CARTS).until(of_event(event.event_id)))["subject"] == visitor


def test_letters_that_no_worker_wrote_are_rejected(pipeline: Pipeline) -> None:
    for value in GARBAGE, b"", None, codec.encode_event(added(1, new_subject())):
        (place,) = pipeline.put(Sent(MAIL_TOPIC, "customer:x", value, partition=1))
        assert letter_of(pipeline, place)["value"] == value
    goes_on(pipeline, input_topic("app"), 1)


def test_headers_that_are_damaged_or_overlong_do_no_harm(pipeline: Pipeline) -> None:
    overlong = sent(added(1, new_subject(2)), headers=(("traceparent", b"x" * 900_000),))
    pipeline.put(overlong)
    put_with_damaged_header(pipeline, added(1, new_subject(2)))
    goes_on(pipeline, input_topic("web"), 2)


def test_what_is_too_big_to_be_sent_on_is_rejected(pipeline: Pipeline) -> None:
    subject = new_subject(0)
    event = added(1, subject, observed=b"x" * (3 * MB))
    (place,) = pipeline.put(sent(event, partition=1))
    assert letter_of(pipeline, place)["reason"] == reasons.TOO_BIG
    goes_on(pipeline, input_topic("web"), 1)


def test_every_record_of_all_these_was_counted_once(pipeline: Pipeline) -> None:
    """The last of this module: whatever was published came to one end."""
    again = added(1, new_subject())
    pipeline.put(sent(again), sent(again))
    ends = ("applied", "no_effect", "duplicate", "too_late", "rejected")
    worker = pipeline.worker

    def counted() -> dict[str, float]:
        return {end: worker.metric("ccstream_events_total", outcome=end) for end in ends}

    wait_until(lambda: sum(counted().values()) >= pipeline.published, 30)
    found = counted()
    assert sum(found.values()) == pipeline.published
    assert found["duplicate"] == 1
    letters = worker.metric("ccstream_rejected_total")
    assert found["too_late"] + found["rejected"] == letters
    assert letters >= len(BAD)
    consumed = worker.metric("ccstream_events_consumed_total")
    assert consumed == pipeline.published + worker.metric("ccstream_mail_total")


def letter_of(pipeline: Pipeline, place: Place) -> dict[str, Any]:
    """The dead letter of a record."""
    return decoded(pipeline.tail(REJECTED_TOPIC).until(of_key("/".join(map(str, place)))))


def linked(subject: str, *identifiers: str) -> IdentifiersLinked:
    fields = {name: getattr(added(0, subject), name) for name in Event.__struct_fields__}
    return IdentifiersLinked(**fields, identifiers=identifiers)


PUT_WITH_DAMAGED_HEADER = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class NotUtf8(str):
    def encode(self, *_):
        return b"\\xff\\xfe"

async def put(bootstrap, topic, partition, key, value):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(
            topic,
            bytes.fromhex(value),
            key.encode(),
            partition=int(partition),
            headers=[(NotUtf8("name"), b"value")],
        )

asyncio.run(put(*sys.argv[1:]))
"""


def put_with_damaged_header(pipeline: Pipeline, event: CartItemAdded) -> None:
    """As a careless producer would; without its C code aiokafka is one."""
    home = partition_for(event.subject.encode(), PARTITIONS)
    topic, value = input_topic(event.channel), codec.encode_event(event).hex()
    bootstrap = pipeline.settings.kafka.bootstrap
    subprocess.run(
        [
            *(sys.executable, "-c", PUT_WITH_DAMAGED_HEADER),
            *(bootstrap, topic, str(home), event.subject, value),
        ],
        env=os.environ | {"AIOKAFKA_NO_EXTENSIONS": "1"},
        timeout=60,
        check=True,
    )
    pipeline.published += 1
