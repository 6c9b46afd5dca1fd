from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from ccstream.agents import SyncApp
from ccstream.agents.sync_schema import SyncSchema
from ccstream.agents.transport import ConsumerThread
from ccstream.client.reader_rule import ReaderRule
from ccstream.client.records import Change, Removed, Unreadable
from ccstream.errors import SettingsError
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from tests.client.sync_records import cart, encoded

SETTINGS = Settings(
    kafka={"bootstrap": "one:9092,two:9092", "partitions": 6, "replication_factor": 3}
)
SYNC = "sync.carts.v1"
PARTITION = TP(SYNC, 2)


@pytest.fixture
async def app(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SyncApp]:
    """An app that is never started; the event loops that Faust makes for its threads are closed."""
    with closing_loops(monkeypatch):
        yield SyncApp("mine", SETTINGS)


@contextmanager
def closing_loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    loops: list[asyncio.AbstractEventLoop] = []
    new = asyncio.new_event_loop
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: loops.append(new()) or loops[-1])
    yield
    for loop in loops:
        loop.close()


async def test_it_is_set_up_from_ccstreams_settings(app: SyncApp) -> None:
    conf = app.conf
    assert [str(url) for url in conf.broker] == ["kafka://one:9092", "kafka://two:9092"]
    assert (conf.topic_partitions, conf.topic_replication_factor) == (6, 3)
    assert conf.broker_session_timeout == SETTINGS.group.session_timeout_ms / 1000
    assert (conf.web_bind, conf.web_port) == ("127.0.0.1", 6067)


async def test_fausts_options_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing_loops(monkeypatch):
        app = SyncApp("mine", SETTINGS, web_port=7000, topic_partitions=12)
        assert (app.conf.web_port, app.conf.topic_partitions) == (7000, 12)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("processing_guarantee", "exactly_once"),
        ("producer_threaded", True),
        ("stream_ack_cancelled_tasks", True),
    ],
)
def test_what_would_lose_records_is_refused_with_the_reason(option: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"leave out {option}: "):
        SyncApp("mine", SETTINGS, **{option: value})


def test_an_agent_handles_one_record_after_the_other() -> None:
    """Faust lets one record be missing below those that it commits."""
    app = SyncApp("mine", SETTINGS)
    with pytest.raises(SettingsError, match="leave out concurrency: "):

        @app.agent(app.sync_topic("carts"), concurrency=2)
        async def watch(changes: Any) -> None: ...


def test_it_cannot_join_the_workers_group() -> None:
    with pytest.raises(SettingsError, match="take partitions from them"):
        SyncApp(SETTINGS.app_id, SETTINGS)


async def test_a_table_that_is_not_published_is_named(app: SyncApp) -> None:
    with pytest.raises(SettingsError, match="no sync topic of 'windows'"):
        app.sync_topic("windows")


def message(value: bytes | None, key: str = "customer:42") -> Any:
    return SimpleNamespace(
        key=key.encode(), value=value, topic=SYNC, partition=2, offset=7, timestamp=1.5
    )


def test_an_agent_gets_what_the_sdk_gives() -> None:
    schema = SyncSchema("carts", Codec())
    record = cart("customer:42", 3, mug=2)
    expected = Change("carts", "customer:42", record, SYNC, 2, 7, 1500)
    assert schema.loads_value(None, message(encoded(record))) == expected
    assert schema.loads_value(None, message(None)).record == Removed()
    assert isinstance(schema.loads_value(None, message(b"?")).record, Unreadable)
    with pytest.raises(TypeError, match="publish an event to a channel"):
        schema.dumps_value(None, record, headers=None)


def test_what_a_past_owner_wrote_late_is_left_out_of_a_fetch() -> None:
    thread: Any = SimpleNamespace(_rule=ReaderRule())
    fetched = [
        SimpleNamespace(offset=at, key=b"customer:1", headers=[("ccstream-epoch", b"%d" % epoch)])
        for at, epoch in enumerate((1, 2, 1, 2))
    ]
    kept = ConsumerThread._current(thread, PARTITION, fetched)
    assert [record.offset for record in kept] == [0, 1, 3]
    assert ConsumerThread._current(thread, TP("mine-t-changelog", 2), fetched) == fetched


