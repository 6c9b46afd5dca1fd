"""A Faust app of one's own that reads the sync topics as facts.

    app = SyncApp("large-baskets")
    carts = app.sync_topic("carts")

    @app.agent(carts)
    async def watch(changes):
        async for change in changes: ...

It has a consumer group of its own, so that it takes part in no rebalance of the workers'. It
reads committed records only and by the reader rule. What it wrote for a record is stored
before the record counts as read: an agent that raises, a send or a table's write that fails,
or a changelog that cannot be read ends the app, and the next one reads the record again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import faust
from faust.app.base import BootStrategy as FaustBootStrategy

from ccstream.agents.recovery import AppTopic, SyncTable, TableManager
from ccstream.agents.sync_schema import SyncSchema
from ccstream.agents.topics import OwnTopics
from ccstream.agents.transport import Transport
from ccstream.client.subscriber import read_topics
from ccstream.errors import SettingsError
from ccstream.ops.codecs import codec_of
from ccstream.ops.kafka_config import faust_broker, faust_credentials
from ccstream.ops.settings import Settings
from ccstream.wire.topics import ROOM_BYTES

__all__ = ["SyncApp"]

WEB_PORT: Final = 6067
"""Beside a worker's own 6066, which is Faust's default as well."""

SEND_S_MAX: Final = 60.0
"""How long a record may wait for a broker; Faust's default of 20 minutes hides that one is away."""

REQUEST_S_MAX: Final = 40.0
"""For one request; longer than a rebalance, which may be waited for."""

REFUSED: Final = {
    "processing_guarantee": "Faust commits its offsets under another transaction than its outputs",
    "producer_threaded": "offsets would be committed before what the thread still holds is stored",
    "stream_ack_cancelled_tasks": "an event that was broken off would count as done",
}
"""Faust's options that would break what this module promises, and how."""


class BootStrategy(FaustBootStrategy):
    """Faust's own web server would answer before the tables are there: it is started later."""

    def web_server(self) -> Iterable[Any]:
        return list(self.web_components()) if self._should_enable_web() else []


class SyncApp(faust.App):
    """``faust.App``, set up from ccstream's settings.

    Args:
        name: the app's id: its consumer group, and the beginning of its tables' changelogs.
        settings: all settings; without them, those of the environment and ``ccstream.toml``.
        options: any of Faust's, as ``faust.App`` takes them.

    Raises:
        SettingsError: the name is the workers', or an option would lose records.
    """

    BootStrategy = BootStrategy
    settings: Settings
    failure: BaseException | None = None
    """Why the app ends; nothing is committed any more."""

    def __init__(self, name: str, settings: Settings | None = None, **options: Any) -> None:
        self.settings = settings = settings or Settings.load()
        self._read: set[str] = set()
        self._ending: asyncio.Future[None] | None = None
        if name == settings.app_id:
            raise SettingsError(
                f"the app's name {name!r} is the workers' app_id: it would join their consumer "
                "group and take partitions from them; choose another"
            )
        for option, why in REFUSED.items():
            if options.get(option) not in {None, False, "at_least_once"}:
                raise SettingsError(f"leave out {option}: {why}")
        self.own_topics = OwnTopics(settings)
        super().__init__(name, **(_defaults(settings) | options))

    def sync_topic(self, table: str) -> faust.TopicT:
        """The topic of a table (carts, touches, ...), of signals or of identity: of `Change`s.

        Raises:
            SettingsError: nothing is published of such a table.
        """
        (topic,) = read_topics([table], live=False)
        self._read.add(topic)
        schema = SyncSchema(table, codec_of(self.settings))
        return self.topic(topic, schema=schema, allow_empty=False)

    def agent(self, *arguments: Any, concurrency: int = 1, **options: Any) -> Any:
        """As ``faust.App.agent``, for one record after the other.

        Raises:
            SettingsError: several at a time. Faust commits beyond one record that is not handled
                yet, where those behind it are, so that it would be lost if the app died then.
        """
        if concurrency != 1:
            raise SettingsError(
                "leave out concurrency: a record would count as read before it is handled, where "
                "the next one is handled first; more instances of the app share the partitions"
            )
        return super().agent(*arguments, **options)

    def lose(self, error: BaseException) -> None:
        """End the app, committing nothing more. From the app's event loop."""
        if self.failure is None:
            self.failure = error
            self._ending = asyncio.ensure_future(self.crash(error))

    async def on_first_start(self) -> None:
        await asyncio.to_thread(self.own_topics.check, self._read)
        await super().on_first_start()

    async def on_started_init_web_server(self) -> None:
        await super().on_started_init_web_server()
        if self._web_server_service is None and self.boot_strategy._should_enable_web():
            await self.add_runtime_dependency(self.web)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        # Faust would count the event as done and start the agent again behind it.
        self.lose(exc)

    def _create_directories(self) -> None:
        if self.conf.store.scheme != "memory":
            super()._create_directories()

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)


def _defaults(settings: Settings) -> dict[str, Any]:
    kafka, group = settings.kafka, settings.group
    return {
        "broker": faust_broker(settings, "kafka"),
        "broker_credentials": faust_credentials(settings),
        "broker_client_id": kafka.client_id,
        "broker_session_timeout": group.session_timeout_ms / 1000,
        "broker_heartbeat_interval": group.heartbeat_interval_ms / 1000,
        "broker_rebalance_timeout": group.rebalance_timeout_ms / 1000,
        "broker_max_poll_interval": group.max_poll_interval_ms / 1000,
        "broker_request_timeout": max(REQUEST_S_MAX, group.session_timeout_ms / 1000 + 5),
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": kafka.max_message_bytes + ROOM_BYTES,
        "producer_request_timeout": SEND_S_MAX,
        "producer_max_request_size": kafka.max_message_bytes + ROOM_BYTES,
        "producer_compression_type": None if kafka.compression == "none" else kafka.compression,
        "store": "memory://",
        "topic_partitions": kafka.partitions,
        "topic_replication_factor": kafka.replication_factor,
        "topic_disable_leader": True,
        # A standby holds every row a second time, and each restart of one moves both.
        "table_standby_replicas": 0,
        "stream_wait_empty": True,
        "web_bind": "127.0.0.1",
        "web_port": WEB_PORT,
        "Table": SyncTable,
        "TableManager": TableManager,
        "Topic": AppTopic,
    }
