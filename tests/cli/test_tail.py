from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.domain.events import CartItemAdded
from ccstream.wire.codec import Codec
from ccstream.wire.headers import event_headers
from ccstream.wire.mail import FORWARD, Mail, encode_mail
from ccstream.wire.rejected import encode_rejected, rejected_record
from tests.cli.conftest import Ended
from tests.support.machine import Stopwatch
from tests.support.produce import Sent, produce
from tests.support.topics import make_topic

Run = Callable[..., Ended]

CODEC = Codec()


def added(number: int = 1, subject: str = "customer:42") -> CartItemAdded:
    return CartItemAdded(
        event_id=f"e{number}",
        occurred_at=1_700_000_000_000 + number,
        channel="web",
        source="shop",
        subject=subject,
        observed=b"\x01\x02",
        sku="mug",
        quantity=number,
    )


def sent(topic: str, number: int, partition: int | None = None) -> Sent:
    event = added(number)
    headers = tuple(event_headers(event))
    return Sent(topic, event.subject, CODEC.encode_event(event), headers, partition)


@pytest.fixture
def tail(ccstream: Run, embedded_kafka: str, unique: str) -> Callable[..., list[dict[str, Any]]]:
    """The records of this test's topic, as ``ccstream tail --json`` shows them."""

    def run(*options: str) -> list[dict[str, Any]]:
        ended = ccstream("tail", unique, "--bootstrap", embedded_kafka, "--json", *options)
        assert ended.code == 0, ended.err
        return [json.loads(line) for line in ended.out.splitlines()]

    return run


Tail = Callable[..., list[dict[str, Any]]]


def test_an_event_is_shown_decoded_with_its_place_and_headers(
    tail: Tail, embedded_kafka: str, unique: str
) -> None:
    produce(embedded_kafka, [sent(unique, 3)])
    (shown,) = tail("--from", "beginning")
    assert shown["topic"] == unique
    assert shown["key"] == "customer:42"
    assert shown["type"] == "CartItemAdded"
    assert shown["value"]["quantity"] == 3
    assert shown["value"]["observed"] == "0102"
    assert shown["headers"]["ce_id"] == "e3"
    assert shown["time"].endswith("Z")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_avro"),
        (b"hello \x1b[31mred", "not_avro"),
        (b"\xc3\x01" + b"12345678" + b"x", "unknown_schema"),
        (b"\x00\x00\x00\x00\x07x", "unknown_schema"),
        (CODEC.encode_event(added())[:-3], "truncated"),
        (os.urandom(100_000), ""),
    ],
)
def test_what_is_no_record_is_shown_as_such_and_reading_goes_on(
    tail: Tail, embedded_kafka: str, unique: str, value: bytes, reason: str
) -> None:
    produce(
        embedded_kafka,
        [Sent(unique, b"\xff\x00", value, partition=0), sent(unique, 1, partition=0)],
    )
    bad, good = tail("--from", "beginning")
    assert reason in bad["error"]
    assert "value" not in bad
    assert bad["key"] == "0xff00"
    assert bad.get("raw_bytes", 0) == len(value)
    assert value.hex().startswith(bad["raw"])
    assert len(bad["raw"]) < 5_000
    assert good["type"] == "CartItemAdded"


def test_nothing_in_a_record_can_steer_the_terminal(
    ccstream: Run, embedded_kafka: str, unique: str
) -> None:
    produce(embedded_kafka, [Sent(unique, "\x1b[2Jkey", b"\x1b[2Jvalue", (("h", b"\x1b[2J"),))])
    for style in ((), ("--json",)):
        ended = ccstream("tail", unique, "--bootstrap", embedded_kafka, *style)
        assert "\x1b" not in ended.out


def test_a_tombstone_is_no_error(tail: Tail, embedded_kafka: str, unique: str) -> None:
    produce(embedded_kafka, [Sent(unique, "customer:42", None, (("ccstream-epoch", b"7"),))])
    (shown,) = tail("--from", "beginning")
    assert shown["tombstone"] is True
    assert shown["headers"] == {"ccstream-epoch": "7"}
    assert "error" not in shown


def test_a_letter_and_a_dead_letter_show_the_event_they_hold(
    tail: Tail, embedded_kafka: str, unique: str
) -> None:
    value = CODEC.encode_event(added(5))
    letter = Mail(
        mail_id="m",
        hops=1,
        to="customer:7",
        kind=FORWARD,
        origin_topic="channel.web.events.v1",
        origin_partition=0,
        origin_offset=9,
        origin_appended_at=1,
        value=value,
    )

    def dead(held: bytes) -> bytes:
        return encode_rejected(
            rejected_record(
                reason="too_late",
                detail="so late",
                topic="channel.web.events.v1",
                partition=0,
                offset=9,
                appended_at=1,
                key=b"customer:42",
                value=held,
                event=None,
                rejected_at=2,
            )
        )

    produce(
        embedded_kafka,
        [
            Sent(unique, "customer:7", encode_mail(letter), partition=0),
            Sent(unique, None, dead(value), partition=0),
            Sent(unique, None, dead(b"junk"), partition=0),
        ],
    )
    mail, rejected, junk = tail("--from", "beginning")
    assert mail["value"]["event"]["quantity"] == 5
    assert rejected["value"]["reason"] == "too_late"
    assert rejected["value"]["event"]["type"] == "CartItemAdded"
    assert rejected["value"]["key"] == "customer:42"
    assert junk["value"]["value"] == b"junk".hex()


