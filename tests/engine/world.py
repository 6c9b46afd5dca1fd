"""A fold of one partition whose consequences are kept in lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ccstream.domain.events import CartItemAdded, Event
from ccstream.domain.identifiers import DEFAULT_RULES, IdentifierRules
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.moment import Scope
from ccstream.domain.profile import Policies
from ccstream.domain.touch import TouchLimits
from ccstream.domain.window import WindowLimits
from ccstream.engine.acknowledgements import Acknowledgements, Told
from ccstream.engine.aggregates import Aggregate, Rules, make_plans
from ccstream.engine.delivery import Appended, Snapshot
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.store import Table
from ccstream.wire.catalogue import MAIL_TOPIC, REJECTED_TOPIC, TABLES
from ccstream.wire.codec import Codec
from ccstream.wire.mail import Mail, decode_mail
from ccstream.wire.partition import partition_for
from ccstream.wire.rejected import Rejected, decode_rejected
from ccstream.wire.rows import ROW_CODECS
from tests.simulation.broker import LogRecord
from tests.simulation.clock import START_MS, FakeClock

__all__ = [
    "CODEC",
    "INPUTS",
    "NOW",
    "PARTITIONS",
    "RecordingDelivery",
    "Sent",
    "World",
    "added",
    "key_living_at",
    "shown",
]

CODEC = Codec()
INPUTS = ("channel.web.events.v1", "channel.store.events.v1", MAIL_TOPIC)
CHANNELS: tuple[str | None, ...] = ("web", "store", None)
PARTITIONS = 3
NOW = START_MS
PLANS = make_plans(Rules(LINES_MAX, TouchLimits(), Policies()))
STATE_ID = b"stateid8"


def key_living_at(partition: int, namespace: str = "customer") -> str:
    """A key whose home this partition is."""
    return next(
        key
        for key in (f"{namespace}:{n}" for n in range(100))
        if partition_for(key.encode(), PARTITIONS) == partition
    )


class Sent(NamedTuple):
    topic: str
    partition: int
    key: str | bytes
    value: bytes | None
    headers: Any


class RecordingDelivery:
    """A delivery that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.told: list[Told] = []
        self.commits: list[Snapshot] = []
        self.busy = False
        self.offsets_behind = False
        self.waiting = 0
        self.queued = 0
        self.settled = 0
        self.pauses: list[float] = []
        self.hastened = 0
        self.transactional_ids = ("app.me.0", "app.me.1")

    def start(self) -> None: ...

    def send(self, *output: Any) -> None:
        self.sent.append(Sent(*output[: len(Sent._fields)]))
        self.told += output[len(Sent._fields) :]

    def commit(
        self, snapshot: Snapshot, appended: Appended | None = None, pause: float = 0.0
    ) -> None:
        assert not self.busy
        self.commits.append(snapshot)
        self.pauses.append(pause)
        self.busy = True

    def hasten(self) -> None:
        self.hastened += 1

    def poll(self) -> float | None:
        return None

    def settle(self, timeout: float) -> float | None:
        self.busy = False
        self.waiting = 0
        self.settled += 1
        return None

    def close(self) -> None: ...


def added(**fields: Any) -> CartItemAdded:
    """An event of the web shop, of a subject that lives at partition 0."""
    whole: dict[str, Any] = {
        "event_id": "e1",
        "occurred_at": NOW,
        "channel": "web",
        "source": "shop-1",
        "subject": key_living_at(0),
        "sku": "tea",
        "quantity": 1,
        **fields,
    }
    return CartItemAdded(**whole)


class World:
    """One partition, a folder, and what came of it."""

    def __init__(
        self,
        plans: Mapping[type[Event], tuple[Aggregate, ...]] = PLANS,
        message_bytes_max: int = 1_000_000,
        *,
        append_time: bool = True,
        decode: Callable[[bytes], Event] = CODEC.decode_event,
        identifiers: IdentifierRules = DEFAULT_RULES,
        number: int = 0,
        acknowledgements: Acknowledgements | None = None,
    ) -> None:
        self.delivery = RecordingDelivery()
        self.clock = FakeClock()
        self.folder = Folder(
            decode=decode,
            topics=INPUTS,
            channels=CHANNELS,
            plans=plans,
            outlet=Outlet(
                self.delivery, "app", message_bytes_max, acknowledgements=acknowledgements
            ),
            window_limits=WindowLimits(),
            append_time=append_time,
            identifiers=identifiers,
        )
        tables = {name: Table(name, ROW_CODECS[name], 100) for name in TABLES}
        self.partition = Partition(Scope(STATE_ID, number, PARTITIONS), tables, [-1] * len(INPUTS))
        self.partition.begin_epoch(7)
        self._offsets = [0] * len(INPUTS)

    def fold(self, *events: Event, at: int = NOW, headers: Any = None) -> list[Sent]:
        """Fold events as their channels append them; what was put out for these."""
        begun = len(self.delivery.sent)
        for event in events:
            topic = CHANNELS.index(event.channel)
            self.fold_bytes(
                event.subject.encode(),
                CODEC.encode_event(event),
                topic=topic,
                at=at,
                headers=headers,
            )
        return self.delivery.sent[begun:]

    def fold_bytes(
        self,
        key: bytes | None,
        value: bytes | None,
        *,
        topic: int = 0,
        at: int = NOW,
        headers: Any = None,
    ) -> list[Sent]:
        begun = len(self.delivery.sent)
        offset = self._offsets[topic]
        self._offsets[topic] += 1
        record = LogRecord(
            (INPUTS[topic], self.partition.number), offset, at, key, value, headers, None
        )
        self.take(topic, record)
        return self.delivery.sent[begun:]

    def take(self, topic: int, record: LogRecord) -> None:
        """Fold what its topic has appended."""
        self.folder.fold(self.partition, topic, record)

    def state(self, table: str, key: str) -> Any:
        entry = self.partition.tables[table].get(key)
        return None if entry is None else entry.state

    def quantity(self, key: str, sku: str = "tea") -> int:
        """How many of it are in the cart."""
        cart = self.state("carts", key)
        lines = {} if cart is None else cart.lines
        return sum(line.quantity for at, line in lines.items() if at.sku == sku)

    @property
    def rejected(self) -> list[Rejected]:
        return [decode_rejected(s.value) for s in self.delivery.sent if s.topic == REJECTED_TOPIC]

    @property
    def letters(self) -> list[tuple[int, Mail]]:
        return [
            (s.partition, decode_mail(s.value)) for s in self.delivery.sent if s.topic == MAIL_TOPIC
        ]


def shown(sent: list[Sent], topic: str) -> list[dict[str, Any]]:
    """What sync events say, decoded."""
    return [CODEC.decode(s.value)[1] for s in sent if s.topic == topic and s.value is not None]
