"""Dead letters on the command line. That a retry takes effect once, tests/integration shows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.domain.events import CartItemAdded, IdentifiersLinked
from ccstream.domain.interactions import Interaction, Interactions
from ccstream.errors import BrokerUnavailableError
from ccstream.ops import dead_letters, letters_searched, retry, retrying
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC, input_topic
from ccstream.wire.codec import Codec
from ccstream.wire.headers import BY_HAND, RETRY_OF, TRACEPARENT, event_headers
from ccstream.wire.mail import (
    GIVE_BACK,
    HAND_BACK,
    HAND_OVER,
    HAND_OVER_AGAIN,
    LINK,
    Mail,
    decode_mail,
    encode_mail,
)
from ccstream.wire.rejected import encode_rejected, rejected_record
from ccstream.wire.rows import ROW_CODECS, Entry, row_fingerprint
from tests.cli.conftest import Ended
from tests.integration.harness import read
from tests.support.produce import Sent, produce

Run = Callable[..., Ended]

CODEC = Codec()
WEB = input_topic("web")


@pytest.fixture
def kafka() -> Iterator[str]:
    with EmbeddedKafka() as broker:
        yield broker.bootstrap


def added(number: int = 1, **fields: Any) -> CartItemAdded:
    whole: dict[str, Any] = {
        "event_id": f"e{number}",
        "occurred_at": 1_700_000_000_000 + number,
        "channel": "web",
        "source": "shop",
        "subject": "customer:42",
        "sku": "mug",
        "quantity": number,
    }
    return CartItemAdded(**(whole | fields))


def dead(value: bytes | None, **fields: Any) -> Sent:
    whole: dict[str, Any] = {
        "reason": "too_late",
        "detail": "so late",
        "topic": WEB,
        "partition": 3,
        "offset": 99,
        "appended_at": 1_700_000_000_000,
        "key": b"customer:42",
        "value": value,
        "event": None,
        "rejected_at": 2,
    }
    letter = encode_rejected(rejected_record(**(whole | fields)))
    return Sent(REJECTED_TOPIC, None, letter, partition=0)


@pytest.fixture
def rejected(ccstream: Run, kafka: str) -> Callable[..., Ended]:
    def run(*arguments: str) -> Ended:
        return ccstream("rejected", *arguments, "--bootstrap", kafka)

    return run


def records(ended: Ended) -> list[Any]:
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


EVENT = CODEC.encode_event(added())


@pytest.mark.timeout(180)
def test_a_list_names_no_customer_unless_it_is_told_to(rejected: Run, kafka: str) -> None:
    produce(kafka, [dead(EVENT, event=added()), dead(b"junk", reason="not_avro")])
    ended = rejected("list")
    assert "customer" not in ended.out
    first, second = ended.out.splitlines()[1:]
    assert first.split()[0] == "0@0"
    assert "too_late" in first
    assert f"{WEB}/3/99" in first
    assert "CartItemAdded" in first
    assert "not_avro" in second
    assert "customer:42" in rejected("list", "--show-keys").out
    assert "customer" not in rejected("list", "--json").out
    shown = records(rejected("list", "--json", "--show-keys"))
    assert [(one["key"], one["event_id"]) for one in shown] == [
        ("customer:42", "e1"),
        ("customer:42", None),
    ]


@pytest.mark.timeout(180)
def test_a_list_has_the_latest_of_what_is_chosen(rejected: Run, kafka: str) -> None:
    produce(kafka, [dead(EVENT, event=added(), offset=n) for n in range(3)])
    produce(kafka, [dead(EVENT, reason="failed", event=added(channel="app"))])

    def listed(*options: str) -> list[str]:
        return [one["place"] for one in records(rejected("list", "--json", *options))]

    assert listed() == ["0@0", "0@1", "0@2", "0@3"]
    assert listed("--limit", "2") == ["0@2", "0@3"]
    assert "2 dead letters of 4" in rejected("list", "--limit", "2").err
    assert listed("--reason", "failed") == ["0@3"]
    assert listed("--reason", "failed", "--reason", "too_late", "--limit", "1") == ["0@3"]
    assert listed("--channel", "app") == ["0@3"]
    assert listed("--channel", "store") == []
    time.sleep(1.1)
    assert listed("--since", "1s") == []
    assert listed("--since", "beginning") == listed("--since", "2023-01-01T00:00Z") == listed()
    assert rejected("list", "--since", "yesterday").code == 2


@pytest.mark.timeout(180)
def test_one_is_shown_with_its_event_and_the_traceback_and_cannot_steer_the_terminal(
    rejected: Run, kafka: str
) -> None:
    detail = "Traceback (most recent call last):\n  File x\nValueError: \x1b[2J"
    produce(kafka, [dead(EVENT, reason="failed", detail=detail), dead(b"\x1bjunk")])
    ended = rejected("show", "0@0")
    assert ended.code == 0
    assert '  "quantity": 1' in "\n".join(ended.out.splitlines())
    assert "  ValueError: " in ended.out
    assert "\x1b" not in ended.out
    (shown,) = records(rejected("show", "0@0", "--json"))
    assert shown["event"]["subject"] == "customer:42"
    (junk,) = records(rejected("show", "0@1", "--json"))
    assert junk["value"] == b"\x1bjunk".hex()


@pytest.mark.parametrize("place", ["0@7", "900@0"])
@pytest.mark.timeout(180)
def test_a_letter_that_is_not_there_is_said_so(rejected: Run, kafka: str, place: str) -> None:
    produce(kafka, [dead(EVENT)])
    ended = rejected("show", place)
    assert (ended.code, ended.out) == (1, "")
    assert place in ended.err
    assert rejected("retry", place).code == 1


@pytest.mark.parametrize("arguments", [[], ["0-7"], ["0@7", "--since", "1h"]])
def test_a_retry_wants_places_or_a_choice(rejected: Run, arguments: list[str]) -> None:
    assert rejected("retry", *arguments).code == 2


def test_a_retry_is_the_record_as_it_was_as_long_as_its_topic_has_it(
    rejected: Run, kafka: str
) -> None:
    headers = ((RETRY_OF, b"9@9"), ("mine", b"1"))
    produce(kafka, [Sent(WEB, "customer:42", EVENT, headers, partition=1)])
    produce(kafka, [dead(EVENT, partition=1, offset=0)])
    assert rejected("retry", "0@0").code == 0
    (sent,) = [m for m in read(kafka, WEB) if m.partition() != 1 or m.offset() > 0]
    assert sent.headers() == [("mine", b"1"), (RETRY_OF, b"0@0")]
    assert (sent.key(), sent.value()) == (b"customer:42", EVENT)


def test_later_it_is_what_the_dead_letter_keeps_with_headers_made_anew(
    rejected: Run, kafka: str
) -> None:
    produce(kafka, [Sent(WEB, "customer:7", CODEC.encode_event(added(7)), partition=1)])
    produce(kafka, [dead(EVENT, partition=1, offset=0)])  # of a topic that was made anew since
    assert rejected("retry", "0@0", "--late").code == 0
    (sent,) = [m for m in read(kafka, WEB) if m.key() == b"customer:42"]
    assert sent.headers() == [*event_headers(added()), (RETRY_OF, b"0@0"), (BY_HAND, b"")]
    assert sent.value() == EVENT


def test_what_cannot_be_sent_is_told_and_the_rest_is_sent(rejected: Run, kafka: str) -> None:
    produce(kafka, [dead(None), dead(b"x" * 600_000), dead(EVENT), dead(EVENT)])
    ended = rejected("retry", "0@0", "0@1", "0@2", "0@3", "--json")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["sent"] == 1, "one event, however many letters it has"
    assert told["places"] == ["0@2", "0@3"]
    assert "null" in told["passed_over"]["0@0"]
    assert "was cut" in told["passed_over"]["0@1"]
    assert len(read(kafka, WEB)) == 1


def test_what_was_cut_in_its_letter_is_sent_whole_while_its_topic_has_it(
    rejected: Run, kafka: str
) -> None:
    whole = b"x" * 600_000
    produce(kafka, [Sent(WEB, "customer:42", whole, partition=0)])
    produce(kafka, [dead(whole, partition=0, offset=0)])
    assert rejected("retry", "0@0").code == 0
    assert [m.value() for m in read(kafka, WEB)] == [whole, whole]


def test_an_event_rejected_as_a_letter_is_a_letter_again(rejected: Run, kafka: str) -> None:
    produce(kafka, [dead(EVENT, to="customer:7", reason="too_many_hops")])
    assert rejected("retry", "0@0").code == 0
    (sent,) = read(kafka, MAIL_TOPIC)
    letter = decode_mail(sent.value())
    assert sent.key() == b"customer:7"
    assert (letter.to, letter.hops, letter.value) == ("customer:7", 1, EVENT)
    assert (letter.origin_topic, letter.origin_partition, letter.origin_offset) == (WEB, 3, 99)
    assert read(kafka, WEB) == []


LOG_IN = IdentifiersLinked(
    event_id="in",
    occurred_at=1_700_000_000_000,
    channel="web",
    source="shop",
    subject="visitor:1",
    identifiers=("customer:7",),
)

ROW = ROW_CODECS["interactions"].encode_row(
    Entry(Interactions((Interaction("e1", "c-1", "call", "web", "shop", 1, "a-secret"),)), 17)
)


def handed_over(**changes: Any) -> Mail:
    fields: dict[str, Any] = {
        "mail_id": f"{WEB}/3/99/0/0",
        "hops": 1,
        "to": "customer:7",
        "kind": HAND_OVER,
        "origin_topic": WEB,
        "origin_partition": 3,
        "origin_offset": 99,
        "origin_appended_at": 1_700_000_000_000,
        "value": CODEC.encode_event(LOG_IN),
        "table": "interactions",
        "key": "visitor:1",
        "row": ROW,
    }
    return Mail(**fields | changes)


def dead_letter_of(mail: Mail, mail_offset: int | None = 0) -> Sent:
    more = {"to": mail.to, "mail_offset": mail_offset, "reason": "unexpected_record"}
    return dead(mail.value, event=LOG_IN, key=b"visitor:1", **more)


def put_mail(kafka: str, *mail: Mail, headers: Any = ()) -> None:
    sent = [Sent(MAIL_TOPIC, one.to, encode_mail(one), headers, partition=0) for one in mail]
    produce(kafka, sent)


@pytest.mark.timeout(180)
def test_a_row_that_was_not_taken_is_asked_of_who_has_it_without_the_row(
    rejected: Run, kafka: str
) -> None:
    trace = (TRACEPARENT, b"00-1-2-01")
    put_mail(kafka, handed_over(), headers=(trace,))
    letter = dead_letter_of(handed_over())
    produce(kafka, [letter, letter])
    assert json.loads(rejected("show", "0@0", "--json").out)["mail_offset"] == 0
    told = json.loads(rejected("retry", "0@0", "0@1", "--json").out)
    assert (told["sent"], told["places"]) == (1, ["0@0", "0@1"])
    _, sent = sorted(read(kafka, MAIL_TOPIC), key=lambda one: one.key() == b"visitor:1")
    asked = decode_mail(sent.value())
    assert sent.headers() == [trace, (RETRY_OF, b"0@1")]
    assert b"a-secret" not in sent.value()
    fingerprint = row_fingerprint("interactions", ROW)
    again = {"to": "visitor:1", "kind": HAND_OVER_AGAIN, "row": fingerprint}
    assert asked == handed_over(**again)
    assert read(kafka, WEB) == []


def test_rows_of_one_log_in_are_asked_for_one_by_one(rejected: Run, kafka: str) -> None:
    first, second = handed_over(), handed_over(mail_id=f"{WEB}/3/99/0/1", table="interactions")
    put_mail(kafka, first, second)
    produce(kafka, [dead_letter_of(first, 0), dead_letter_of(second, 1)])
    told = json.loads(rejected("retry", "0@0", "0@1", "--json").out)
    assert told["sent"] == 2


@pytest.mark.timeout(180)
def test_a_dead_letter_of_an_earlier_version_has_all_rows_asked_for_that_came_of_its_event(
    rejected: Run, kafka: str
) -> None:
    put_mail(
        kafka,
        handed_over(),
        handed_over(mail_id=f"{WEB}/3/99/0/1"),
        handed_over(mail_id=f"{WEB}/3/99/0/2", table="windows"),
        handed_over(mail_id=f"{WEB}/3/99/0/3", kind=LINK),
        handed_over(mail_id=f"{WEB}/3/98/0/0", origin_offset=98),
        handed_over(mail_id=f"{WEB}/3/99/0/4", to="customer:8"),
    )
    produce(kafka, [dead_letter_of(handed_over(), None), dead_letter_of(handed_over(), None)])
    ended = rejected("retry", "0@0", "0@1", "--json")
    assert "sent 2 records for 2 dead letters" in ended.err
    told = json.loads(ended.out)
    assert (told["sent"], told["places"], told["passed_over"]) == (2, ["0@0", "0@1"], {})
    asked = [decode_mail(m.value()) for m in read(kafka, MAIL_TOPIC) if m.key() == b"visitor:1"]
    assert [(one.kind, one.mail_id[-4:]) for one in asked] == [
        (HAND_OVER_AGAIN, "/0/0"),
        (HAND_OVER_AGAIN, "/0/1"),
    ]
    ended = rejected("retry", "0@0", "--json")
    assert "sent 2 records for 1 dead letter" in ended.err
    told = json.loads(ended.out)
    assert (told["sent"], told["dead_letters"], told["places"]) == (2, 1, ["0@0"])


@pytest.mark.parametrize("reason", ["too_many_accounts", "too_many_identifiers", "too_many_links"])
def test_a_link_that_was_refused_is_passed_over_and_no_row_of_its_event_is_asked_for(
    rejected: Run, kafka: str, reason: str
) -> None:
    put_mail(kafka, handed_over())
    refused = {"to": "customer:7", "reason": reason, "key": b"visitor:1", "event": LOG_IN}
    produce(kafka, [dead(CODEC.encode_event(LOG_IN), **refused)])
    ended = rejected("retry", "0@0", "--json")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["sent"] == 0
    assert "publish it as a new event" in told["passed_over"]["0@0"]
    assert len(read(kafka, MAIL_TOPIC)) == 1


@pytest.mark.parametrize("to", ["customer:7", "visitor:1"])
@pytest.mark.parametrize("mail_offset", [0, 9])
def test_a_link_that_was_refused_is_passed_over_also_where_it_was_its_subjects_own(
    rejected: Run, kafka: str, to: str, mail_offset: int
) -> None:
    put_mail(kafka, handed_over(kind=LINK, table="links", key="told", to=to))
    refused = {"to": to, "reason": "too_many_links", "mail_offset": mail_offset, "event": LOG_IN}
    produce(kafka, [dead(CODEC.encode_event(LOG_IN), **refused)])
    ended = rejected("retry", "0@0", "--json")
    assert ended.code == 1
    assert "publish it as a new event" in json.loads(ended.out)["passed_over"]["0@0"]
    assert len(read(kafka, MAIL_TOPIC)) == 1


def test_all_links_of_a_profile_that_were_refused_are_sent_as_they_were(
    rejected: Run, kafka: str
) -> None:
    mail = handed_over(kind=LINK, table="links", key="gathered")
    put_mail(kafka, mail)
    refused = {"to": mail.to, "reason": "too_many_links", "mail_offset": 0, "event": LOG_IN}
    produce(kafka, [dead(mail.value, **refused)])
    assert rejected("retry", "0@0").code == 0
    assert [decode_mail(m.value()) for m in read(kafka, MAIL_TOPIC)] == [mail, mail]


@pytest.mark.timeout(180)
def test_what_did_not_come_back_is_asked_of_who_gave_it_by_another_letter_each_time(
    rejected: Run, kafka: str
) -> None:
    given = handed_over(kind=HAND_BACK, to="loyalty:5", key="loyalty:5#A", holder="customer:7")
    put_mail(kafka, given)
    produce(kafka, [dead_letter_of(given)])
    for _ in range(2):
        assert rejected("retry", "0@0").code == 0
    asked = [decode_mail(m.value()) for m in read(kafka, MAIL_TOPIC) if m.key() == b"customer:7"]
    assert [(one.kind, one.key, one.row) for one in asked] == [(GIVE_BACK, "loyalty:5", None)] * 2
    assert len({one.mail_id for one in asked}) == 2
    assert all(one.mail_id.startswith(f"{WEB}/3/99/0/again/0@0/") for one in asked)


def test_a_letter_of_a_kind_that_is_not_known_here_is_sent_as_it_was(
    rejected: Run, kafka: str
) -> None:
    mail = handed_over(kind="to_come", hops=8)
    put_mail(kafka, mail)
    produce(kafka, [dead_letter_of(mail)])
    assert rejected("retry", "0@0").code == 0
    assert {m.value() for m in read(kafka, MAIL_TOPIC)} == {
        encode_mail(mail),
        encode_mail(handed_over(kind="to_come", hops=1)),
    }


def test_a_row_that_cannot_be_asked_for_is_told_and_not_mistaken_for_its_log_in(
    rejected: Run, kafka: str
) -> None:
    put_mail(kafka, handed_over(origin_offset=98), handed_over(table="plans"))
    produce(
        kafka,
        [
            dead_letter_of(handed_over(to="customer:8"), None),  # of an earlier version
            dead_letter_of(handed_over(), 0),  # another letter is there, the topic was made anew
            dead_letter_of(handed_over(), 7),
            dead_letter_of(handed_over(table="plans"), 1),
        ],
    )
    ended = rejected("retry", "--since", "1h", "--yes", "--json")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["sent"] == 0
    assert "has no row of it" in told["passed_over"]["0@0"]
    assert "ccstream rebuild" in told["passed_over"]["0@0"]
    assert "is gone from" in told["passed_over"]["0@1"]
    assert "is gone from" in told["passed_over"]["0@2"]
    assert "no table plans" in told["passed_over"]["0@3"]
    assert len(read(kafka, MAIL_TOPIC)) == 2
    assert read(kafka, WEB) == []


def test_a_row_that_was_not_looked_for_is_not_said_to_be_gone(
    rejected: Run, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters_searched, "LETTERS_READ_MAX", 1)
    put_mail(kafka, handed_over(kind=LINK), handed_over())
    produce(kafka, [dead_letter_of(handed_over(), None)])
    ended = rejected("retry", "0@0", "--json")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["sent"] == 0
    assert "not looked for" in told["passed_over"]["0@0"]
    assert "a later --since" in told["passed_over"]["0@0"]
    assert "has no row of it" not in ended.err
    assert len(read(kafka, MAIL_TOPIC)) == 2


def test_events_are_sent_oldest_first(rejected: Run, kafka: str) -> None:
    events = [CODEC.encode_event(added(number)) for number in (3, 1, 2)]
    produce(kafka, [dead(value, offset=n) for n, value in enumerate(events)])
    told = records(rejected("retry", "--since", "beginning", "--yes", "--json"))
    assert told[0]["places"] == ["0@1", "0@2", "0@0"]


@pytest.mark.timeout(180)
def test_many_are_read_and_sent_a_slice_at_a_time_and_it_tells_how_far_it_is(
    rejected: Run, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []

    def prepare(settings: Any, records: Any, letters: Any, **more: Any) -> Any:
        prepared.append(len(letters))
        assert len(read(kafka, WEB)) == sum(prepared[:-1]), "those before are sent by now"
        return retry.prepare(settings, records, letters, **more)

    events = [CODEC.encode_event(added(number)) for number in (3, 1, 5, 2, 4)]
    produce(kafka, [dead(value, offset=n) for n, value in enumerate(events)])
    by_options = ("retry", "--since", "beginning", "--yes", "--json")
    with monkeypatch.context() as patched:
        patched.setattr(retrying, "SLICE_LETTERS_MAX", 2)
        patched.setattr(retrying, "prepare", prepare)
        ended = rejected(*by_options)
    assert ended.code == 0
    assert json.loads(ended.out)["places"] == ["0@1", "0@3", "0@0", "0@4", "0@2"]
    assert prepared == [2, 2, 1]
    assert "2 of 5 dead letters" in ended.err
    assert "5 of 5 dead letters" in ended.err
    ended = rejected(*by_options)
    assert (ended.code, json.loads(ended.out)["sent"]) == (0, 5)
    assert "5 of 5" not in ended.err, "where there is one slice, there is nothing to tell"


@pytest.mark.timeout(180)
def test_what_was_sent_until_an_error_is_told(
    rejected: Run, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices: list[Any] = []

    def prepare(*arguments: Any, **more: Any) -> Any:
        slices.append(arguments)
        if len(slices) == 2:
            raise BrokerUnavailableError("no broker told anything")
        return retry.prepare(*arguments, **more)

    events = [CODEC.encode_event(added(number)) for number in range(1, 4)]
    produce(kafka, [dead(value, offset=n) for n, value in enumerate(events)])
    with monkeypatch.context() as patched:
        patched.setattr(retrying, "SLICE_LETTERS_MAX", 2)
        patched.setattr(retrying, "prepare", prepare)
        ended = rejected("retry", "--since", "beginning", "--yes", "--json")
    assert ended.code not in {0, 1}
    told = json.loads(ended.out)
    assert (told["places"], told["not_tried"]) == (["0@0", "0@1"], 1)
    assert "1 dead letter not tried" in ended.err
    assert "no broker told anything" in ended.err
    assert len(read(kafka, WEB)) == 2


@pytest.mark.timeout(180)
def test_what_one_unlink_did_not_bring_back_is_asked_for_once(rejected: Run, kafka: str) -> None:
    fields = {"kind": HAND_BACK, "to": "loyalty:5", "holder": "customer:7"}
    calls = handed_over(**fields | {"key": "loyalty:5"})
    orders = handed_over(**fields | {"key": "loyalty:5#A", "table": "orders", "mail_id": "other"})
    letters = []
    for offset, mail in enumerate((calls, orders)):
        put_mail(kafka, mail)
        letters.append(dead_letter_of(mail, offset))
    produce(kafka, letters)
    ended = rejected("retry", "0@0", "0@1", "--json")
    told = json.loads(ended.out)
    assert (told["sent"], told["dead_letters"]) == (1, 2)
    asked = [decode_mail(m.value()) for m in read(kafka, MAIL_TOPIC) if m.key() == b"customer:7"]
    assert [one.kind for one in asked] == [GIVE_BACK]


def test_a_choice_without_yes_only_tells(rejected: Run, kafka: str) -> None:
    produce(kafka, [dead(EVENT), dead(EVENT, reason="failed")])
    ended = rejected("retry", "--since", "1h")
    assert ended.code == 2
    assert "1 failed" in ended.err
    assert "2 dead letters would be retried" in ended.err
    assert read(kafka, WEB) == []


@pytest.mark.timeout(180)
def test_of_those_that_are_chosen_the_latest_are_sent_and_how_many_are_left_out_is_told(
    rejected: Run, kafka: str
) -> None:
    produce(kafka, [dead(CODEC.encode_event(added(n)), offset=n) for n in range(1, 4)])
    by_options = ("retry", "--since", "beginning", "--limit", "2")
    ended = rejected(*by_options)
    assert "1 dead letter, older than these, left out: --limit takes more" in ended.err
    assert "2 dead letters would be retried" in ended.err
    ended = rejected(*by_options, "--yes", "--json")
    assert "1 dead letter, older than these, left out" in ended.err
    told = json.loads(ended.out)
    assert (sorted(told["places"]), told["left_out"]) == (["0@1", "0@2"], 1)
    ended = rejected("retry", "--since", "beginning", "--limit", "3", "--yes", "--json")
    assert "left out" not in ended.err
    assert json.loads(ended.out)["left_out"] == 0


@pytest.mark.timeout(180)
def test_those_that_are_older_than_what_is_looked_at_are_told(
    rejected: Run, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "LETTERS_READ_MAX", 2)
    produce(kafka, [dead(CODEC.encode_event(added(n)), offset=n) for n in range(1, 6)])
    not_looked_at = "3 dead letters, older still, not looked at"
    ended = rejected("list", "--since", "beginning")
    assert not_looked_at in ended.err
    assert "of partition 0 the latest 2 are looked at" in ended.err
    by_options = ("retry", "--since", "beginning", "--limit", "1")
    assert not_looked_at in rejected(*by_options).err
    ended = rejected(*by_options, "--yes", "--json")
    assert not_looked_at in ended.err
    told = json.loads(ended.out)
    assert (told["places"], told["left_out"], told["not_looked_at"]) == (["0@4"], 1, 3)
    monkeypatch.setattr(dead_letters, "LETTERS_READ_MAX", 5)
    ended = rejected(*by_options, "--yes", "--json")
    assert "not looked at" not in ended.err
    assert json.loads(ended.out)["not_looked_at"] == 0