def test_a_row_of_a_changelog_is_shown_decoded(
    tail: Tail, embedded_kafka: str, unique: str
) -> None:
    row = {
        "version": 1,
        "root": "customer:42",
        "since": 5,
        "event_id": "e",
        "earlier": [],
        "known_from": None,
        "erased_until": 0,
    }
    produce(embedded_kafka, [Sent(unique, "visitor:9", CODEC.encode("AliasRow", row))])
    (shown,) = tail("--from", "beginning")
    assert shown["type"] == "AliasRow"
    assert shown["value"] == row


def test_where_to_begin_and_when_to_end(tail: Tail, embedded_kafka: str, unique: str) -> None:
    produce(embedded_kafka, [sent(unique, number, partition=2) for number in range(1, 21)])

    def quantities(*options: str) -> list[int]:
        return [one["value"]["quantity"] for one in tail(*options)]

    assert quantities() == list(range(11, 21))
    assert quantities("--from", "beginning") == list(range(1, 21))
    assert quantities("--from", "-3") == [18, 19, 20]
    assert quantities("--from", "18") == [19, 20]
    assert quantities("--from", "end") == []
    assert quantities("--from", "beginning", "-n", "2") == [1, 2]
    assert quantities("--from", "beginning", "--partition", "1") == []


def test_only_the_records_of_a_key(tail: Tail, embedded_kafka: str, unique: str) -> None:
    produce(
        embedded_kafka,
        [sent(unique, 1), Sent(unique, "customer:7", CODEC.encode_event(added(2, "customer:7")))],
    )
    (shown,) = tail("--from", "beginning", "--key", "customer:7")
    assert shown["value"]["subject"] == "customer:7"


def test_a_line_for_people_says_where_when_who_and_what(
    ccstream: Run, embedded_kafka: str, unique: str
) -> None:
    produce(embedded_kafka, [sent(unique, 3, partition=1)])
    ended = ccstream("tail", unique, "--bootstrap", embedded_kafka)
    (line,) = ended.out.splitlines()
    assert line.startswith("1@0  20")
    assert "customer:42  CartItemAdded {" in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "yesterday"], "neither beginning, end, nor a number"),
        (["--partition", "9"], "has the partitions 0 to 3"),
        (["-n", "0"], "-n"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    ccstream: Run, embedded_kafka: str, unique: str, options: list[str], said: str
) -> None:
    produce(embedded_kafka, [sent(unique, 1)])
    ended = ccstream("tail", unique, "--bootstrap", embedded_kafka, *options)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err


def test_a_topic_that_is_not_there_is_told_with_the_nearest_that_is(
    ccstream: Run, embedded_kafka: str, unique: str
) -> None:
    produce(embedded_kafka, [sent(f"{unique}.carts.v1", 1)])
    ended = ccstream("tail", f"{unique}.cart.v1", "--bootstrap", embedded_kafka)
    assert ended.code == 2
    assert f"did you mean {unique}.carts.v1?" in ended.err


def test_following_shows_what_comes_and_ctrl_c_ends_it_quietly(
    embedded_kafka: str, unique: str
) -> None:
    produce(embedded_kafka, [sent(unique, 1, partition=0)])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ccstream", "tail", unique, "--follow", "--json"),
            *("--from", "beginning", "--bootstrap", embedded_kafka),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["value"]["quantity"] == 1
        produce(embedded_kafka, [sent(unique, 2, partition=0)])
        assert json.loads(process.stdout.readline())["value"]["quantity"] == 2
        with Stopwatch() as ending:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        assert ending.kept(5), ending
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, "", "")


def test_a_reader_that_has_seen_enough_ends_it_and_well(embedded_kafka: str, unique: str) -> None:
    produce(embedded_kafka, [sent(unique, 1, partition=0)])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ccstream", "tail", unique, "--follow"),
            *("--from", "beginning", "--bootstrap", embedded_kafka),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        assert b"CartItemAdded" in process.stdout.readline()
        process.stdout.close()
        produce(embedded_kafka, [sent(unique, 2, partition=0)])
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()


def test_a_broker_that_goes_away_while_following_is_told_once_and_waited_for(unique: str) -> None:
    with EmbeddedKafka() as broker:
        produce(broker.bootstrap, [sent(unique, 1, partition=0)])
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "ccstream", "tail", unique, "--follow"),
                *("--from", "beginning", "--bootstrap", broker.bootstrap),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stderr is not None
        assert "CartItemAdded" in process.stdout.readline()
    try:
        assert "trouble with Kafka, trying again" in process.stderr.readline()
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=10)
        assert (process.returncode, rest) == (130, "")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.realkafka
def test_what_is_not_committed_is_left_out_when_asked(
    ccstream: Run, kafka: str, unique: str
) -> None:
    make_topic(kafka, unique, partitions=1)
    produce(kafka, [sent(unique, 1)])
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": unique})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(unique, value=CODEC.encode_event(added(2)), key="customer:42")
    producer.flush(20)

    def quantities(*options: str) -> list[int]:
        ended = ccstream(
            "tail", unique, "--bootstrap", kafka, "--from", "beginning", "--json", *options
        )
        return [json.loads(line)["value"]["quantity"] for line in ended.out.splitlines()]

    try:
        assert quantities() == [1, 2]
        assert quantities("--committed") == [1]
    finally:
        producer.abort_transaction(20)
    assert quantities("--committed") == [1]
