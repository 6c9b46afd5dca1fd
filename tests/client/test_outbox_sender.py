"""What the outbox holds reaches Kafka once it can, subject by subject in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Message

from ccstream.client import outbox_sender
from ccstream.client.ack_producer import Acknowledge, Headers, NoRoomError
from ccstream.client.outbox import Outbox, Outgoing
from ccstream.client.outbox_sender import OutboxSender
from ccstream.client.position import Position
from ccstream.errors import DeliveryError, OutboxError, OutboxFullError

TOPIC = "channel.store.events.v1"


@dataclass
class Acked:
    at: int

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at


@dataclass
class FakeProducer:
    """Holds what it is sent until the test says what becomes of it."""

    log: list[bytes] = field(default_factory=list)
    held: list[tuple[bytes, bytes, Acknowledge]] = field(default_factory=list)
    room: bool = True
    on_send: Callable[[], Any] = lambda: None

    def send(
        self, topic: str, key: bytes, value: bytes, headers: Headers, acknowledge: Acknowledge
    ) -> None:
        assert (topic, list(headers)) == (TOPIC, [("ce_id", value)])
        if not self.room:
            raise NoRoomError
        self.held.append((key, value, acknowledge))
        self.on_send()

    def finish(self, index: int = 0, error: int | None = None) -> None:
        _, value, acknowledge = self.held.pop(index)
        message = cast(Message, Acked(len(self.log)))
        if error is None:
            self.log.append(value)
            acknowledge(None, message)
        else:
            acknowledge(KafkaError(error), message)


def events(*names: str) -> list[Outgoing]:
    """``a1`` is the first event of subject a."""
    return [Outgoing(TOPIC, n[0].encode(), n.encode(), (("ce_id", n.encode()),)) for n in names]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@asynccontextmanager
async def sending(path: Path, producer: FakeProducer, **bounds: int) -> AsyncIterator[OutboxSender]:
    sender = OutboxSender(Outbox(path, **bounds), producer)
    sender.start()
    try:
        async with asyncio.timeout(20):
            yield sender
    finally:
        sender.stop()
        await sender.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.002)


async def test_an_event_is_stored_before_it_is_sent_and_removed_only_when_acknowledged(
    path: Path,
) -> None:
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        (told,) = await sender.store(events("a1"))
        assert sender.waiting == 1
        await until(lambda: producer.held)
        assert not told.done()
        producer.finish()
        assert await told == Position(TOPIC, 0, 0)
        await sender.flush()
        assert sender.waiting == 0


async def test_an_event_waits_for_the_one_before_it_and_other_subjects_do_not(path: Path) -> None:
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        await sender.store(events("a1", "a2", "b1"))
        assert [value for _, value, _ in producer.held] == [b"a1", b"b1"]
        producer.finish(0)
        assert [value for _, value, _ in producer.held] == [b"b1", b"a2"]


async def test_a_failure_lets_no_later_event_overtake(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_sender, "BACKOFF_S_MIN", 0.01)
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        await sender.store(events("a1", "a2", "b1"))
        producer.finish(0, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        producer.finish(0)
        await until(lambda: producer.held)
        assert [value for _, value, _ in producer.held] == [b"a1"]
        producer.finish()
        producer.finish()
        assert producer.log == [b"b1", b"a1", b"a2"]
        await sender.flush()


async def test_a_producer_without_room_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_sender, "BACKOFF_S_MIN", 0.01)
    producer = FakeProducer(room=False)
    async with sending(path, producer) as sender:
        (told,) = await sender.store(events("a1"))
        await asyncio.sleep(0.05)
        producer.room = True
        await until(lambda: producer.held)
        producer.finish()
        await told


async def test_an_event_that_kafka_refuses_for_good_is_parked_and_the_next_goes_on(
    path: Path,
) -> None:
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        told, _ = await sender.store(events("a1", "a2"))
        producer.finish(0, KafkaError.MSG_SIZE_TOO_LARGE)
        with pytest.raises(DeliveryError, match="too large"):
            await told
        producer.finish()
        await sender.flush()
        (parked,) = await sender.parked()
        assert parked.record == events("a1")[0]
        assert sender.waiting == 1
        await sender.unpark(parked)
        await until(lambda: producer.held)
        producer.finish()
        await sender.flush()
        assert (producer.log, sender.waiting) == ([b"a2", b"a1"], 0)


async def test_a_parked_event_can_be_given_up(path: Path) -> None:
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        (told,) = await sender.store(events("a1"))
        producer.finish(0, KafkaError.INVALID_RECORD)
        with pytest.raises(DeliveryError):
            await told
        await until(lambda: not sender._refused)
        (parked,) = await sender.parked()
        await sender.discard(parked)
        assert sender.waiting == 0


async def test_a_restart_sends_what_was_left_and_then_what_is_new(path: Path) -> None:
    async with sending(path, FakeProducer()) as before:
        await before.store(events("a1", "a2", "b1"))
    producer = FakeProducer()
    async with sending(path, producer) as after:
        assert after.waiting == 3
        await after.store(events("a3"))
        producer.on_send = lambda: asyncio.get_running_loop().call_soon(producer.finish)
        while producer.held:
            producer.finish()
        await after.flush()
    assert [value for value in producer.log if value[:1] == b"a"] == [b"a1", b"a2", b"a3"]
    assert sorted(producer.log) == [b"a1", b"a2", b"a3", b"b1"]


async def test_more_than_fits_into_memory_waits_on_the_disk_in_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_sender, "WINDOW_ROWS_MAX", 8)
    producer = FakeProducer()
    producer.on_send = lambda: asyncio.get_running_loop().call_soon(producer.finish)
    shuffle = random.Random(7)
    names = [f"{shuffle.choice('abc')}{number:03}" for number in range(120)]
    async with sending(path, producer) as sender:
        most = 0
        for start in range(0, 120, 10):
            await sender.store(events(*names[start : start + 10]))
            most = max(most, sender._window_rows)
        await sender.flush()
        assert sender.waiting == 0
        assert most <= 8
    for subject in "abc":
        assert [value.decode() for value in producer.log if value.decode()[0] == subject] == [
            name for name in names if name[0] == subject
        ]
    assert len(producer.log) == 120


async def test_what_is_stored_at_once_shares_a_write_to_the_disk(path: Path) -> None:
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        writes = 0
        put = sender._outbox.put

        def counted(records: list[Outgoing]) -> range:
            nonlocal writes
            writes += 1
            return put(records)

        sender._outbox.put = counted  # type: ignore[assignment,method-assign]
        await asyncio.gather(*(sender.store(events(f"a{number}")) for number in range(100)))
        assert sender.waiting == 100
        assert writes <= 3


async def test_a_full_outbox_refuses_what_does_not_fit_and_takes_what_does(path: Path) -> None:
    async with sending(path, FakeProducer(), rows_max=3) as sender:
        too_many, fits = await asyncio.gather(
            sender.store(events("a1", "a2", "a3", "a4")),
            sender.store(events("b1")),
            return_exceptions=True,
        )
        assert isinstance(too_many, OutboxFullError)
        assert not isinstance(fits, BaseException)
        assert sender.waiting == 1


async def test_a_disk_that_fails_is_told_by_flush_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_sender, "BACKOFF_S_MIN", 0.01)
    producer = FakeProducer()
    async with sending(path, producer) as sender:
        await sender.store(events("a1"))
        remove = sender._outbox.remove

        def fails(sequences: list[int]) -> None:
            raise OutboxError("no room on the disk")

        sender._outbox.remove = fails  # type: ignore[assignment,method-assign]
        producer.finish()
        with pytest.raises(OutboxError, match="no room"):
            await sender.flush()
        sender._outbox.remove = remove  # type: ignore[method-assign]
        await until(lambda: sender.trouble is None)
        assert (sender.waiting, sender._outbox.rows) == (0, 0)


async def test_nothing_is_taken_after_the_end(path: Path) -> None:
    async with sending(path, FakeProducer()) as sender:
        sender.stop()
        with pytest.raises(DeliveryError, match="closed"):
            await sender.store(events("a1"))
