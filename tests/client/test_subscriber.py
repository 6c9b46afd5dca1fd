"""Readers get every change, typed, in order, and are told of whatever they cannot get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from ccstream.client.records import Change, Gap, ProfileMerged, Removed, Unreadable
from ccstream.client.subscriber import SyncReader, SyncSubscriber
from ccstream.errors import BrokerUnavailableError, SettingsError, TopicMismatchError
from ccstream.wire.catalogue import FACT_TOPICS, IDENTITY, SIGNALS, SYNC_TOPICS
from tests.client.conftest import FreezableBroker
from tests.client.sync_records import CAUSE, SyncWriter, abandoned, cart, order, profile, touches


def read_until(
    reader: SyncReader, enough: Callable[[list[Change | Gap]], bool]
) -> list[Change | Gap]:
    changes: list[Change | Gap] = []
    deadline = time.monotonic() + 20
    while not enough(changes):
        assert time.monotonic() < deadline, changes
        changes += reader.read()
    return changes


def read_some(reader: SyncReader, count: int) -> list[Change]:
    changes = read_until(reader, lambda some: len(some) >= count)
    assert not any(isinstance(change, Gap) for change in changes)
    return [change for change in changes if isinstance(change, Change)]


async def take(subscriber: SyncSubscriber, count: int) -> list[Change]:
    changes: list[Change] = []
    async with asyncio.timeout(20):
        async for change in subscriber:
            assert isinstance(change, Change)
            changes.append(change)
            if len(changes) == count:
                break
    return changes


def quantities(changes: list[Change]) -> list[int]:
    return [change.record.lines[0].quantity for change in changes]  # type: ignore[union-attr]


async def test_records_of_all_tables_and_removals_arrive_typed(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka)
    records = {
        ("carts", "customer:42"): cart("customer:42", 1, mug=2),
        ("touches", "customer:42"): touches("customer:42", 2),
        ("profiles", "customer:42"): profile("customer:42", 3),
        ("orders", "customer:42#A-1"): order("customer:42", 4, "A-1"),
        ("carts", "customer:7"): None,
    }
    async with SyncSubscriber(bootstrap=own_kafka) as subscriber:
        for (table, key), record in records.items():
            writer.write(table, key, record)
        writer.flush()
        changes = await take(subscriber, 5)
    assert {(c.table, c.key): c.record for c in changes} == {
        at: Removed() if record is None else record for at, record in records.items()
    }
    assert {change.subject for change in changes} == {"customer:42", "customer:7"}
    assert all(change.appended_at > 1_700_000_000_000 for change in changes)


async def test_a_subscriber_gets_what_happens_once_it_has_started_and_nothing_before(
    own_kafka: str,
) -> None:
    writer = SyncWriter(own_kafka)
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    async with SyncSubscriber(["carts"], bootstrap=own_kafka) as subscriber:
        for quantity in (2, 3, 4):
            writer.write("carts", "customer:1", cart("customer:1", quantity, mug=quantity))
        writer.flush()
        assert quantities(await take(subscriber, 3)) == [2, 3, 4]


async def test_breaking_off_and_going_on_loses_nothing(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka)
    async with SyncSubscriber(["carts"], bootstrap=own_kafka) as subscriber:
        for number in range(1, 31):
            writer.write("carts", "customer:1", cart("customer:1", number, mug=number))
        writer.flush()
        got = [await take(subscriber, 7) for _ in range(4)]
        positions = dict(subscriber.positions)
    assert [quantity for some in got for quantity in quantities(some)] == list(range(1, 29))
    async with SyncSubscriber(["carts"], bootstrap=own_kafka, start=positions) as later:
        assert quantities(await take(later, 2)) == [29, 30]


def test_what_an_owner_writes_after_its_successor_has_begun_is_dropped(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka)
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1), epoch=3)
    writer.write("carts", "customer:1", cart("customer:1", 2, mug=2), epoch=4)
    writer.write("carts", "customer:1", cart("customer:1", 3, mug=9), epoch=3)
    writer.write("carts", "customer:1", None, epoch=3)
    writer.write("carts", "customer:1", cart("customer:1", 4, mug=4), epoch=4)
    writer.flush()
    with SyncReader(["carts"], bootstrap=own_kafka, start="beginning") as reader:
        assert quantities(read_some(reader, 3)) == [1, 2, 4]
        assert reader.dropped == 2


def test_a_record_that_cannot_be_read_is_told_and_does_not_stop_the_others(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka)
    writer.write("carts", "customer:1", b"\xc3\x01" + bytes(8) + b"of a later version")
    writer.write("carts", "customer:1", b"garbage")
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    with SyncReader(["carts"], bootstrap=own_kafka, start="beginning") as reader:
        later, garbage, whole = (change.record for change in read_some(reader, 3))
    assert isinstance(later, Unreadable)
    assert later.reason == "unknown_schema"
    assert isinstance(garbage, Unreadable)
    assert garbage.reason == "not_avro"
    assert whole == cart("customer:1", 1, mug=1)


def test_records_deleted_before_they_were_read_are_told_as_a_gap(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka)
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    with SyncReader(["carts"], bootstrap=own_kafka, start="beginning") as reader:
        (first,) = read_some(reader, 1)
        positions = dict(reader.positions)
    for _ in range(150):  # the embedded broker keeps about 5 MB a partition
        writer.write("carts", "customer:1", b"x" * 50_000)
    writer.flush()
    with SyncReader(["carts"], bootstrap=own_kafka, start=positions) as reader:
        gap, *rest = read_until(reader, lambda some: len(some) > 5)
    assert isinstance(gap, Gap)
    assert (gap.topic, gap.partition, gap.first) == (first.topic, first.partition, 1)
    assert isinstance(rest[0], Change)
    assert gap.resumed_at == rest[0].offset > 1
    assert not gap.renewed


def test_a_topic_made_anew_is_told_and_read_from_its_beginning(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka)
    writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
    writer.flush()
    with SyncReader(["carts"], bootstrap=own_kafka, start="beginning") as reader:
        (change,) = read_some(reader, 1)
    of_the_old_one = {(change.topic, change.partition): 500}
    with SyncReader(["carts"], bootstrap=own_kafka, start=of_the_old_one) as reader:
        gap, again = read_until(reader, lambda some: len(some) == 2)
    assert gap == Gap(change.topic, change.partition, 500, 0, renewed=True)
    assert again == change


async def test_a_broker_that_is_away_at_the_start_is_told_in_bounded_time(nowhere: str) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(BrokerUnavailableError, match=f"at {nowhere} within 0.5 s"):
            await SyncSubscriber(bootstrap=nowhere, start_timeout_s=0.5).start()


async def test_topics_that_are_not_there_are_waited_for_and_then_named(own_kafka: str) -> None:
    with pytest.raises(TopicMismatchError, match=r"sync.carts.v1.*topics apply"):
        await SyncSubscriber(bootstrap=own_kafka, start_timeout_s=0.3).start()
    async with asyncio.timeout(20):
        starting = asyncio.create_task(SyncSubscriber(bootstrap=own_kafka).start())
        await asyncio.sleep(0.3)
        await asyncio.to_thread(SyncWriter, own_kafka)
        await (await starting).aclose()


def test_a_table_that_is_not_published_is_named() -> None:
    with pytest.raises(SettingsError, match="no sync topic of 'windows'; there are carts"):
        SyncReader(["windows"], bootstrap="127.0.0.1:1")


async def test_a_broker_that_goes_away_for_a_while_delays_changes_and_loses_none(
    freezable: FreezableBroker,
) -> None:
    writer = SyncWriter(freezable.bootstrap)
    async with SyncSubscriber(["carts"], bootstrap=freezable.bootstrap) as subscriber:
        freezable.freeze()
        writer.write("carts", "customer:1", cart("customer:1", 1, mug=1))
        await asyncio.sleep(1)
        freezable.thaw()
        assert quantities(await take(subscriber, 1)) == [1]


async def test_an_iteration_that_waits_ends_with_its_subscriber(own_kafka: str) -> None:
    SyncWriter(own_kafka)
    subscriber = await SyncSubscriber(bootstrap=own_kafka).start()

    async def all_changes() -> list[Change | Gap]:
        return [change async for change in subscriber]

    waiting = asyncio.create_task(all_changes())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await subscriber.aclose()
        await subscriber.aclose()
        assert await waiting == []


async def test_a_subscriber_that_is_slow_holds_few_batches_and_loses_nothing(
    own_kafka: str,
) -> None:
    writer = SyncWriter(own_kafka)
    async with SyncSubscriber(["carts"], bootstrap=own_kafka) as subscriber:
        for number in range(1, 6001):
            writer.write("carts", "customer:1", cart("customer:1", number, mug=number))
        writer.flush()
        await asyncio.sleep(1)
        assert len(subscriber._batches) <= 8
        assert sum(map(len, subscriber._batches)) <= 4000
        assert quantities(await take(subscriber, 6000)) == list(range(1, 6001))


@pytest.mark.realkafka
async def test_live_readers_see_open_transactions_and_others_only_what_is_final(
    kafka: str, unique: str, own_topics: dict[str, str]
) -> None:
    writer = SyncWriter(kafka, own_topics, **{"transactional.id": unique})
    key = f"customer:{unique}"
    live = SyncSubscriber(["carts"], bootstrap=kafka)
    facts = SyncSubscriber(["carts"], bootstrap=kafka, live=False)
    async with live, facts:
        writer.producer.begin_transaction()
        writer.write("carts", key, cart(key, 1, mug=1))
        writer.flush()
        assert quantities(await take(live, 1)) == [1]
        writer.producer.abort_transaction(20)
        writer.producer.begin_transaction()
        writer.write("carts", key, cart(key, 2, mug=2))
        writer.flush()
        assert quantities(await take(live, 1)) == [2]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await anext(aiter(facts))
        writer.producer.commit_transaction(20)
        assert quantities(await take(facts, 1)) == [2]


def test_facts_are_read_beside_tables_and_only_when_they_are_final(own_kafka: str) -> None:
    writer = SyncWriter(own_kafka, {**SYNC_TOPICS, **FACT_TOPICS})
    for name in FACT_TOPICS:
        with pytest.raises(SettingsError, match=f"'{name}' is for acting .* live=False"):
            SyncReader(["carts", name], bootstrap=own_kafka)
    merged = ProfileMerged("loyalty:7", 5, "5f", "customer:42", None, CAUSE, "told", "links")
    with SyncReader(["carts", SIGNALS, IDENTITY], bootstrap=own_kafka, live=False) as reader:
        writer.write(IDENTITY, "loyalty:7", merged)
        writer.write("carts", "customer:42", cart("customer:42", 1, mug=2))
        writer.write(SIGNALS, "customer:42", abandoned("customer:42", 1))
        writer.flush()
        changes = read_some(reader, 3)
    assert {change.table: change.record for change in changes} == {
        "carts": cart("customer:42", 1, mug=2),
        SIGNALS: abandoned("customer:42", 1),
        IDENTITY: merged,
    }


@pytest.mark.parametrize("live", [True, False])
def test_orders_of_people_who_were_erased_are_shown_to_readers_of_facts(
    own_kafka: str, live: bool
) -> None:
    writer = SyncWriter(own_kafka)
    with SyncReader(["orders"], bootstrap=own_kafka, live=live) as reader:
        kept = order("erased:0f", 1, "A", 1_000)
        writer.write("orders", "erased:0f#A", kept)
        writer.write("orders", "customer:1#B", order("customer:1", 1, "B", 1_000))
        writer.flush()
        found = {change.key for change in read_some(reader, 1 if live else 2)}
    assert found == {"customer:1#B"} | (set() if live else {"erased:0f#A"})


def test_whoever_reads_all_tables_gets_no_facts() -> None:
    with pytest.raises(SettingsError, match="no sync topic of 'timers'"):
        SyncReader(["timers"], bootstrap="127.0.0.1:1")
    assert not {*FACT_TOPICS.values()} & {*SYNC_TOPICS.values()}
