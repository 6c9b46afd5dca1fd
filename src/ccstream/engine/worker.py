"""The worker process: puts the parts together, runs them, and says how it ended.

The exit status is for a supervisor: 0 after a signal, otherwise one of :class:`ExitStatus`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any

import structlog

from ccstream.engine.aggregates import Rules
from ccstream.engine.app import EngineApp, make_app
from ccstream.engine.assignment import check_group_metadata_layout
from ccstream.engine.chunks import ChunkLoop, Pace
from ccstream.engine.clock import Clock
from ccstream.engine.cluster import Cluster
from ccstream.engine.delivery import Delivery, Snapshot
from ccstream.engine.engine import Activity, Engine
from ccstream.engine.folding import make_answers, make_folder, make_layout
from ccstream.engine.followed import Followed, Limited, follow
from ccstream.engine.gauges import Gauges
from ccstream.engine.lineage import Rebuild
from ccstream.engine.local_state import make_standbys, make_stores
from ccstream.engine.owners import Reached
from ccstream.engine.plain import PlainDelivery
from ccstream.engine.questions import Questions
from ccstream.engine.rebuilding import make_data_plane
from ccstream.engine.rejection_log import RejectionLog
from ccstream.engine.restore import RestoreProgress
from ccstream.engine.status import ExitStatus, status_of
from ccstream.engine.stores import Stores
from ccstream.engine.takeover import TakeOver
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.engine.transport import group_error
from ccstream.engine.watchdog import Sight, Watchdog
from ccstream.errors import BrokerUnavailableError, CcstreamError, DeliveryError
from ccstream.ops.health import QUESTION, Health
from ccstream.ops.kafka_config import admin_config, consumer_config, producer_config
from ccstream.ops.metrics import Metrics
from ccstream.ops.metrics_engine import RESTARTS, STEP
from ccstream.ops.settings import Settings
from ccstream.ops.tracing import make_tracing
from ccstream.wire.catalogue import (
    CHANNELS,
    OWNERS_TOPIC,
    topic_numbers,
)
from ccstream.wire.query import QUESTION_BYTES_MAX

__all__ = ["Worker", "run"]

_STOP_TIMEOUT = 4.0
"""Seconds for a clean stop; what is folded by then is committed, the rest is read again."""

_BROKER_BACKOFF = (0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to reach a broker at start; the last one is repeated."""

log = structlog.get_logger(__name__)


