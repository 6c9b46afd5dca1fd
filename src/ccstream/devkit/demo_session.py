"""What a demo runs on: a broker, a worker, and each channel's publisher and view.

Every channel has its own view of the customers, as its own screens would: the demo compares
what they show, and measures how long each change took to be shown.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from ccstream.client.position import Position
from ccstream.client.publisher import ChannelPublisher
from ccstream.client.records import Change, Gap
from ccstream.client.view import SyncView
from ccstream.devkit.embedded import EMBEDDED_PARTITIONS, EmbeddedKafka
from ccstream.devkit.ports import LOOPBACK
from ccstream.devkit.worker_process import WorkerProcess
from ccstream.domain.events import ChannelVisited, Event
from ccstream.ops import topics
from ccstream.ops.broker import Broker
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS

__all__ = ["DemoSession", "Latencies"]

LATENCIES_MAX = 10_000
"""Of each channel; the oldest half is forgotten above it, so that a demo may run for days."""

_PENDING_MAX = 50_000
"""Events whose arrival is still waited for; beyond, the oldest is given up."""


class Latencies:
    """Milliseconds from publishing an event to its being seen in each channel's view."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[float, float]] = {}
        self._seen: dict[str, list[float]] = {}

    def sent(self, event_id: str) -> None:
        if len(self._sent) >= _PENDING_MAX:
            self._sent.pop(next(iter(self._sent)))
        now = time.perf_counter()
        first, _ = self._sent.get(event_id, (now, now))
        self._sent[event_id] = first, now

    def seen(self, channel: str, event_id: str, *, again: bool = False) -> None:
        """Note that a view shows it.

        Args:
            channel: whose view.
            event_id: of which event.
            again: the worker found it to be a repetition: it waited since it was last sent.
        """
        started = self._sent.get(event_id)
        if started is None:
            return
        seen = self._seen.setdefault(channel, [])
        if len(seen) >= LATENCIES_MAX:
            del seen[: LATENCIES_MAX // 2]
        seen.append((time.perf_counter() - started[again]) * 1000)

    def quantile(self, fraction: float, channel: str | None = None) -> float | None:
        """The ``fraction`` quantile of one channel, or of all; None where nothing was seen."""
        if channel is not None:
            values = sorted(self._seen.get(channel, ()))
        else:
            values = sorted(value for seen in self._seen.values() for value in seen)
        return values[min(len(values) - 1, int(fraction * len(values)))] if values else None


class DemoSession:
    """Everything that a demo needs, for as long as an ``async with`` block.

    Args:
        bootstrap: a real cluster to run on; an embedded broker where it is None.
        channels: those that take part.
        tables: the tables that their views follow.
    """

    def __init__(
        self,
        bootstrap: str | None,
        channels: tuple[str, ...] = CHANNELS,
        tables: tuple[str, ...] = ("carts", "touches", "consents", "aliases"),
    ) -> None:
        self._bootstrap = bootstrap
        self._channels = channels
        self._tables = tables
        self._stack = AsyncExitStack()
        self.embedded = bootstrap is None
        self.publishers: dict[str, ChannelPublisher] = {}
        self.views: dict[str, SyncView] = {}
        self.latencies = Latencies()
        self.published = 0
        self.environment: dict[str, str] = {}
        """The settings of the session's processes, by their variables without ``CCSTREAM_``."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def publish(self, event: Event) -> Position:
        """Publish through the event's channel, with the clock running."""
        self.latencies.sent(event.event_id)
        self.published += 1
        return await self.publishers[event.channel].publish(event)

    async def _start(self) -> None:
        settings = self._settings()
        if not self.embedded:
            await asyncio.to_thread(_make_topics, settings)
        self.environment = {
            "APP_ID": settings.app_id,
            "KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "KAFKA__PARTITIONS": str(settings.kafka.partitions),
            "KAFKA__FETCH_WAIT_MAX_MS": str(settings.kafka.fetch_wait_max_ms),
        }
        worker = WorkerProcess(self.environment)
        self._stack.callback(worker.stop)
        try:
            await asyncio.to_thread(worker.__enter__)
        except asyncio.CancelledError:
            # The thread still waits for the worker to be ready: it notices that it is gone.
            worker.stop()
            raise
        self.environment["GATEWAY__WORKERS"] = f"{LOOPBACK}:{worker.port}"
        for channel in self._channels:
            view = SyncView(self._tables, settings=settings)
            self.views[channel] = await self._stack.enter_async_context(view)
            view.on_change(self._watch(channel))
            publisher = ChannelPublisher(
                channel=channel, source=f"{channel}-demo", settings=settings, view=view, linger_ms=0
            )
            self.publishers[channel] = await self._stack.enter_async_context(publisher)
        await self._open_channels()

    async def _open_channels(self) -> None:
        """Have every channel's producer publish something, of nobody and not measured.

        librdkafka asks for a producer's id half a second after it is made, unless it was connected
        at once, and later on a slow machine. A channel's producer is made long before its first
        customer comes; so are these.
        """
        nobody = f"visitor:{secrets.token_hex(8)}"
        await asyncio.gather(
            *(
                publisher.publish(publisher.event(ChannelVisited, nobody))
                for publisher in self.publishers.values()
            )
        )

    def _settings(self) -> Settings:
        given: dict[str, Any] = {"web__port": 0, "kafka__bootstrap": self._bootstrap}
        if self.embedded:
            broker = self._stack.enter_context(EmbeddedKafka())
            given |= {
                "app_id": "ccstream-demo",
                "kafka__bootstrap": broker.bootstrap,
                "kafka__partitions": EMBEDDED_PARTITIONS,
                "kafka__fetch_wait_max_ms": 5,
            }
        return Settings.load(**given)

    def _watch(self, channel: str) -> Any:
        def seen(change: Change | Gap) -> None:
            cause = getattr(getattr(change, "record", None), "cause", None)
            if cause is not None:
                again = cause.outcome == "duplicate"
                self.latencies.seen(channel, cause.event_id, again=again)

        return seen


def _make_topics(settings: Settings) -> None:
    broker = Broker(settings)
    topics.apply(topics.survey(settings, broker), broker)
