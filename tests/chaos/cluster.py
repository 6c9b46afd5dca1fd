"""One broker for many runs, behind a proxy, with fresh topics for each."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Self

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from ccstream.devkit.kafka import LocalKafka
from ccstream.ops.settings import Settings
from tests.chaos.nursery import Nursery
from tests.integration.harness import make_topics, settings_for
from tests.support.proxy import Proxy

__all__ = ["PARTITIONS", "Cluster"]

PARTITIONS = 3
DELETED_S_MAX = 20.0

QUICK = {
    "log.cleaner.backoff.ms": "200",
    "log.segment.delete.delay.ms": "1000",
    "log.cleaner.threads": "1",
}


class Cluster:
    """A broker, its proxy, and who asks it things directly."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.nursery = self._stack.enter_context(Nursery())
        self.proxy = self._stack.enter_context(Proxy())
        self.kafka = self._stack.enter_context(
            LocalKafka(config=QUICK, heap_mb=512, proxy_port=self.proxy.port)
        )
        self.proxy.target = self.kafka.behind_proxy
        self.ask_anew()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask_anew(self) -> None:
        """Take a client that knows nothing of what was."""
        self.admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})

    def fresh(self, app_id: str) -> Settings:
        """Delete every topic and make those of an application; settings that go there directly."""
        deadline = time.monotonic() + DELETED_S_MAX
        while names := self._topics():
            if time.monotonic() > deadline:
                raise TimeoutError(f"topics could not be deleted: {names}")
            for future in self.admin.delete_topics(names, operation_timeout=10).values():
                future.exception(10)
        settings = settings_for(self.kafka.bootstrap, app_id)
        settings = settings.model_copy(
            update={"kafka": settings.kafka.model_copy(update={"partitions": PARTITIONS})}
        )
        make_topics(settings)
        return settings

    def configure(self, topics: list[str], **config: str) -> None:
        """Set topics' settings, with underscores for dots."""
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resources = [
            ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
            for topic in topics
        ]
        for future in self.admin.incremental_alter_configs(resources).values():
            future.result(10)

    def _topics(self) -> list[str]:
        names = self.admin.list_topics(timeout=10).topics
        return [name for name in names if not name.startswith("__")]
