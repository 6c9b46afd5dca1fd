"""An application that folds a log, and one that folds it again, without Kafka."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from unittest.mock import patch

from confluent_kafka import TopicPartition

from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    IdentifiersLinked,
    IdentifierUnlinked,
    Money,
    OrderLine,
    OrderPlaced,
    ProductViewed,
    ProfileUpdated,
    Trait,
)
from ccstream.domain.limits import LINES_MAX
from ccstream.domain.moment import Moment, Scope
from ccstream.domain.profile import Policies
from ccstream.domain.touch import TouchLimits
from ccstream.domain.window import WindowLimits
from ccstream.engine import dataplane
from ccstream.engine.aggregates import Rules, make_plans
from ccstream.engine.delivery import SourceOffset
from ccstream.engine.fold import Folder
from ccstream.engine.outlet import Outlet
from ccstream.engine.partition import Partition
from ccstream.engine.rebuilding import RebuildFolder, RebuildPlane, RebuildTimers
from ccstream.engine.store import Table
from ccstream.evidence.same_rows import same_row
from ccstream.wire.catalogue import IDENTITY_TOPIC, MAIL_TOPIC, SIGNALS_TOPIC, SYNC_TOPICS, TABLES
from ccstream.wire.partition import partition_for
from ccstream.wire.rows import ROW_CODECS
from tests.engine.world import (
    CHANNELS,
    CODEC,
    INPUTS,
    NOW,
    PARTITIONS,
    STATE_ID,
    RecordingDelivery,
)
from tests.simulation.broker import LogRecord
from tests.simulation.clock import FakeClock

__all__ = ["ABANDONED_MS", "NewApplication", "OldApplication", "differing", "history"]

At = tuple[str, int]
ABANDONED_MS = 400
CROSSED_MS = 20
"""So far apart records of several topics may be taken the other way round."""
MAIL = INPUTS.index(MAIL_TOPIC)


def rules(**more: Any) -> Rules:
    whole: dict[str, Any] = {"cart_abandoned_after_ms": ABANDONED_MS, "cart_lines_max": LINES_MAX}
    return Rules(touch=TouchLimits(), profile=Policies(), **(whole | more))


class _Application:
    def __init__(self, made: Rules, prefix: str, *, sends_mail: bool) -> None:
        self.delivery = RecordingDelivery()
        self.prefix = prefix
        self.folder = Folder(
            decode=CODEC.decode_event,
            topics=INPUTS,
            channels=CHANNELS,
            plans=make_plans(made, prefix=prefix),
            outlet=Outlet(
                self.delivery,  # type: ignore[arg-type]
                "app",
                1_000_000,
                prefix=prefix,
                sends_mail=sends_mail,
            ),
            window_limits=WindowLimits(),
            append_time=True,
        )
        self.partitions = [self._partition(number) for number in range(PARTITIONS)]

    @staticmethod
    def _partition(number: int) -> Partition:
        tables = {name: Table(name, ROW_CODECS[name], 10_000) for name in TABLES}
        made = Partition(Scope(STATE_ID, number, PARTITIONS), tables, [-1] * len(INPUTS))
        made.begin_epoch(1)
        return made

    @property
    def signals(self) -> set[tuple[Any, ...]]:
        """Each by its id: one that was put out again is the same."""
        return self._facts(SIGNALS_TOPIC)

    @property
    def told_of_profiles(self) -> set[tuple[Any, ...]]:
        """The same of what has become of profiles."""
        return self._facts(IDENTITY_TOPIC)

    def _facts(self, topic: str) -> set[tuple[Any, ...]]:
        return {
            (sent.key, tuple(value for name, value in sent.headers if name == "ce_id"))
            for sent in self.delivery.sent
            if sent.topic == self.prefix + topic
        }

    def rows(self, table: str, number: int) -> dict[str, bytes]:
        held = self.partitions[number].tables[table]
        encode = ROW_CODECS[table].encode_row
        return {
            key: encode(entry)
            for key in held.keys()  # noqa: SIM118 - a table is no dict
            if (entry := held.get(key)) is not None and entry.state is not None
        }


class OldApplication(_Application):
    """Meets the records of several topics in an order of its own, and its letters as it must."""

    def __init__(self, rng: random.Random, *, in_order: bool = False) -> None:
        super().__init__(rules(), "", sends_mail=True)
        self._rng = rng
        self.in_order = in_order
        self.log: dict[At, list[LogRecord]] = {
            (topic, number): [] for topic in INPUTS for number in range(PARTITIONS)
        }
        self.order: list[At] = []
        self.now = NOW
        self.tokens: dict[str, bytes] = {}
        self._told = 0

    def publish(self, event: Event) -> None:
        self.now += self._rng.choice((0, 1, 5, 150))
        if self.in_order:
            self._fire()  # what was due before this was stored
        topic = INPUTS[CHANNELS.index(event.channel)]
        self._append(topic, event.subject.encode(), CODEC.encode_event(event))

    def work(self, steps: int) -> None:
        """Fold some of what is there; letters are stored as they are sent."""
        for _ in range(steps):
            waiting = [at for at, records in self.log.items() if self._next(at) < len(records)]
            if not waiting:
                break
            if self.in_order:
                topic, number = min(
                    waiting, key=lambda at: self.log[at][self._next(at)].timestamp()[1]
                )
            else:
                topic, number = self._rng.choice(self._about_next(waiting))
            self._fold(topic, number)
            if self.in_order:
                self._fire()

    def _about_next(self, waiting: list[At]) -> list[At]:
        """Of each partition number the records that are stored within a moment of its first."""
        times = {at: self.log[at][self._next(at)].timestamp()[1] for at in waiting}
        first = {
            number: min(t for at, t in times.items() if at[1] == number) for _, number in times
        }
        return [at for at, time in times.items() if time <= first[at[1]] + CROSSED_MS]

    def finish(self) -> None:
        while any(self._next(at) < len(records) for at, records in self.log.items()):
            self.work(10)
        self.now += 10 * ABANDONED_MS
        self._fire()

    def _fire(self) -> None:
        """As a worker does that has nothing more to fold."""
        for partition in self.partitions:
            if all(
                self._next((topic, partition.number)) == len(self.log[topic, partition.number])
                for topic in INPUTS
            ):
                self.folder.fire(partition, self.now, 1_000)

    def _next(self, at: At) -> int:
        return self.partitions[at[1]].folded[INPUTS.index(at[0])] + 1

    def _fold(self, topic: str, number: int) -> None:
        record = self.log[topic, number][self._next((topic, number))]
        self.order.append((topic, number))
        self.folder.fold(self.partitions[number], INPUTS.index(topic), record)
        for sent in self.delivery.sent[self._told :]:
            if sent.topic == MAIL_TOPIC:
                self._append(MAIL_TOPIC, str(sent.key).encode(), sent.value, sent.partition)
            elif sent.topic == SYNC_TOPICS["carts"] and sent.value is not None:
                self.tokens[str(sent.key)] = CODEC.decode(sent.value)[1]["observed"]
        self._told = len(self.delivery.sent)

    def _append(
        self, topic: str, key: bytes, value: bytes | None, number: int | None = None
    ) -> None:
        number = partition_for(key, PARTITIONS) if number is None else number
        self.now += 1  # no two records of one time, whose order nobody could tell
        records = self.log[topic, number]
        records.append(LogRecord((topic, number), len(records), self.now, key, value, None, None))


class _Shuffled:
    """A consumer that hands over what it fetches in batches, now of one partition, now another."""

    def __init__(self, log: Mapping[At, list[LogRecord]], rng: random.Random) -> None:
        self._log, self._rng = log, rng
        self._positions: dict[At, int] = {}
        self._paused: set[At] = set()

    def list_topics(self, topic: str, timeout: float) -> None:
        """Who leads it is known at once."""

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self._positions = {(one.topic, one.partition): one.offset for one in places}

    def pause(self, places: Iterable[TopicPartition]) -> None:
        self._paused |= {(one.topic, one.partition) for one in places}

    def resume(self, places: Iterable[TopicPartition]) -> None:
        self._paused -= {(one.topic, one.partition) for one in places}

    def poll(self, _timeout: float) -> LogRecord | None:
        more = [
            at
            for at, position in self._positions.items()
            if at not in self._paused and position < len(self._log[at])
        ]
        if not more:
            return None
        self._at = self._rng.choice(more)
        return self._take(1)[0]

    def consume(self, count: int, _timeout: float) -> list[LogRecord]:
        return self._take(self._rng.randint(0, min(count, 20)))

    def get_watermark_offsets(self, place: TopicPartition, *, cached: bool) -> tuple[int, int]:
        return 0, len(self._log[place.topic, place.partition])

    def position(self, places: Iterable[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(one.topic, one.partition, self._positions[one.topic, one.partition])
            for one in places
        ]

    def _take(self, count: int) -> list[LogRecord]:
        begin = self._positions[self._at]
        taken = self._log[self._at][begin : begin + count]
        self._positions[self._at] += len(taken)
        return taken


class _Followed:
    """Says how far the old one has folded; in steps, as its commits come."""

    def __init__(self, old: OldApplication, rng: random.Random) -> None:
        self._old, self._rng = old, rng
        self._commits = 0
        self.reached: Mapping[At, int] = {}

    def look(self, _partitions: Iterable[At]) -> bool:
        self._commits += self._rng.randint(0, 60)
        self.reached = Counter(self._old.order[: self._commits])
        return True


class NewApplication(_Application):
    """Folds the log of another one again, by the same rules or others."""

    def __init__(self, old: OldApplication, rng: random.Random, **others: Any) -> None:
        super().__init__(rules(**others), "new.", sends_mail=False)
        clock = FakeClock()
        with patch.object(dataplane, "Consumer", lambda _config: _Shuffled(old.log, rng)):
            plane = RebuildPlane({}, 50, _Followed(old, rng), clock)  # type: ignore[arg-type]
        plane.assign([SourceOffset(topic, number, 0) for topic, number in old.log])
        folder = RebuildFolder(self.folder)
        timers = RebuildTimers(plane, folder, clock)  # type: ignore[arg-type]
        idle = 0
        while idle < 50:
            messages = plane.poll(0)
            idle = 0 if messages else idle + 1
            for message in messages:
                folder.fold(
                    self.partitions[message.partition() or 0],
                    INPUTS.index(message.topic() or ""),
                    message,  # type: ignore[arg-type]
                )
            due = timers.due(self.partitions, behind=False)
            if due:
                timers.fire(due)
            clock.sleep(0.1 if idle else 0.0)
        assert plane.remaining == 0
        self.early_signals = self.signals
        for partition in self.partitions:  # as soon as it works by itself
            self.folder.fire(partition, old.now, 1_000)


def differing(old: _Application, new: _Application) -> list[tuple[str, str]]:
    """The tables and keys of rows that are not the same."""
    found = []
    for number, partition in enumerate(old.partitions):
        at = Moment(0, -1, -1, partition.scope, partition.folded)
        for table in TABLES:
            ours, theirs = old.rows(table, number), new.rows(table, number)
            found += [
                (table, key)
                for key in sorted(ours.keys() | theirs.keys())
                if not same_row(ours.get(key), theirs.get(key), at)
            ]
    return found


PEOPLE = ("customer:1", "customer:2", "customer:3")
BROWSERS = ("visitor:1", "visitor:2", "visitor:3", "visitor:4")
SKUS = ("tea", "cup", "hat")


def history(old: OldApplication, rng: random.Random, length: int) -> None:
    """Customers in two channels and browsers in one, who say what they had seen.

    Where records cross, nobody logs in or checks out: which of a basket is meant then goes by
    the order of arrival.
    """
    for number in range(length):
        if rng.random() < 0.5:
            who, channel = rng.choice(BROWSERS), "web"
        else:
            who, channel = rng.choice(PEOPLE), rng.choice(("web", "store"))
        event = _event(rng, old, number, who, channel)
        if event is not None:
            old.publish(event)
        old.work(1_000 if old.in_order else rng.randint(0, 4))
    old.finish()


def _event(
    rng: random.Random, old: OldApplication, number: int, who: str, channel: str
) -> Event | None:
    base: dict[str, Any] = {
        "event_id": f"e{number}",
        "occurred_at": old.now,
        "channel": channel,
        "source": f"{channel}-1",
        "subject": who,
    }
    token = old.tokens.get(who)
    sku, what = rng.choice(SKUS), rng.random()
    if what < 0.4:
        return CartItemAdded(**base, sku=sku, quantity=rng.randint(1, 3))
    if what < 0.5:
        return ProductViewed(**base, sku=sku)
    if what < 0.6:
        traits = (Trait(name="city", value=rng.choice(("Paris", "Lyon")), verified=False),)
        return ProfileUpdated(**base, traits=traits)
    if what < 0.7 and who in BROWSERS and old.in_order:
        return IdentifiersLinked(**base, identifiers=(rng.choice(PEOPLE),))
    if what < 0.75 and who in BROWSERS:
        return IdentifierUnlinked(**base)
    if token is None:
        return None  # who says nothing removes what is there, in whichever order it came
    base["observed"] = token
    if what < 0.85:
        return CartItemRemoved(**base, sku=sku)
    if what < 0.9:
        return CartItemQuantitySet(**base, sku=sku, quantity=rng.randint(1, 5))
    if what < 0.95:
        return CartCleared(**base)
    if not old.in_order:
        return None
    line = OrderLine(sku=sku, quantity=1, amount=Money(100, "EUR"))
    return OrderPlaced(
        **base,
        order_id=f"o{number}",
        lines=(line,),
        total=Money(100, "EUR"),
    )