class Worker:
    """One worker: engine, Faust app, metrics and health.

    Args:
        settings: everything configured.
        metrics: where to count.
        web_socket: the descriptor of a socket to serve metrics and health on, if not as configured.
        query_url: where gateways ask it, if somebody passes their questions on.
        rebuild: the application that it rebuilds; None for one that works by itself.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics | None = None,
        web_socket: int | None = None,
        query_url: str | None = None,
        rebuild: Rebuild | None = None,
    ) -> None:
        self.settings = settings
        self._rebuild = rebuild
        self._followed: Followed | None = None
        numbers = topic_numbers(settings.channels_extra)
        self._inputs = tuple(sorted(numbers, key=numbers.__getitem__))
        channels = (*CHANNELS, *settings.channels_extra)
        self.metrics = metrics or Metrics(channels=(*channels, "mail", "unknown"))
        self._ended: asyncio.Future[BaseException | None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._restoring = RestoreProgress()
        self._stores: Stores | None = None
        self.app: EngineApp | None = None
        self.engine: Engine | None = None
        self._questions = Questions()
        self._query_url = query_url or ""
        self.health = Health(
            self._live,
            self._ready,
            self.metrics.registry,
            settings.web.host,
            settings.web.port,
            web_socket,
            self._questions.ask,
            QUESTION_BYTES_MAX,
        )

    async def run(self, stop: asyncio.Event) -> ExitStatus:
        """Work until ``stop`` is set or something fails."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        url = self.health.start()
        web = self.settings.web
        self._query_url = self._query_url or self.health.reached_at(web.advertised_host) + QUESTION
        try:
            return await self._work(stop, url)
        except CcstreamError as error:
            return self._report(error)
        finally:
            self.health.stop()

    async def _work(self, stop: asyncio.Event, url: str) -> ExitStatus:
        assert self._ended is not None
        Rules.of(self.settings)  # a file of theirs that is wrong is told before brokers are asked
        cluster = self._cluster()
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        self._stop = stop
        if self._rebuild is not None:
            self._followed = follow(self.settings, self._rebuild.of)
        watchdog = self._watchdog(cluster)
        try:
            if not await self._reach_broker(cluster, stopping):
                return ExitStatus.STOPPED
            self._stores = make_stores(self.settings)
            delivery = await asyncio.to_thread(self._delivery, cluster)
            engine = self.engine = self._make_engine(cluster, delivery)
            self.metrics.watch(STEP, lambda: engine.step_seconds)
            self.app = make_app(self.settings, self._layout, self.engine, self._lost, url)
            self.engine.start()
            watchdog.start()
            starting: asyncio.Future[Any] = asyncio.ensure_future(self.app.start())
            ends: set[asyncio.Future[Any]] = {stopping, self._ended}
            await asyncio.wait({*ends, starting}, return_when=asyncio.FIRST_COMPLETED)
            if not (stopping.done() or self._ended.done()):
                starting.result()
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return await self._end(starting)
        finally:
            watchdog.stop()
            stopping.cancel()
            cluster.close()
            if self._stores is not None:
                await asyncio.to_thread(self._stores.close)

    async def _end(self, starting: asyncio.Future[Any]) -> ExitStatus:
        assert self._ended is not None
        assert self.app is not None
        assert self.engine is not None
        started = time.monotonic()
        error = self._ended.result() if self._ended.done() else None
        # A failed worker leaves no less cleanly: whatever of its last transaction is open is
        # aborted by its successor, and leaving the group spares that the session timeout.
        with contextlib.suppress(asyncio.TimeoutError, Exception):
            await asyncio.wait_for(self.app.stop(), _STOP_TIMEOUT)
        await asyncio.to_thread(self.engine.stop, _STOP_TIMEOUT)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await starting
        if error is None and self._ended.done():
            error = self._ended.result()
        if error is not None:
            return self._report(error)
        log.info("stopped", seconds=round(time.monotonic() - started, 2))
        return ExitStatus.STOPPED

    def _report(self, error: BaseException) -> ExitStatus:
        status = status_of(error)
        why = {"reason": str(error)} if isinstance(error, CcstreamError) else {"exc_info": error}
        log.error("worker ended", exit_status=int(status), **why)
        return status

    async def _reach_broker(self, cluster: Cluster, stopping: asyncio.Future[Any]) -> bool:
        """Wait for a broker, with back-off; False if told to stop meanwhile."""
        attempt = 0
        while not stopping.done():
            try:
                counts = await asyncio.to_thread(cluster.partition_counts)
            except BrokerUnavailableError as error:
                pause = _BROKER_BACKOFF[min(attempt, len(_BROKER_BACKOFF) - 1)]
                attempt += 1
                log.warning(
                    "no broker yet",
                    bootstrap=self.settings.kafka.bootstrap,
                    reason=str(error),
                    again_in_seconds=pause,
                )
                await asyncio.wait({stopping}, timeout=pause)
            else:
                self._layout = make_layout(self.settings, self._inputs)
                if not await asyncio.to_thread(cluster.has_transactions):
                    await asyncio.to_thread(cluster.use, (*self._layout.topics, OWNERS_TOPIC))
                    counts = await asyncio.to_thread(cluster.partition_counts)
                self._layout.check(counts, cluster.check_rights)
                return True
        return False

    def _cluster(self) -> Cluster:
        settings = self.settings
        return Cluster(
            admin_config(settings),
            consumer_config(settings, isolation="read_committed", role="takeover"),
            producer_config(settings, role="fence"),
            settings.app_id,
        )

    def _delivery(self, cluster: Cluster) -> Delivery:
        settings = self.settings
        delivery: Delivery
        transactional = settings.delivery == "transactional" or (
            settings.delivery == "auto" and cluster.has_transactions()
        )
        if transactional:
            check_group_metadata_layout(settings.app_id)
            who = settings.group.instance_id or os.urandom(6).hex()
            ids = (f"{settings.app_id}.{who}.0", f"{settings.app_id}.{who}.1")
            delivery = TransactionalDelivery(
                producer_config(settings, transactional_id=ids[0], linger_ms=0), ids
            )
        else:
            delivery = PlainDelivery(producer_config(settings, linger_ms=0), self._commit_offsets)
        self._transactional = transactional
        delivery.start()
        return delivery

    def _make_engine(self, cluster: Cluster, delivery: Delivery) -> Engine:
        settings = self.settings
        group = settings.group
        clock = Clock()
        gauges = Gauges(
            self.metrics,
            self._layout,
            clock,
            last_heartbeat=self._last_heartbeat,
            session_timeout=group.session_timeout_ms / 1000,
            report=self._report_restore,
        )
        standbys = make_standbys(settings, self._layout, cluster, clock, self._stores, gauges)
        takeover = TakeOver(
            self._layout,
            cluster,
            delivery,
            clock,
            gauges.restoring,
            self._stores,
            standbys,
            Reached(self._query_url, self._questions.key),
            None if self._rebuild is None else self._rebuild.of,
        )
        folder = make_folder(
            settings,
            self._inputs,
            delivery,
            append_time=self._transactional,
            sends_mail=self._rebuild is None,
            told=RejectionLog(),
            acknowledgements=gauges.acknowledgements,
        )
        plane, folds, due_timers = make_data_plane(
            settings, folder, self._followed, clock, self._caught_up
        )
        pace, tracing = Pace.of(settings), make_tracing(settings, "worker")
        chunks = ChunkLoop(
            plane, folds, delivery, self._layout, gauges, pace, clock, tracing, due_timers
        )
        self._questions.answers = make_answers(settings, self._inputs, chunks, gauges.alive)
        return Engine(
            takeover,
            chunks,
            release_timeout=group.rebalance_timeout_ms / 2000,
            on_failure=self._failed,
            standbys=standbys,
        )

    def _caught_up(self) -> None:
        """In the engine's thread."""
        assert self._loop is not None
        if self._rebuild is not None and self._rebuild.until_caught_up:
            self._loop.call_soon_threadsafe(self._stop.set)

    def _watchdog(self, cluster: Cluster) -> Watchdog:
        return Watchdog(
            self._see,
            cluster if self._followed is None else Limited(cluster, self._followed),
            lambda: () if self.engine is None else self.engine.stack(),
            timeout=self.settings.engine.stall_timeout_ms / 1000,
            clock=Clock(),
            on_stall=self._failed,
            give_up=lambda: os._exit(ExitStatus.STALLED),
        )

    def _see(self) -> Sight:
        """In the watchdog's thread."""
        assert self.engine is not None
        engine, restoring = self.engine, self._restoring
        assignment = engine.assignment
        taking_over = engine.activity == Activity.TAKING_OVER
        topics = self._layout.input_topics_by_number
        return Sight(
            engine.doing,
            engine.steps,
            {
                (topic, number): folded
                for number, partition in dict(engine.partitions).items()
                for topic, folded in zip(topics, list(partition.folded), strict=True)
            },
            frozenset() if assignment is None else assignment.waiting,
            (restoring.records, restoring.remaining) if taking_over else None,
        )

    def _commit_offsets(self, snapshot: Snapshot) -> None:
        """In the committer's thread; only the strategy without transactions comes here."""
        assert self.app is not None
        thread = self.app.control.thread
        offsets: Mapping[tuple[str, int], int] = {
            (o.topic, o.partition): o.offset for o in snapshot.offsets
        }
        commit = thread.commit_offsets(offsets, snapshot.assignment.generation)
        asyncio.run_coroutine_threadsafe(commit, thread.thread_loop).result(timeout=10.0)

    def _last_heartbeat(self) -> float:
        return self.app.control.thread.last_heartbeat if self.app is not None else 0.0

    def _failed(self, error: BaseException) -> None:
        """From any thread: the first failure ends the worker."""
        if isinstance(error, DeliveryError):
            self.metrics.add("ccstream_commit_failures_total")
        assert self._loop is not None

        def end() -> None:
            assert self._ended is not None
            if not self._ended.done():
                self._ended.set_result(error)

        self._loop.call_soon_threadsafe(end)

    def _lost(self, error: BaseException) -> None:
        self._failed(error if isinstance(error, CcstreamError) else group_error(error))

    def _report_restore(self, progress: RestoreProgress) -> None:
        self._restoring = progress
        log.info(
            "restoring",
            records=progress.records,
            remaining=progress.remaining,
            seconds=round(progress.seconds, 2),
        )

    def _live(self) -> tuple[bool, Mapping[str, Any]]:
        ended = self._ended is not None and self._ended.done()
        return not ended, {"host": socket.gethostname()}

    def _ready(self) -> tuple[bool, Mapping[str, Any]]:
        engine = self.engine
        if engine is None:
            return False, {"state": "waiting for a broker"}
        if engine.assignment is None:
            remaining = self._restoring.remaining
            return False, {"state": "taking partitions over", "restore_remaining": remaining}
        return True, {
            "state": "serving",
            "partitions": sorted(engine.partitions),
            "waiting_for_the_rest_of": sorted(engine.assignment.waiting),
        }


def run(
    settings: Settings,
    web_socket: int | None = None,
    query_url: str | None = None,
    rebuild: Rebuild | None = None,
    restarts: int = 0,
) -> int:
    """Run a worker until SIGTERM or SIGINT; the exit status. See :class:`Worker`."""

    async def main() -> int:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        worker = Worker(settings, None, web_socket, query_url, rebuild)
        worker.metrics.add(RESTARTS, (), restarts)
        return await worker.run(stop)

    return asyncio.run(main())
