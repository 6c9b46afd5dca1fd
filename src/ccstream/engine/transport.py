"""Faust's transport ``ccstream://``: aiokafka as control plane only.

aiokafka keeps the group membership and runs Faust's assignor. It never fetches: every
partition is paused the moment it is assigned, and its *fetch context* is held while this
worker is alive, because a consumer that nobody polls leaves the group for good after
``max_poll_interval``. Records come through librdkafka (``dataplane``), and offsets are
committed by the engine, so Faust's commits and its watch over them do nothing here.

What aiokafka parks until somebody asks (coordination errors), or hides by joining anew
(a lost generation), is asked for each second and ends the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    RebalanceInProgressError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from ccstream.errors import AccessDeniedError, BrokerUnavailableError, FencedError, RebalancingError

if TYPE_CHECKING:
    from ccstream.engine.app import EngineApp

__all__ = ["Consumer", "ControlThread", "Transport", "group_error"]

_CHECK_INTERVAL = 1.0
"""Seconds between looks at the coordinator's parked errors."""


_DENIED = (
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)


def group_error(error: BaseException) -> AccessDeniedError | BrokerUnavailableError:
    """What aiokafka raised about the group, as an error of ours."""
    what = f"the consumer group cannot go on: {error!r}"
    if isinstance(error, _DENIED):
        return AccessDeniedError(
            f"{what}; `ccstream topics acls --role worker` lists what a worker's user needs"
        )
    return BrokerUnavailableError(what)


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Pauses what is assigned before aiokafka can fetch any of it."""

    _thread: ControlThread

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        # To have joined is a sign of life, and joining may take longer than a session: heartbeats
        # only begin an interval later.
        self._thread.last_heartbeat = time.monotonic()
        consumer = self._thread._ensure_consumer()
        consumer.pause(*assigned)
        await super().on_partitions_assigned(assigned)


class ControlThread(driver.AIOKafkaConsumerThread):
    """aiokafka's thread, watched."""

    app: EngineApp
    last_heartbeat: float = 0.0
    _stopping = False

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        self._context = consumer._subscription.fetch_context()
        self._context.__enter__()
        coordinator = consumer._coordinator
        self._watch_heartbeats(coordinator)
        self._watch_generation(coordinator)

    async def on_thread_stop(self) -> None:
        self._stopping = True
        await super().on_thread_stop()

    async def check(self) -> None:
        """Raise what the coordinator has parked. In this thread's loop."""
        self._ensure_consumer()._coordinator.check_errors()

    async def commit_offsets(self, offsets: Mapping[tuple[str, int], int], generation: int) -> None:
        """Store offsets under ``generation``, for the strategy without transactions.

        Raises:
            FencedError: the group has moved on.
            RebalancingError: it is about to.
        """
        consumer = self._ensure_consumer()
        if consumer._coordinator.generation != generation:
            raise FencedError("the group has moved on since these offsets were reached")
        marks = {
            TopicPartition(*where): OffsetAndMetadata(offset, "")
            for where, offset in offsets.items()
        }
        try:
            await consumer.commit(marks)
        except KafkaError as error:
            if isinstance(error.__cause__, RebalanceInProgressError):
                raise RebalancingError("the group takes no offsets in a rebalance") from error
            raise FencedError(f"the group refused offsets: {error!r}") from error

    def _watch_heartbeats(self, coordinator: Any) -> None:
        beat = coordinator._do_heartbeat
        self.last_heartbeat = time.monotonic()

        async def watched() -> bool:
            good = bool(await beat())
            if good:
                self.last_heartbeat = time.monotonic()
            return good

        coordinator._do_heartbeat = watched

    def _watch_generation(self, coordinator: Any) -> None:
        reset = coordinator.reset_generation

        def watched() -> None:
            if coordinator.generation < 0 or self._stopping:
                reset()
            else:
                # Not reset: that would join anew at once and throw a twin out in its turn.
                self.app.lose(
                    FencedError(
                        "the group no longer knows this worker: its session expired, or another "
                        "worker with the same group.instance_id took its place"
                    )
                )

        coordinator.reset_generation = watched


class Consumer(driver.Consumer):
    """Faust's consumer, without consuming."""

    app: EngineApp
    RebalanceListener: ClassVar[Any] = RebalanceListener
    _thread: ControlThread

    def _new_consumer_thread(self) -> ControlThread:
        return ControlThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> ControlThread:
        return self._thread

    @Service.task
    async def _watch_coordinator(self) -> None:
        while not self.should_stop:
            await self.sleep(_CHECK_INTERVAL)
            try:
                await self._thread.call_thread(self._thread.check)
            except KafkaError as error:
                if not self.should_stop:
                    self.app.lose(error)
                return

    async def wait_empty(self) -> None:
        """Called before partitions are given up, for a rebalance or at the end."""
        await asyncio.wrap_future(self.app.engine.release())

    async def on_stop(self) -> None:
        await self.wait_empty()

    async def _drain_messages(self, fetcher: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            # Faust cancels its fetcher to stop it, and takes the error for a crash if a
            # rebalance is on its way.
            await self.wait_for_stopped(fetcher.wait_until_stopped())

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        return False

    async def perform_seek(self) -> None:
        """Positions are the data plane's."""

    async def create_topic(self, topic: str, *args: Any, **kwargs: Any) -> None:
        """Topics are made by ``ccstream topics apply``."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust looks for progress in aiokafka's fetcher, where there is none."""


class Transport(driver.Transport):
    """What ``broker="ccstream://host:port"`` stands for."""

    Consumer: ClassVar[Any] = Consumer
