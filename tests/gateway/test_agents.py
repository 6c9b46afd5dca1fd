"""Who looks at a customer is noted before they are shown anything; who is searched for is found."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.gateway.asking import Asker
from ccstream.gateway.audit import Audit
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.profiles import AGGREGATES
from ccstream.gateway.signing import Signer
from ccstream.ops.exposition import exposition
from ccstream.ops.settings import Settings
from ccstream.rules import DENIALS
from ccstream.wire import query
from ccstream.wire.audit import ProfileRead, decode_read
from ccstream.wire.catalogue import AUDIT_TOPIC
from tests.client.sync_records import SyncWriter, cart, encoded
from tests.gateway.calls import Answer, call
from tests.gateway.serving import Serving, serving
from tests.support.sse import Sse
from tests.support.topics import make_pushed_topics

KEY = "customer:42"
CONTACT_KEY = "k" * 32


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedKafka() as kafka:
        make_pushed_topics(kafka.bootstrap, "desk")
        yield kafka.bootstrap


@pytest.fixture
def settings(broker: str) -> Settings:
    return Settings.load(
        app_id="desk",
        kafka__bootstrap=broker,
        kafka__fetch_wait_max_ms=5,
        identity__contact_key=CONTACT_KEY,
    )


async def _nothing(_asker: Asker, question: query.Question, _until: float) -> query.Answer:
    rows: dict[str, list[bytes]] = {table: [] for table in question.tables}
    return query.Answer(partition=0, epoch=1, read_at=0, as_of={}, rows=rows)


@pytest.fixture
async def desk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    monkeypatch.setattr(Asker, "ask", _nothing)
    async with serving(settings) as made:
        yield made


def noted(broker: str, wanted: int) -> list[ProfileRead]:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "look", "fetch.wait.max.ms": 5})
    try:
        consumer.assign([TopicPartition(AUDIT_TOPIC, number, 0) for number in range(4)])
        found: list[ProfileRead] = []
        for _ in range(200):
            record = consumer.poll(0.05 if len(found) < wanted else 0.01)
            if record is not None and record.error() is None:
                found.append(decode_read(record.value()))
        return found
    finally:
        consumer.close()


async def look(desk: Serving, key: str = KEY) -> Answer:
    return await call(desk.app, "GET", f"/v1/agents/profiles/{key}")


async def test_each_look_is_noted_by_whom_and_at_a_fingerprint_once_a_minute(
    desk: Serving, broker: str
) -> None:
    for key in (KEY, KEY, "customer:43"):
        assert (await look(desk, key)).status == 200
    first, other = await asyncio.to_thread(noted, broker, 2)
    assert first.reader == other.reader == "everybody"
    assert not first.masked
    assert first.profile != other.profile
    signer = desk.services.signer
    prints = {signer.fingerprint("audit", key.encode()) for key in (KEY, "customer:43")}
    assert {first.profile, other.profile} == prints


async def test_what_cannot_be_noted_is_not_shown() -> None:
    away = Settings.load(kafka__bootstrap="127.0.0.1:1", gateway__ack_timeout_ms=300)
    audit = Audit(away, Signer("k" * 32))
    audit.open()
    try:
        with pytest.raises(ProblemError, match="noted"):
            await audit.note("agent-1", KEY, masked=True)
    finally:
        audit.close()


async def search(desk: Serving, body: bytes) -> Answer:
    return await call(desk.app, "POST", "/v1/agents/search", body)


async def test_somebody_is_found_by_key_number_card_or_address_if_they_are_known(
    desk: Serving, broker: str
) -> None:
    writer = SyncWriter(broker)
    email = desk_points().email_key("Ada@Example.org")
    for key in (KEY, "loyalty:7742", email):
        writer.write("carts", key, cart(key, 1 << 32 | 1, mug=1), 1)
    writer.flush()
    for key in (KEY, "loyalty:7742", email):
        await desk.seen(key, 1)
    for text, keys in (
        (KEY, [KEY]),
        (" 42 ", [KEY]),
        ("7742", ["loyalty:7742"]),
        ("ada@example.org", [email]),
        ("43", []),
        ("customer:43", []),
    ):
        answer = await search(desk, b'{"text": "%b"}' % text.encode())
        assert answer.json == {"keys": keys}, text


def desk_points() -> Any:
    from ccstream.client.contact_points import ContactPoints

    return ContactPoints(Settings.load(identity__contact_key=CONTACT_KEY))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"text": " "}', b'{"text": 1}'])
async def test_a_search_for_nothing_is_refused(desk: Serving, body: bytes) -> None:
    assert (await search(desk, body)).status == 400
    assert (await search(desk, b'{"text": "%b"}' % (b"x" * 201))).problem == "invalid-request"


async def test_of_a_table_that_an_older_worker_does_not_have_there_are_no_rows(
    desk: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    for missing, table in AGGREGATES.items():

        async def older(
            asker: Asker, question: query.Question, until: float, table: str = table
        ) -> query.Answer:
            answer = await _nothing(asker, question, until)
            answer.rows["carts"].append(encoded(cart(KEY, 1 << 32 | 1, mug=1)))
            del answer.rows[table]
            return answer

        monkeypatch.setattr(Asker, "ask", older)
        for path in (f"/v1/profiles/{KEY}", f"/v1/agents/profiles/{KEY}"):
            answer = await call(desk.app, "GET", path)
            assert answer.status == 200, (missing, path, answer)
            assert (answer.json["cart"] is None) == (missing == "cart"), (missing, path)
        told = (await call(desk.app, "GET", f"/v1/profiles/{KEY}")).json[missing]
        assert told == ([] if missing == "order" else None), missing


async def test_the_stream_of_changes_says_that_there_is_one_and_not_what(
    desk: Serving, broker: str
) -> None:
    writer = SyncWriter(broker)
    path = f"/v1/agents/profiles/{KEY}/changes"
    async with Sse(desk.port, path) as stream:
        first = await stream.next()
        assert (first.kind, first.data) == ("changed", {})
        writer.write("carts", KEY, cart(KEY, 1 << 32 | 1, mug=1), 1)
        writer.flush()
        second = await stream.next()
        assert (second.kind, second.data) == ("changed", {})


async def test_contacts_that_are_not_allowed_are_counted_by_reason_from_0(
    desk: Serving,
) -> None:
    def counted(channel: str, reason: str) -> float:
        return desk.services.metrics.value("ccstream_consent_denials_total", (channel, reason))

    shown = exposition(desk.services.metrics.registry).decode()
    for reason in DENIALS:
        assert (
            f'ccstream_consent_denials_total{{contact_channel="phone",reason="{reason}"}} 0'
            in shown
        )
    said = (await look(desk)).json["may_contact"]
    denied = Counter((one["channel"], one["reason"]) for one in said if not one["allowed"])
    assert ("phone", "no_rules") in denied, "nobody knows the country"
    assert any(one["allowed"] for one in said), "service needs no consent"
    assert {key: counted(*key) for key in denied} == denied
    await look(desk)
    assert counted("phone", "no_rules") == 2 * denied["phone", "no_rules"]
    assert counted("phone", "no_consent") == 0