async def test_where_nothing_was_committed_it_goes_back_to_the_beginning(
    app: SyncApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock Faust goes on behind what it has fetched and dropped."""
    app.Table("rows")
    app.tables["rows"].changelog_topic.get_topic_name()
    changelog = TP("mine-rows-changelog", 2)
    committed = {PARTITION: None, TP(SYNC, 3): 7, changelog: None}
    sought: list[Any] = []

    async def seek_to_committed() -> dict[Any, Any]:
        return committed

    async def seek_to_beginning(*partitions: Any) -> None:
        sought.extend(partitions)

    consumer: Any = SimpleNamespace(
        seek_to_committed=seek_to_committed, seek_to_beginning=seek_to_beginning
    )
    thread: Any = app.consumer._thread  # type: ignore[attr-defined]
    monkeypatch.setattr(thread, "_ensure_consumer", lambda: consumer)

    async def call_thread(fun: Any, *args: Any) -> Any:
        return await fun(*args)

    monkeypatch.setattr(thread, "call_thread", call_thread)
    app.tables._changelogs[changelog.topic] = app.tables["rows"]  # type: ignore[attr-defined]
    assert await thread.seek_to_committed() == committed
    assert sought == [PARTITION]


async def test_no_record_comes_between_going_back_and_the_emptying_of_queues(
    app: SyncApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock Faust loses it."""
    active: list[bool] = []

    async def perform_seek() -> None:
        active.append(app.flow_control.is_active())

    async def start() -> None:
        active.append(app.flow_control.is_active())

    consumer: Any = app.consumer
    monkeypatch.setattr(consumer, "perform_seek", perform_seek)
    monkeypatch.setattr(consumer, "assignment", lambda: {PARTITION})
    monkeypatch.setattr(app._fetcher, "maybe_start", start)
    monkeypatch.setattr(app.assignor, "assigned_standbys", set)
    app.flow_control.resume()  # as it is during a recovery
    recovery: Any = app.tables.recovery  # type: ignore[attr-defined]
    app.consumer_generation_id = 3
    await recovery.on_recovery_completed(3)
    assert active == [False, True]


async def test_a_record_behind_a_gap_is_not_done_before_it_is(app: SyncApp) -> None:
    """Stock Faust would answer 14 here, and lose record 12 in a crash."""
    consumer: Any = app.consumer
    consumer._committed_offset[PARTITION] = 10
    await consumer._add_gap(PARTITION, 11, 12)  # a marker at 11; 12 and 13 are being handled
    consumer._acked[PARTITION] += [10, 13]
    assert consumer._new_offset(PARTITION) == 12
    consumer._committed_offset[PARTITION] = 12
    consumer._acked[PARTITION] += [12]
    assert consumer._new_offset(PARTITION) == 14


async def test_nothing_is_committed_once_something_was_lost(
    app: SyncApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashed.append(error)

    monkeypatch.setattr(app, "crash", crash)
    lost = asyncio.get_running_loop().create_future()
    producer: Any = app.producer
    producer._unacknowledged.add(lost)
    lost.add_done_callback(lambda done: producer._acknowledged("output", done))
    flushing = asyncio.create_task(producer.flush())
    await asyncio.sleep(0.3)
    assert not flushing.done(), "given up"
    lost.set_exception(TimeoutError("no broker"))
    await asyncio.wait_for(flushing, 10)
    assert str(app.failure).startswith("a record for output could not be stored")
    assert await app.consumer._commit_offsets({PARTITION: 11}) is False  # type: ignore[attr-defined]
    assert crashed == [app.failure]


async def test_the_example_of_the_page_is_an_app(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (root / "docs" / "agents.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    with closing_loops(monkeypatch):
        made: dict[str, Any] = {"__name__": "baskets"}
        exec(code, made)
        assert isinstance(made["app"], SyncApp)
        assert made["sizes"].name in made["app"].tables
