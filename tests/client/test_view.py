"""A view begins with the last word on every row and keeps up with what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from confluent_kafka import Message

from ccstream.client import view_feed
from ccstream.client.publisher import ChannelPublisher
from ccstream.client.records import CartSynced, Change, Gap, Removed
from ccstream.client.view import SyncView
from ccstream.domain.events import CartItemRemoved
from ccstream.errors import BrokerUnavailableError, SettingsError
from tests.client.conftest import FreezableBroker
from tests.client.sync_records import SyncWriter, alias, cart, order, profile, touches

ReadAll = Callable[..., list[Message]]


@pytest.fixture
def writer(own_kafka: str) -> SyncWriter:
    return SyncWriter(own_kafka)


@pytest.fixture
async def view(own_kafka: str, writer: SyncWriter) -> AsyncIterator[SyncView]:
    async with SyncView(bootstrap=own_kafka) as opened:
        yield opened


def mugs(view: SyncView, key: str) -> int:
    found = view.cart(key)
    return found.lines[0].quantity if found is not None else 0


async def test_a_view_begins_with_the_last_word_on_every_row(
    own_kafka: str, writer: SyncWriter
) -> None:
    for number in range(1, 2_001):
        key = f"customer:{number % 50}"
        writer.write("carts", key, cart(key, number, mug=number))
    writer.write("carts", "customer:7", None)
    writer.write("touches", "customer:1", touches("customer:1", 1))
    writer.write("profiles", "customer:1", profile("customer:1", 1))
    for order_id, placed_at in (("B", 2_000), ("A", 1_000)):
        record = order("customer:1", 1, order_id, placed_at)
        writer.write("orders", f"customer:1#{order_id}", record)
    writer.flush()
    async with SyncView(bootstrap=own_kafka) as view:
        assert {key: mugs(view, key) for key in view.keys("carts")} == {
            f"customer:{number % 50}": number for number in range(1_951, 2_001) if number % 50 != 7
        }
        assert view.cart("customer:7") is None
        assert view.last_touch("customer:1") == touches("customer:1", 1)
        assert view.profile("customer:1") == profile("customer:1", 1)
        assert [one.order_id for one in view.orders("customer:1")] == ["A", "B"]
        assert view.orders("customer:2") == ()
        assert view.version("customer:1") == 1_951
        assert view.version("customer:unknown") == 0


async def test_a_view_follows_what_happens(view: SyncView, writer: SyncWriter) -> None:
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    await view.until("customer:1", lambda v: mugs(v, "customer:1") == 1, timeout_s=10)
    since = view.version("customer:1")
    writer.write("carts", "customer:1", None)
    writer.flush()
    await view.changed("customer:1", since=since, timeout_s=10)
    assert view.cart("customer:1") is None


async def test_an_identifier_stands_for_its_account_once_that_has_its_rows(
    view: SyncView, writer: SyncWriter
) -> None:
    async def after(table: str, key: str, record: object) -> None:
        since = view.version("visitor:1")
        writer.write(table, key, record)
        writer.flush()
        await view.changed("visitor:1", since=since, timeout_s=10)

    await after("carts", "visitor:1", cart("visitor:1", 1, mug=1))
    writer.write("carts", "customer:1", cart("customer:1", 5, mug=5))
    writer.write("orders", "customer:1#A", order("customer:1", 6, "A"))
    writer.flush()
    await view.until("customer:1", lambda v: v.orders("customer:1"), timeout_s=10)
    await after("aliases", "visitor:1", alias("visitor:1", 2, "customer:1"))
    assert view.account("visitor:1") == "customer:1"
    assert mugs(view, "visitor:1") == 1, "the account has not taken it over yet"
    assert [one.order_id for one in view.orders("visitor:1")] == ["A"]
    writer.write("carts", "visitor:1", None)
    await after("carts", "customer:1", cart("customer:1", 7, mug=6))
    await view.until("visitor:1", lambda v: mugs(v, "visitor:1") == 6, timeout_s=10)
    assert view.observed("visitor:1") == b"\x01token of version 7"
    await after("aliases", "visitor:1", alias("visitor:1", 9, ""))
    assert (view.account("visitor:1"), view.cart("visitor:1")) == (None, None)
    assert view._waiting == {}


async def test_waiting_for_a_change_counts_one_that_came_before_the_wait(
    view: SyncView, writer: SyncWriter
) -> None:
    since = view.version("customer:1")
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    await view.until("customer:1", lambda v: v.version("customer:1"), timeout_s=10)
    await view.changed("customer:1", since=since, timeout_s=0.01)
    with pytest.raises(TimeoutError):
        await view.changed("customer:1", since=view.version("customer:1"), timeout_s=0.05)
    with pytest.raises(TimeoutError):
        await view.changed("customer:1", timeout_s=0.05)
    assert view._waiting == {}


async def test_callbacks_get_the_changes_they_asked_for_until_they_end(
    view: SyncView, writer: SyncWriter
) -> None:
    every: list[Change | Gap] = []
    one: list[Change | Gap] = []
    view.on_change(every.append)
    end = view.on_change(one.append, key="customer:1")
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.write("carts", "customer:2", cart("customer:2", 1, mug=2))
    writer.write("orders", "customer:1#A", order("customer:1", 2, "A"))
    writer.write("carts", "customer:1", None)
    writer.flush()
    async with asyncio.timeout(10):
        while len(every) < 4:  # noqa: ASYNC110 - callbacks are what is waited for
            await asyncio.sleep(0.005)
    end()
    end()
    assert all(isinstance(change, Change) for change in every)
    assert {change.subject for change in one if isinstance(change, Change)} == {"customer:1"}
    assert len(one) == 3
    carts = [c.record for c in one if isinstance(c, Change) and c.table == "carts"]
    assert carts == [cart("customer:1", 1, mug=1), Removed()]
    writer.write("carts", "customer:1", cart("customer:1", 3, mug=1))
    writer.flush()
    await view.until("customer:1", lambda v: v.cart("customer:1"), timeout_s=10)
    assert (len(every), len(one)) == (5, 3)


async def test_a_callback_that_fails_leaves_the_view_and_the_others_right(
    view: SyncView, writer: SyncWriter, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Change | Gap] = []

    def fails(_change: Change | Gap) -> None:
        raise ValueError("a mistake of the user's")

    view.on_change(fails)
    view.on_change(told.append)
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    await view.until("customer:1", lambda v: mugs(v, "customer:1") == 1, timeout_s=10)
    assert len(told) == 1
    assert "a mistake of the user's" in caplog.text


async def test_a_record_from_before_the_last_owner_does_not_get_in_after_the_start(
    own_kafka: str, writer: SyncWriter
) -> None:
    writer.write("carts", "customer:1", cart("customer:1", 5, mug=5), epoch=5)
    writer.flush()
    async with SyncView(bootstrap=own_kafka) as view:
        writer.write("carts", "customer:1", cart("customer:1", 9, mug=9), epoch=4)
        writer.write("carts", "customer:1", cart("customer:1", 6, mug=6), epoch=5)
        writer.flush()
        await view.until("customer:1", lambda v: mugs(v, "customer:1") == 6, timeout_s=10)
        assert view.dropped == 1


async def test_a_publisher_with_a_view_says_what_its_author_had_seen(
    own_kafka: str, view: SyncView, writer: SyncWriter
) -> None:
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    await view.until("customer:1", lambda v: mugs(v, "customer:1") == 1, timeout_s=10)
    assert view.observed("customer:1") == b"\x01token of version 1"
    assert view.observed("customer:2") is None
    publisher = ChannelPublisher(channel="web", source="shop-1", bootstrap=own_kafka, view=view)
    event = publisher.event(CartItemRemoved, "customer:1", sku="mug")
    record = publisher._writer.write(event)
    assert b"\x01token of version 1" in record.value


async def test_a_gap_drops_what_may_be_out_of_date_and_is_told(
    freezable: FreezableBroker,
) -> None:
    writer = SyncWriter(freezable.bootstrap)
    topic = "sync.carts.v1"
    async with SyncView(["carts"], bootstrap=freezable.bootstrap) as view:
        writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
        writer.flush()
        await view.until("customer:1", lambda v: mugs(v, "customer:1") == 1, timeout_s=10)
        told: list[Change | Gap] = []
        view.on_change(told.append)
        lost = Gap(topic, view._by_topic[topic]._rows["customer:1"].partition, 1, 9, renewed=False)
        view._take([lost])  # as the feed hands it over
        assert view.cart("customer:1") is None
        assert view.gaps == 1
        assert told == [lost]


def test_what_the_view_was_not_opened_for_is_an_error_not_an_empty_answer() -> None:
    view = SyncView(["carts"], bootstrap="127.0.0.1:1")
    with pytest.raises(SettingsError, match="this view has no touches; it was opened for carts"):
        view.last_touch("customer:1")


async def test_a_broker_that_is_away_at_the_start_is_told_in_bounded_time(nowhere: str) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(BrokerUnavailableError, match=f"at {nowhere} within 0.5 s"):
            await SyncView(bootstrap=nowhere, start_timeout_s=0.5).start()


async def test_a_view_whose_feed_has_failed_does_not_answer_from_the_past(
    view: SyncView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_timeout_s: float) -> list[Any]:
        raise SettingsError("no longer allowed to read")

    waiting = asyncio.create_task(view.changed("customer:1", timeout_s=10))
    await asyncio.sleep(0)
    monkeypatch.setattr(view._feed, "read", fails)
    with pytest.raises(SettingsError, match="no longer allowed"):
        await waiting
    with pytest.raises(SettingsError, match="no longer allowed"):
        view.cart("customer:1")


@pytest.fixture
def transactional(kafka: str, unique: str, own_topics: dict[str, str]) -> SyncWriter:
    return SyncWriter(kafka, own_topics, **{"transactional.id": unique})


@pytest.mark.realkafka
async def test_a_view_begins_with_what_is_final_and_goes_on_with_what_is_not(
    kafka: str, unique: str, transactional: SyncWriter
) -> None:
    producer, write = transactional.producer, transactional.write
    kept, aborted, opened = (f"customer:{unique}{name}" for name in ("kept", "aborted", "open"))
    producer.begin_transaction()
    write("carts", kept, cart(kept, 1, mug=1))
    producer.commit_transaction(20)
    producer.begin_transaction()
    write("carts", kept, cart(kept, 2, mug=9))
    write("carts", aborted, cart(aborted, 1, mug=9))
    transactional.flush()
    producer.abort_transaction(20)
    producer.begin_transaction()
    write("carts", opened, cart(opened, 3, mug=3))
    transactional.flush()
    try:
        async with asyncio.timeout(30), SyncView(["carts"], bootstrap=kafka) as live:
            assert [mugs(live, key) for key in (kept, aborted, opened)] == [1, 0, 3]
            producer.commit_transaction(20)
        async with asyncio.timeout(30), SyncView(["carts"], bootstrap=kafka, live=False) as facts:
            assert [mugs(facts, key) for key in (kept, aborted, opened)] == [1, 0, 3]
            producer.begin_transaction()
            write("carts", kept, cart(kept, 4, mug=4))
            transactional.flush()
            with pytest.raises(TimeoutError):
                await facts.changed(kept, timeout_s=0.3)
            producer.commit_transaction(20)
            await facts.until(kept, lambda v: mugs(v, kept) == 4, timeout_s=10)
    finally:
        transactional.flush()


@pytest.mark.realkafka
async def test_a_view_of_what_is_final_waits_for_a_transaction_that_was_open_at_its_start(
    kafka: str, unique: str, transactional: SyncWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = transactional.producer
    key = f"customer:{unique}"
    producer.begin_transaction()
    transactional.write("carts", key, cart(key, 1, mug=1))
    transactional.flush()
    starting = asyncio.create_task(SyncView(["carts"], bootstrap=kafka, live=False).start())
    await asyncio.sleep(1)
    assert not starting.done()
    producer.commit_transaction(20)
    async with asyncio.timeout(20):
        view = await starting
        assert isinstance(view.cart(key), CartSynced)
        await view.aclose()
    producer.begin_transaction()
    transactional.write("carts", key, cart(key, 2, mug=2))
    transactional.flush()
    monkeypatch.setattr(view_feed, "SILENCE_S_MAX", 0.5)
    async with asyncio.timeout(20):
        with pytest.raises(BrokerUnavailableError, match="a transaction that hangs"):
            await SyncView(["carts"], bootstrap=kafka, live=False).start()
    producer.abort_transaction(20)


@pytest.mark.realkafka
@pytest.mark.timeout(150)
async def test_a_view_begins_right_with_a_topic_that_was_compacted(
    kafka: str, own_topics: dict[str, str], read_all: ReadAll
) -> None:
    topic = own_topics["profiles"]
    policy = {"cleanup_policy": "compact", "segment_ms": "100", "min_cleanable_dirty_ratio": "0.0"}
    writer = SyncWriter(kafka, own_topics, policy)
    partitions = writer.partitions[topic]
    number = 0
    async with asyncio.timeout(90):
        while number < 200 or len(read_all(kafka, topic, partitions)) == number:
            number += 1
            writer.write("profiles", f"customer:{number % 5}", profile("customer:1", number))
            if number % 50 == 0:
                writer.flush()
                await asyncio.sleep(0.5)
    writer.flush()
    async with asyncio.timeout(20), SyncView(["profiles"], bootstrap=kafka) as view:
        assert {key: view.version(key) for key in view.keys("profiles")} == {
            f"customer:{last % 5}": last for last in range(number - 4, number + 1)
        }
        assert view.gaps == 0
