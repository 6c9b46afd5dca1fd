"""The push stream, over HTTP, from hand-made records on an embedded broker."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.gateway.cursor import Cursor, Cursors
from ccstream.gateway.recent import RECENT_MS_MAX
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import changelog_topic
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from tests.client.sync_records import SyncWriter, cart, consents, line, order, touches
from tests.gateway.serving import Serving, become, serving
from tests.support.sse import Event, Sse
from tests.support.topics import make_topic

AT = 1_790_000_000_000
ME = "customer:1"


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedKafka() as kafka:
        yield kafka.bootstrap


@pytest.fixture
def settings(broker: str) -> Settings:
    make_topic(broker, changelog_topic("push", "aliases"))
    return Settings.load(app_id="push", kafka__bootstrap=broker, kafka__fetch_wait_max_ms=5)


class Writer(SyncWriter):
    """Writes to the sync topics, and to the aliases, one record at a time."""

    def put(self, table: str, key: str, record: Any, epoch: int = 1) -> None:
        self.write(table, key, record, epoch)
        self.flush()

    def link(self, key: str, root: str | None) -> None:
        row = {
            "version": 1,
            "root": root,
            "since": AT,
            "event_id": "e",
            "earlier": [],
            "known_from": None,
            "erased_until": 0,
        }
        self.producer.produce(
            changelog_topic("push", "aliases"),
            key=key,
            value=None if root is None else Codec().encode("AliasRow", row),
            partition=partition_for(key.encode(), 4),
        )
        self.flush()


@pytest.fixture
def writer(broker: str) -> Writer:
    return Writer(broker)


@pytest.fixture
async def gateway(settings: Settings, writer: Writer) -> AsyncIterator[Serving]:
    async with serving(settings) as made:
        yield made


def version(number: int, epoch: int = 1) -> int:
    return epoch << 32 | number


def mugs(number: int, quantity: int, epoch: int = 1, key: str = ME) -> Any:
    return cart(key, version(number, epoch), mug=quantity)


def quantities(record: dict[str, Any] | None, name: str = "lines") -> dict[str, int]:
    return {} if record is None else {one["sku"]: one["quantity"] for one in record[name]}


async def opened(stream: Sse) -> tuple[Event, Event]:
    hello, snapshot = await stream.next(), await stream.next()
    assert (hello.kind, snapshot.kind) == ("hello", "snapshot")
    return hello, snapshot


async def test_first_hello_then_the_snapshot_then_each_change(
    gateway: Serving, writer: Writer
) -> None:
    writer.put("carts", ME, mugs(1, 1))
    writer.put("orders", f"{ME}#o-1", order(ME, version(2), "o-1"))
    await gateway.seen(ME, version(2))
    async with Sse.of(gateway.port, ME) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        hello, snapshot = await opened(stream)
        assert hello.data == {
            "key": ME,
            "profile": ME,
            "version": version(2),
            "resumed": False,
            "gap": False,
        }
        assert quantities(snapshot.data["cart"]) == {"mug": 1}
        assert bytes.fromhex(snapshot.data["cart"]["observed"])
        assert snapshot.data["touch"] is None
        assert [one["order_id"] for one in snapshot.data["order"]] == ["o-1"]

        writer.put("carts", ME, mugs(2, 2))
        change = await stream.next()
        assert change.kind == "change"
        assert (change.data["aggregate"], change.data["row"]) == ("cart", ME)
        assert quantities(change.data["record"], "upserted") == {"mug": 2}
        assert change.data["record"]["base_version"] == version(1)
        assert not change.data["whole"]
        assert "lines" not in change.data["record"]

        writer.put("carts", ME, None)
        assert (await stream.next()).data["record"] is None


async def test_a_change_has_the_trace_of_its_event_also_for_who_comes_back(
    gateway: Serving, writer: Writer
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with Sse.of(gateway.port, ME) as stream:
        _, snapshot = await opened(stream)
        writer.write("carts", ME, mugs(1, 1), trace=trace)
        writer.put("carts", ME, mugs(2, 2))
        assert (await stream.next()).data["traceparent"] == trace
        assert "traceparent" not in (await stream.next()).data
    async with Sse.of(gateway.port, ME, snapshot.id) as stream:
        assert (await stream.next()).data["resumed"]
        assert (await stream.next()).data["traceparent"] == trace


async def test_the_first_word_of_a_new_owner_is_the_whole_row(
    gateway: Serving, writer: Writer
) -> None:
    writer.put("carts", ME, mugs(7, 1))
    await gateway.seen(ME, version(7))
    async with Sse.of(gateway.port, ME) as stream:
        await opened(stream)
        writer.put("carts", ME, mugs(1, 3, epoch=2), epoch=2)
        change = await stream.next()
        assert change.data["whole"]
        assert quantities(change.data["record"]) == {"mug": 3}


async def test_a_profile_that_nobody_knows_has_an_empty_snapshot(gateway: Serving) -> None:
    async with Sse.of(gateway.port, "customer:nobody") as stream:
        hello, snapshot = await opened(stream)
        assert hello.data["version"] == 0
        assert [snapshot.data[name] for name in ("cart", "touch", "profile", "consent")] == [
            None
        ] * 4
        assert snapshot.data["order"] == []


async def test_a_stream_tells_only_the_aggregates_that_were_asked_for(
    gateway: Serving, writer: Writer
) -> None:
    async with Sse.of(gateway.port, ME, aggregates="touch,consent") as stream:
        _, snapshot = await opened(stream)
        assert set(snapshot.data) == {"profile", "version", "touch", "consent"}
        writer.put("carts", ME, mugs(1, 1))
        writer.put("touches", ME, touches(ME, version(2)))
        assert (await stream.next()).data["aggregate"] == "touch"
        writer.put("consents", ME, consents(ME, version(3)))
        assert (await stream.next()).data["record"]["consents"][0]["status"] == "granted"


async def test_streams_of_others_hear_nothing(gateway: Serving, writer: Writer) -> None:
    async with Sse.of(gateway.port, "customer:2") as stream:
        await opened(stream)
        writer.put("carts", ME, mugs(1, 1))
        writer.put("carts", "customer:2", mugs(2, 5, key="customer:2"))
        assert (await stream.next()).data["row"] == "customer:2"


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/profiles/nobody/stream", 400, "invalid-request"),
        (f"/v1/profiles/{ME}/stream?aggregates=cart,carts", 400, "invalid-request"),
        (f"/v1/profiles/{ME}/stream?last_event_id=forged", 400, "invalid-cursor"),
    ],
)
async def test_what_is_asked_wrongly_is_told(
    gateway: Serving, path: str, status: int, kind: str
) -> None:
    async with Sse(gateway.port, path) as stream:
        assert stream.status == status
        assert (await stream.body())["type"] == f"urn:ccstream:problem:{kind}"


async def test_a_cursor_serves_only_the_key_that_it_was_made_for(gateway: Serving) -> None:
    async with Sse.of(gateway.port, ME) as stream:
        cursor = (await opened(stream))[1].id
    async with Sse.of(gateway.port, "customer:2", cursor) as stream:
        assert stream.status == 400
    flipped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    async with Sse.of(gateway.port, ME, flipped) as stream:
        assert stream.status == 400


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(
    gateway: Serving, writer: Writer
) -> None:
    async with Sse.of(gateway.port, ME) as stream:
        await opened(stream)
        writer.put("carts", ME, mugs(1, 1))
        cursor = (await stream.next()).id
    for number in (2, 3):
        writer.put("carts", ME, mugs(number, number))
    await gateway.seen(ME, version(3))
    async with Sse.of(gateway.port, ME, cursor) as stream:
        hello = await stream.next()
        assert (hello.data["resumed"], hello.data["gap"]) == (True, False)
        missed = [await stream.next(), await stream.next()]
        assert [one.data["record"]["version"] for one in missed] == [version(2), version(3)]
        cursor = missed[1].id
    async with Sse.of(gateway.port, ME, last_event_id=cursor) as stream:
        assert (await stream.next()).data["resumed"]
        writer.put("carts", ME, mugs(4, 4))
        assert (await stream.next()).data["record"]["version"] == version(4)


async def test_a_restarted_gateway_resumes_what_another_one_began(
    settings: Settings, writer: Writer
) -> None:
    async with serving(settings) as first, Sse.of(first.port, ME) as stream:
        await opened(stream)
        writer.put("carts", ME, mugs(1, 1))
        cursor = (await stream.next()).id
    writer.put("carts", ME, mugs(2, 2))
    writer.put("carts", ME, mugs(3, 3))
    async with serving(settings) as second, Sse.of(second.port, ME, cursor) as stream:
        assert (await stream.next()).data["resumed"]
        missed = [await stream.next(), await stream.next()]
        assert [one.data["record"]["version"] for one in missed] == [version(2), version(3)]


async def test_a_cursor_from_before_retention_brings_a_gap_and_a_new_snapshot(
    gateway: Serving, writer: Writer
) -> None:
    writer.put("carts", ME, mugs(1, 1))
    await gateway.seen(ME, version(1))
    cursors = Cursors(gateway.services.signer)
    hub = gateway.streams.hub
    old = Cursor(
        (0, 1, 2, 3, 4),
        cursors.fingerprint(ME),
        time.time_ns() // 1_000_000 - RECENT_MS_MAX - 1_000,
        hub.profiles.offsets(ME),
    )
    async with Sse.of(gateway.port, ME, cursors.text(ME, old)) as stream:
        hello, snapshot = await opened(stream)
        assert (hello.data["resumed"], hello.data["gap"]) == (False, True)
        assert quantities(snapshot.data["cart"]) == {"mug": 1}


async def test_a_cursor_of_a_gateway_that_has_read_what_is_not_there_brings_a_gap(
    gateway: Serving,
) -> None:
    cursors = Cursors(gateway.services.signer)
    now_ms = time.time_ns() // 1_000_000
    ahead = Cursor((0, 1, 2, 3, 4), cursors.fingerprint(ME), now_ms, (9, 9, 9, 9, 9))
    async with Sse.of(gateway.port, ME, cursors.text(ME, ahead)) as stream:
        assert (await opened(stream))[0].data["gap"]


async def test_more_aggregates_than_the_cursor_knows_bring_a_snapshot(gateway: Serving) -> None:
    async with Sse.of(gateway.port, ME, aggregates="cart") as stream:
        cursor = (await opened(stream))[1].id
    async with Sse.of(gateway.port, ME, cursor, aggregates="cart,touch") as stream:
        assert (await opened(stream))[0].data["gap"]


async def test_at_a_log_in_the_stream_moves_to_the_account_and_back_at_a_log_out(
    gateway: Serving, writer: Writer
) -> None:
    guest = "visitor:9"
    writer.put("carts", ME, mugs(1, 4))
    writer.put("carts", guest, cart(guest, version(1), pen=1))
    await gateway.seen(guest, version(1))
    async with Sse.of(gateway.port, guest) as stream:
        _, snapshot = await opened(stream)
        assert quantities(snapshot.data["cart"]) == {"pen": 1}
        before = snapshot.id
        writer.link(guest, ME)
        moved = await stream.next()
        assert (moved.kind, moved.data["profile"]) == ("moved", ME)
        snapshot = await stream.next()
        assert quantities(snapshot.data["cart"]) == {"mug": 4}
        writer.put("carts", ME, mugs(2, 5))
        assert quantities((await stream.next()).data["record"], "upserted") == {"mug": 5}
        writer.link(guest, None)
        assert (await stream.next()).data["profile"] == guest
        assert quantities((await stream.next()).data["cart"]) == {"pen": 1}
        writer.link(guest, ME)
        await stream.until("snapshot")
    async with Sse.of(gateway.port, guest, before) as stream:
        hello, snapshot = await opened(stream)
        assert (hello.data["profile"], hello.data["gap"]) == (ME, True)
        assert quantities(snapshot.data["cart"]) == {"mug": 5}


async def test_a_client_that_does_not_read_is_let_go_and_resumes(
    gateway: Serving, writer: Writer
) -> None:
    large = tuple(line(f"article-{number}", 1) for number in range(1_000))
    async with Sse.of(gateway.port, ME) as stream:
        cursor = (await opened(stream))[1].id
        stream.writer.transport.pause_reading()  # type: ignore[attr-defined]
        taken = stream.writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for number in range(1, 100):
            record = mugs(number, number)
            fields = {name: getattr(record, name) for name in record.__struct_fields__}
            writer.put("carts", ME, type(record)(**fields | {"upserted": large}))
        await gateway.seen(ME, version(99))
        stream.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await stream.end()
        assert stream.ended
    assert gateway.services.metrics.value("ccstream_gateway_streams_ended_total", ("slow",)) == 1
    async with Sse.of(gateway.port, ME, cursor) as stream:
        assert (await stream.next()).kind == "hello"


async def test_a_gateway_that_is_told_to_stop_ends_its_streams(gateway: Serving) -> None:
    async with Sse.of(gateway.port, ME) as stream:
        await opened(stream)
        gateway.services.closing.set()
        await stream.end()
    async with Sse.of(gateway.port, ME) as stream:
        assert stream.status == 503


async def test_who_hangs_up_is_forgotten(gateway: Serving) -> None:
    async with Sse.of(gateway.port, ME) as stream:
        await opened(stream)
        assert gateway.services.metrics.value("ccstream_gateway_streams") == 1
    await become(lambda: gateway.services.metrics.value("ccstream_gateway_streams") == 0)


async def test_without_a_broker_a_stream_is_refused_until_there_is_one(unique: str) -> None:
    settings = Settings.load(app_id=unique, kafka__bootstrap="127.0.0.1:1")
    async with serving(settings, wait=False) as gateway, Sse.of(gateway.port, ME) as stream:
        assert stream.status == 503
        assert int(stream.headers["retry-after"]) > 0
        assert (await stream.body())["type"] == "urn:ccstream:problem:unavailable"


async def test_more_rows_than_allowed_end_the_pushing_and_say_so(
    broker: str, writer: Writer, settings: Settings
) -> None:
    for number in range(40):
        key = f"customer:{number}"
        record = cart(key, version(1), **{f"article-{n}": 1 for n in range(1_000)})
        writer.put("carts", key, record)
    small = settings.gateway.model_copy(update={"replica_bytes_max": 1 << 20})
    few = settings.model_copy(update={"gateway": small})
    async with serving(few, wait=False) as gateway:
        await become(lambda: "log" in (gateway.streams.ready() or ""))
        async with Sse.of(gateway.port, ME) as stream:
            assert stream.status == 503
