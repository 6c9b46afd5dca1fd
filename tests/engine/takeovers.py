"""A cluster in memory on which workers take partitions over, one call at a time."""

from __future__ import annotations

from collections.abc import Callable

from ccstream.domain.timers import Timer, Timers
from ccstream.engine.assignment import Assignment
from ccstream.engine.cluster import TopicPartitionKey
from ccstream.engine.owners import Owner, latest_owners
from ccstream.engine.partition import Partition
from ccstream.engine.restore import RestoreProgress
from ccstream.engine.standbys import Standbys
from ccstream.engine.stores import Stores
from ccstream.engine.takeover import TakeOver
from ccstream.wire.catalogue import OWNERS_TOPIC
from ccstream.wire.rows import ROW_CODECS, Entry
from tests.simulation.broker import FakeBroker
from tests.simulation.clock import FakeClock
from tests.simulation.fakes import FakeCluster, SteppedCommitter
from tests.simulation.process import APP, INPUTS, make_delivery, make_layout, make_topics

__all__ = ["CARTS", "WEB", "WINDOWS", "Candidate", "N", "Place", "write_timer"]

N = 2
WEB = INPUTS[0]
CARTS = f"{APP}-carts-changelog"
WINDOWS = f"{APP}-windows-changelog"
WORK = "somebody.0"


def write_timer(place: Place, key: str, due: int) -> None:
    """Somebody has set a timer by the wall clock in partition 0."""
    entry = Entry(Timers((Timer("carts", key, "a", due, "wall"),)), 1)
    value = ROW_CODECS["timers"].encode_row(entry)
    place.broker.append((f"{APP}-timers-changelog", 0), key.encode(), value)


class Candidate:
    """A worker that has joined the group and is to take over."""

    def __init__(self, broker: FakeBroker, name: str, point: Callable[[str], None]) -> None:
        self.member = broker.group.new_member_id()
        (self.producer, _), self.delivery = make_delivery(
            broker, f"{APP}.{name}", name, point, SteppedCommitter(point)
        )
        self.delivery.start()


class Place:
    """A cluster with nothing on it, and whoever comes to work there."""

    def __init__(self) -> None:
        self.layout = make_layout(N)
        self.clock = FakeClock(self.idle)
        self.broker = FakeBroker(self.clock, make_topics(self.layout), APP)
        self.cluster = FakeCluster(self.broker, self.clock, self.point)
        self.points: list[str] = []
        self.at_point: dict[str, Callable[[], None]] = {}
        self.at_sleep: Callable[[], None] = lambda: None

    def idle(self) -> None:
        """What a broker does while somebody sleeps."""
        self.at_sleep()
        self.broker.expire()
        self.broker.write_markers()

    def point(self, name: str) -> None:
        self.points.append(name)
        self.at_point.pop(name, lambda: None)()

    def candidate(self, name: str) -> Candidate:
        return Candidate(self.broker, name, self.point)

    def join(self, *members: Candidate) -> int:
        return self.broker.group.rebalance({one.member: None for one in members})

    def acquire(
        self,
        who: Candidate,
        generation: int | None = None,
        numbers: frozenset[int] = frozenset({0, 1}),
        retained: dict[int, Partition] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        stores: Stores | None = None,
        standbys: Standbys | None = None,
        progress: Callable[[RestoreProgress], None] = lambda progress: None,
    ) -> dict[int, Partition]:
        """Take over and see it decided."""
        if generation is None:
            generation = self.join(who)
        takeover = TakeOver(
            self.layout, self.cluster, who.delivery, self.clock, progress, stores, standbys
        )
        assignment = Assignment(APP, generation, who.member, None, numbers)
        taken = takeover.acquire(assignment, retained or {}, cancelled)
        self.broker.write_markers()
        return taken

    def owners(self) -> dict[int, Owner]:
        return latest_owners(self.broker.logs[OWNERS_TOPIC, 0].committed(0), APP)

    def open_transaction(self, at: TopicPartitionKey, value: bytes | None = b"\xc3\x01") -> int:
        """Somebody has written there and not decided yet; the epoch of its producer."""
        epoch = self.broker.initialise(WORK)
        self.broker.produce(WORK, epoch, WORK, at, b"k", value, None)
        return epoch
