"""The Faust app of a worker: topics, tables, membership; the engine does the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import faust
from faust.app.base import BootStrategy as FaustBootStrategy
from faust.types import TP

from ccstream.engine.assignment import Assignment
from ccstream.engine.engine import Engine
from ccstream.engine.layout import Layout
from ccstream.engine.recovery import TableManager
from ccstream.engine.tables import StoreTable
from ccstream.engine.transport import Consumer, Transport
from ccstream.ops.kafka_config import faust_broker, faust_credentials
from ccstream.ops.settings import Settings

__all__ = ["EngineApp", "make_app"]


class BootStrategy(FaustBootStrategy):
    """No producer and no web server of Faust's: the engine has its own of both."""

    enable_kafka_producer = False
    enable_web = False


class EngineApp(faust.App):
    """Binds Faust's callbacks to an :class:`Engine`."""

    BootStrategy = BootStrategy
    engine: Engine
    layout: Layout
    instance_id: str | None
    on_lost: Callable[[BaseException], None]

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    async def _producer_flush(self, logger: Any) -> None:
        """There is no Faust producer to flush."""

    def _create_directories(self) -> None:
        """Nothing of this app is kept in files."""

    @property
    def control(self) -> Consumer:
        consumer = self.consumer
        assert isinstance(consumer, Consumer)
        return consumer

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Faust waits for nobody where nothing was assigned; the engine holds that nothing, too."""
        await super()._on_partitions_revoked(revoked)
        if not self.should_stop:
            await asyncio.wrap_future(self.engine.release())

    def capture_assignment(
        self, actives: set[tuple[str, int]], standbys: set[tuple[str, int]]
    ) -> Assignment:
        """The group's word, frozen; called once, in the assigned callback."""
        coordinator = self.control.thread._ensure_consumer()._coordinator
        return Assignment(
            group=self.conf.id,
            generation=coordinator.generation,
            member=coordinator.member_id,
            instance=self.instance_id,
            partitions=self.layout.whole(actives),
            waiting=self.layout.partial(actives),
            standbys=self.layout.whole(standbys),
        )

    def lose(self, error: BaseException) -> None:
        """Membership is lost: the worker ends."""
        self.on_lost(error)


def make_app(
    settings: Settings,
    layout: Layout,
    engine: Engine,
    on_lost: Callable[[BaseException], None],
    url: str,
) -> EngineApp:
    """The app, with its input topics subscribed and its tables declared; not started."""
    for module in ("app", "transport", "recovery", "tables"):
        # Faust narrates each step of each service at INFO; the engine says what matters.
        logging.getLogger(f"ccstream.engine.{module}").setLevel(logging.WARNING)
    group = settings.group
    app = EngineApp(
        settings.app_id,
        broker=faust_broker(settings),
        broker_credentials=faust_credentials(settings),
        store="memory://",
        topic_partitions=layout.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=settings.state.standby_replicas,
        web_enabled=False,
        HttpClient=object,  # or Faust imports aiohttp, a fifth of a start, for its agents to use
        # A static member is given its last assignment back, which names it by its address.
        canonical_url=f"http://{group.instance_id}" if group.instance_id else url,
        consumer_group_instance_id=group.instance_id,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=group.session_timeout_ms / 1000,
        broker_heartbeat_interval=group.heartbeat_interval_ms / 1000,
        broker_rebalance_timeout=group.rebalance_timeout_ms / 1000,
        broker_max_poll_interval=group.max_poll_interval_ms / 1000,
        broker_request_timeout=max(30.0, group.session_timeout_ms / 1000 + 5),
        stream_wait_empty=True,
        TableManager=TableManager,
        Table=StoreTable,
    )
    app.engine, app.layout, app.on_lost = engine, layout, on_lost
    app.instance_id = group.instance_id
    for topic in layout.input_topics_by_number:
        app.topics.add(app.topic(topic, key_type=bytes, value_type=bytes, acks=False))
    for table in layout.tables:
        app.Table(table, partitions=layout.partitions)
    return app
