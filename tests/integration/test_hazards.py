"""What Faust and aiokafka would do to a worker, and that it does not come to that.

docs/hazards.md has a row for each; where another test already holds one, it is named there.
These need no broker: each looks at the place where the engine takes over from Faust.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError
from faust.types import TP

from ccstream.engine.app import EngineApp, make_app
from ccstream.engine.layout import Layout
from ccstream.engine.recovery import Recovery
from ccstream.engine.transport import Consumer, ControlThread, RebalanceListener
from ccstream.errors import FencedError
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import TABLES

PARTITIONS = 4


class Engine:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.assigned: list[Any] = []
        self.partitions: dict[int, Any] = {}

    def assign(self, assignment: Any, served: Any) -> None:
        self.assigned.append((assignment, served))


@pytest.fixture
def lost() -> list[BaseException]:
    return []


@pytest.fixture
async def app(
    lost: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EngineApp]:
    """An app that is never started; the event loops that Faust makes for its threads are closed."""
    loops: list[asyncio.AbstractEventLoop] = []
    new = asyncio.new_event_loop
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: loops.append(new()) or loops[-1])
    settings = Settings(app_id="hazards", kafka={"partitions": PARTITIONS})
    layout = Layout(
        app_id="hazards",
        partitions=PARTITIONS,
        inputs=("channel.web.events.v1",),
        tables=TABLES,
        sync_topics={},
        others=(),
        new_tables=dict,
    )
    engine: Any = Engine()
    yield make_app(settings, layout, engine, lost.append, "http://127.0.0.1:6066")
    for loop in loops:
        loop.close()


async def test_faust_has_no_producer_whose_sends_could_fail_in_silence(app: EngineApp) -> None:
    assert list(app.boot_strategy.kafka_producer()) == []
    assert not app.conf.producer_threaded
    assert app.conf.processing_guarantee.value == "at_least_once"


async def test_faust_commits_nothing_behind_the_engines_back(app: EngineApp) -> None:
    consumer: Any = app.consumer
    consumer._acked[TP("channel.web.events.v1", 0)].append(7)
    assert await consumer.commit() is False  # Faust's would fail: nothing is connected


async def test_faust_makes_no_topic_with_one_copy(app: EngineApp) -> None:
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader
    await app.consumer.create_topic("sync.carts.v1", 8, 1)  # would fail: nothing is connected


async def test_a_table_cannot_be_written_outside_the_transaction(app: EngineApp) -> None:
    with pytest.raises(TypeError, match="written by events only"):
        app.tables["carts"]["customer:42"] = {}
    with pytest.raises(TypeError, match="written by events only"):
        del app.tables["carts"]["customer:42"]


async def test_rows_are_in_no_store_of_fausts_with_its_caches_and_lost_expiries(
    app: EngineApp,
) -> None:
    assert app.conf.store.scheme == "memory"
    assert app.conf.table_standby_replicas == 0
    assert len(app.tables["carts"]) == 0
    assert app.tables["carts"].window is None


async def test_faust_does_not_look_for_progress_where_there_is_none(app: EngineApp) -> None:
    app.consumer.verify_event_path(0.0, TP("channel.web.events.v1", 0))


def test_an_empty_fetch_returns_when_it_is_configured_to() -> None:
    settings = Settings(kafka={"fetch_wait_max_ms": 7})
    config = consumer_config(settings, isolation="read_committed")
    assert config["fetch.wait.max.ms"] == 7


async def test_what_is_assigned_is_paused_before_aiokafka_can_fetch_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    async def assigned(self: Any, partitions: Any) -> None:
        order.append("told")

    base = RebalanceListener.__mro__[1]
    monkeypatch.setattr(base, "on_partitions_assigned", assigned)
    consumer = SimpleNamespace(pause=lambda *partitions: order.append(f"paused {partitions}"))
    thread: Any = SimpleNamespace(_ensure_consumer=lambda: consumer, last_heartbeat=0.0)
    await RebalanceListener(thread).on_partitions_assigned(["a", "b"])
    assert order == ["paused ('a', 'b')", "told"]


async def test_what_the_coordinator_has_parked_is_asked_for_and_ends_the_worker(
    app: EngineApp, lost: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccstream.engine.transport._CHECK_INTERVAL", 0.01)
    parked = GroupAuthorizationFailedError("hazards")

    async def call_thread(check: Any) -> None:
        raise parked

    consumer = app.control
    monkeypatch.setattr(consumer, "_thread", SimpleNamespace(call_thread=call_thread, check=None))
    watch: Any = inspect.getattr_static(Consumer, "_watch_coordinator")
    await asyncio.wait_for(watch.fun(consumer), 10)
    assert lost == [parked]


@pytest.mark.parametrize(("generation", "stopping"), [(7, False), (-1, False), (7, True)])
async def test_a_generation_that_is_lost_ends_the_worker_instead_of_joining_anew(
    app: EngineApp, lost: list[BaseException], generation: int, stopping: bool
) -> None:
    """Before it has joined, or while it leaves, there is nothing to lose."""
    resets: list[str] = []
    coordinator = SimpleNamespace(
        generation=generation, reset_generation=lambda: resets.append("reset")
    )
    thread: Any = SimpleNamespace(app=app, _stopping=stopping)
    ControlThread._watch_generation(thread, coordinator)
    coordinator.reset_generation()
    if generation < 0 or stopping:
        assert (resets, lost) == (["reset"], [])
    else:
        assert resets == []
        assert [type(error) for error in lost] == [FencedError]


async def test_the_changelogs_of_standbys_make_no_partition_whole(
    app: EngineApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``consumer.assignment()`` has them too; the assignor tells which are active."""
    changelogs = [f"hazards-{table}-changelog" for table in TABLES]
    inputs = sorted(app.layout.input_topics_by_number)
    whole = {TP(topic, 0) for topic in (*inputs, *changelogs)}
    standby = {TP(topic, 1) for topic in changelogs}
    assigned = whole | standby | {TP(topic, 1) for topic in inputs}
    actives = whole | {TP(topic, 1) for topic in inputs}
    monkeypatch.setattr(app.assignor, "assigned_actives", lambda: actives)
    coordinator = SimpleNamespace(generation=3, member_id="m")
    consumer = SimpleNamespace(_coordinator=coordinator)
    thread = SimpleNamespace(_ensure_consumer=lambda: consumer)
    monkeypatch.setattr(app.control, "_thread", thread)
    await Recovery(app, app.tables).on_rebalance(assigned, set(), assigned, 3)  # type: ignore[arg-type]
    ((assignment, _),) = app.engine.assigned  # type: ignore[attr-defined]
    assert assignment.partitions == frozenset({0})
    assert 1 in assignment.waiting


async def test_a_take_over_that_a_rebalance_has_overtaken_resumes_nothing(
    app: EngineApp,
) -> None:
    recovery: Any = Recovery(app, app.tables)  # type: ignore[arg-type]
    app.consumer_generation_id = 4
    await recovery._finish(3)
    assert not recovery.completed.is_set()
