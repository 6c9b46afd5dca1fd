"""One worker process of the simulation: the real engine on fake clients.

Folder, outlet, partitions, tables, chunk loop, take-over, restore, data plane, transactional
delivery and the engine's commands are the ones of production. Only what talks to Kafka, the
clock and the metrics is not, and the engine's thread is not started: the simulation calls its
steps.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from unittest.mock import MagicMock, patch

import structlog
from msgspec import Struct

from ccstream.domain.cart_state import MergeMode
from ccstream.domain.events import CartItemAdded, Event
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.profile import Policies
from ccstream.domain.touch import TouchLimits
from ccstream.domain.window import WindowLimits
from ccstream.engine.aggregates import Aggregate, Parting, Rules, make_plans
from ccstream.engine.assignment import Assignment
from ccstream.engine.busy_inputs import _BUSY_ABOVE, BusyInputsPlane
from ccstream.engine.chunks import _PATIENT_ABOVE, ChunkLoop, Pace
from ccstream.engine.engine import Engine
from ccstream.engine.fold import Folder
from ccstream.engine.layout import Layout
from ccstream.engine.outlet import Outlet
from ccstream.engine.store import Table
from ccstream.engine.stores import Stores
from ccstream.engine.takeover import TakeOver
from ccstream.engine.transactional import TransactionalDelivery
from ccstream.ops.erasure_key import ErasureKey
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import (
    MAIL_TOPIC,
    OUTPUT_TOPICS,
    OWNERS_TOPIC,
    SYNC_TOPICS,
    TABLES,
)
from ccstream.wire.codec import Codec
from ccstream.wire.rows import ROW_CODECS
from tests.simulation import timed
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.disk import FakeDisk
from tests.simulation.fakes import (
    FakeCluster,
    FakeConsumer,
    FakeGauges,
    FakeProducer,
    SteppedCommitter,
)
from tests.simulation.following import SteppedStandbys

__all__ = [
    "APP",
    "BRITTLE_SKU",
    "CART_MERGE",
    "CHANNELS",
    "CODEC",
    "ERASURE_DEADLINE_MS",
    "ERASURE_KEY",
    "IDENTIFIERS",
    "INPUTS",
    "STEPS",
    "Parts",
    "Process",
    "SimulatedCrash",
    "make_delivery",
    "make_layout",
    "make_stores",
    "make_topics",
    "on_fakes",
]

APP = "simulated"
CHANNELS: tuple[str | None, ...] = ("web", "store", None)
INPUTS = ("channel.web.events.v1", "channel.store.events.v1", MAIL_TOPIC)
CODEC = Codec()

IDENTIFIERS = IdentifierRules(
    MappingProxyType({"customer": "account", "visitor": "device"}),
    strengths=MappingProxyType({"log_in": "verified", "card_scanned": "asserted"}),
    identifiers_max=4,
)
"""Cards are linked by facts; with all accounts and cards in one profile there would be five."""

CART_MERGE: MergeMode = "max"
"""A mode in which it matters from which cart an addition is."""

ERASURE_DEADLINE_MS = 3_000
ROLL_INTERVAL = 2.0
"""Seconds; as it should be, less than an erasure has until its receipt."""

_ERASURE_KEY = ErasureKey.of(
    Settings.load(
        privacy__erasure_key="simulated " * 4,
        privacy__erasure_deadline_ms=ERASURE_DEADLINE_MS,
        app_id=APP,
    )
)
assert _ERASURE_KEY is not None
ERASURE_KEY: ErasureKey = _ERASURE_KEY

BRITTLE_SKU = "brittle"
"""Adding this to a cart that has lines raises: a mistake of ours, and one that depends on what
was folded before."""

STEPS = 4
"""Of a commit, as the committer carries them out."""

_COMMITTING = (
    "after its commit",
    "between offsets and end",
    "before its offsets",
    "before its rows",
    "before its outputs are acknowledged",
)
"""Where a worker is in its commit, by how many steps are left."""

_DECODED_ROWS_MAX = 4
"""So few that rows are dropped and decoded again all the time."""


class SimulatedCrash(BaseException):
    """The process is gone, at this very point."""


def _brittle(step: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(state: Any, event: Event, at: Any) -> Any:
        if isinstance(event, CartItemAdded) and event.sku == BRITTLE_SKU and state and state.lines:
            raise RuntimeError("this step is brittle")
        return step(state, event, at)

    return stepped


def _timed_merge(merge: Any) -> Any:
    return lambda ours, *others: timed.merged(ours, *merge(ours, *others))


def _timed_parting(parting: Any) -> Any:
    def release(state: Any, name: str) -> Any:
        parted = parting.release(state, name)
        if parted is None:
            return None
        kept, part, effects = parted
        return kept, part, timed.merged(state, kept, effects)[1]

    return Parting(parting.origins, release, _timed_merge(parting.rejoin))


def _plans() -> Mapping[type[Event], tuple[Aggregate, ...]]:
    made = make_plans(Rules(LINES_MAX, TouchLimits(), Policies(), CART_MERGE))
    return {
        kind: tuple(
            dataclasses.replace(
                one,
                step=_brittle(timed.step),
                on_timer=timed.on_timer,
                merge=_timed_merge(one.merge),
                parting=_timed_parting(one.parting),
            )
            if one.table == "carts"
            else one
            for one in aggregates
        )
        for kind, aggregates in made.items()
    }


_PLANS: dict[None, Mapping[type[Event], tuple[Aggregate, ...]]] = {}


def _all_plans() -> Mapping[type[Event], tuple[Aggregate, ...]]:
    if None not in _PLANS:
        _PLANS[None] = _plans()
    return _PLANS[None]


def make_layout(partitions: int) -> Layout:
    return Layout(
        app_id=APP,
        partitions=partitions,
        inputs=INPUTS,
        tables=TABLES,
        others=OUTPUT_TOPICS,
        sync_topics=SYNC_TOPICS,
        new_tables=lambda: {
            name: Table(name, ROW_CODECS[name], _DECODED_ROWS_MAX) for name in TABLES
        },
    )


def make_stores(disk: FakeDisk, partitions: int) -> Stores:
    """The local stores of a worker on a machine with this disk."""
    return Stores(
        disk,
        APP,
        partitions,
        lambda name, backing: Table(name, ROW_CODECS[name], _DECODED_ROWS_MAX, backing),
        TABLES,
    )


def make_topics(layout: Layout) -> dict[str, int]:
    """The topics of the application and their partition counts."""
    return {**dict.fromkeys(layout.topics, layout.partitions), OWNERS_TOPIC: 1}


@contextmanager
def on_fakes(
    patient_above: float = _PATIENT_ABOVE, busy_above: float = _BUSY_ABOVE
) -> Iterator[None]:
    """The engine's modules reach for fakes where they would make clients of librdkafka.

    ``patient_above``: events a second from which patient outputs wait for others.
    ``busy_above``: from which on a topic is read apart.
    """
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    configured = structlog.get_config()
    structlog.configure(wrapper_class=quiet)
    collector = MagicMock()
    try:
        with (
            patch("ccstream.engine.restore.Consumer", FakeConsumer),
            patch("ccstream.engine.dataplane.Consumer", FakeConsumer),
            patch("ccstream.engine.standbys.Consumer", FakeConsumer),
            patch("ccstream.engine.collector.gc", collector),
            patch("ccstream.engine.chunks._PATIENT_ABOVE", patient_above),
            patch("ccstream.engine.busy_inputs._BUSY_ABOVE", busy_above),
        ):
            yield
    finally:
        structlog.configure(**configured)


class Parts(Struct, frozen=True):
    """The classes that a process is made of; a mutant exchanges one of them."""

    takeover: type[TakeOver] = TakeOver
    chunks: type[ChunkLoop] = ChunkLoop
    delivery: type[TransactionalDelivery] = TransactionalDelivery
    committer: type[SteppedCommitter] = SteppedCommitter
    folder: type[Folder] = Folder
    cluster: type[FakeCluster] = FakeCluster
    assignment: type[Assignment] = Assignment
    isolation: str = "read_committed"
    stored: bool = False
    """Whether rows are kept on the disk of the machine, which its next worker finds."""
    standbys: type[SteppedStandbys] | None = None
    """What follows the numbers of other workers, if anything does."""


def make_delivery(
    broker: FakeBroker,
    name: str,
    owner: str,
    point: Callable[[str], None],
    committer: SteppedCommitter,
    kind: type[TransactionalDelivery] = TransactionalDelivery,
) -> tuple[tuple[FakeProducer, FakeProducer], TransactionalDelivery]:
    """A delivery whose transactional ids begin with ``name``, and its producers."""
    ids = (f"{name}.0", f"{name}.1")
    first, second = (FakeProducer(broker, one, owner, point) for one in ids)
    made: Any = (first, second)
    stepped: Any = committer
    return (first, second), kind({}, ids, producers=made, committer=stepped)


class _ProcessClock(FakeClock):
    """The common clock, as one process sees it: where it sleeps, others act."""

    def __init__(self, common: FakeClock, point: Callable[[str], None]) -> None:
        super().__init__()
        self._common = common
        self._point = point

    def monotonic(self) -> float:
        return self._common.monotonic()

    def now_ms(self) -> int:
        return self._common.now_ms()

    def advance(self, seconds: float) -> None:
        self._common.advance(seconds)

    def sleep(self, seconds: float) -> None:
        self._common.advance(seconds)
        self._point("sleep")


class Process:
    """A worker from its start to its end.

    Args:
        name: unlike that of any other process of the history.
        instance: the static id that it has, None for a dynamic member.
        point: called with itself and a name wherever others may act.
        disk: where its rows are kept, if not in memory.
    """

    def __init__(
        self,
        broker: FakeBroker,
        layout: Layout,
        name: str,
        instance: str | None,
        point: Callable[[Process, str], None],
        parts: Parts,
        disk: FakeDisk | None = None,
    ) -> None:
        def at(where: str) -> None:
            point(self, where)

        self.name = name
        self.instance = instance
        self.member = ""
        self.generation = -1
        self.numbers: frozenset[int] = frozenset()
        self.followed: frozenset[int] = frozenset()
        self.cancelled = False
        self.phase = ""
        self.alive = True
        self.ended: BaseException | None = None
        self._parts = parts
        clock = _ProcessClock(broker.clock, at)
        self.committer = parts.committer(at)
        self.producers, delivery = make_delivery(
            broker, f"{APP}.{instance or name}", name, at, self.committer, parts.delivery
        )
        delivery.start()
        self._step_at = 0
        send = delivery.send

        def send_and_step(*output: Any) -> None:
            self._step_at -= 1
            if self._step_at == 0:
                self.committer.step()
            send(*output)

        delivery.send = send_and_step  # type: ignore[method-assign]
        gauges = FakeGauges()
        cluster = parts.cluster(broker, clock, at)
        stores = make_stores(disk, layout.partitions) if disk is not None else None
        self.standbys: SteppedStandbys | None = None
        if parts.standbys is not None:
            committed = {"broker": broker, "isolation.level": "read_committed"}
            asked = parts.cluster(broker, clock, lambda _: None)
            self.standbys = parts.standbys(committed, layout, asked, clock, stores, gauges)
        takeover = parts.takeover(
            layout, cluster, delivery, clock, gauges.restoring, stores, self.standbys
        )
        reading = {"broker": broker, "isolation.level": parts.isolation}
        plane = BusyInputsPlane(reading, 8_000, clock)
        self.consumers: tuple[FakeConsumer, ...] = (plane._consumer, plane._busy_consumer)
        folder = parts.folder(
            decode=CODEC.decode_event,
            topics=INPUTS,
            channels=CHANNELS,
            plans=_all_plans(),
            outlet=Outlet(delivery, APP, 1_000_000),
            window_limits=WindowLimits(),
            append_time=True,
            identifiers=IDENTIFIERS,
            erasure_key=ERASURE_KEY,
        )
        pace = Pace(
            commit_interval=0.6,
            urgent_interval=0.2,
            catch_up_interval=0.6,
            linger_max=0.005,
            commit_timeout=5.0,
            roll_interval=ROLL_INTERVAL,
        )
        self.chunks = parts.chunks(plane, folder, delivery, layout, gauges, pace, clock)
        self.engine = Engine(
            takeover,
            self.chunks,
            release_timeout=5.0,
            on_failure=lambda error: None,
            standbys=self.standbys,
        )

    @property
    def serving(self) -> bool:
        return self.alive and self.engine.assignment is not None

    @property
    def where(self) -> str:
        """Where in its commits it is, between two of its steps."""
        begun = [producer.sent for producer in self.producers if producer.sent]
        if self.committer.busy:
            where = _COMMITTING[min(self.committer.steps_left, STEPS)]
            return f"{where}, the next begun" if len(begun) > 1 else where
        sent, queued = sum(begun), sum(map(len, self.producers))
        if queued:
            return "after some outputs" if sent else "after a fold"
        return "after all outputs" if sent else "idle"

    def turn(self, step_at: int) -> None:
        """One step of the engine; just before its ``step_at``-th output, one of the committer."""
        self._step_at = step_at
        self.engine.step()
        self._step_at = 0

    def assign(self) -> None:
        """What the assigned callback does; the next step takes over."""
        assignment = self._parts.assignment(
            group=APP,
            generation=self.generation,
            member=self.member,
            instance=self.instance,
            partitions=self.numbers,
            standbys=self.followed,
        )
        self.engine.assign(assignment, lambda: None)

    def end(self, why: BaseException | None = None) -> None:
        """It is gone. What its producers had not sent yet is gone with it."""
        self.alive = False
        self.ended = why
        for producer in self.producers:
            producer.purge()
        self.committer.close()
