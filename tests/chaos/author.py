"""What channels say in a run, made from a seed: every event with what has to become of it.

Events that take something out of a cart name what they mean, and name only what the broker has
acknowledged; so by the carts' law the outcome is the same in whatever order they are folded.
All bounds of a cart stay out of reach, for they depend on that order: what readers have not seen
as final yet may still be folded in another order, so an author never lets much of it pile up.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.people import People
from tests.chaos.records import encode, murmur2_partition

__all__ = ["CHANNELS", "TAKEN", "Author", "Record"]

CHANNELS = ("web", "app", "store")
CUSTOMERS = 16
SKUS = 8

TAKEN = "taken"
"""The fate of an event that has its effect; otherwise it is the reason for which it is rejected."""

PEOPLE = 0.2
"""How often somebody speaks who is none of the customers; see `people.py`."""

DAY_MS = 24 * 3_600_000
LINE_DOTS_MAX = 40  # of 64 that a line keeps
LINE_SETS_MAX = 5  # of 8 settings of a line whose authors had not seen each other
NAMES_MAX = 100  # of 256 that a removal which waits remembers
WAITING_MAX = 12  # of 32 removals of a cart that may wait: those that are underway
STALE_NAMES_MAX = 6  # and those that name what was consumed before, which wait in vain


@dataclass
class Record:
    """One record to publish, and what its author knows of it.

    ``entity`` is whose rows it has its effect on in the end; ``kind`` is empty if it is no event.
    """

    topic: str
    key: str
    value: bytes
    kind: str
    entity: str
    fate: str
    event: dict[str, Any] = field(default_factory=dict)
    partition: int | None = None

    @property
    def event_id(self) -> str:
        return str(self.event.get("event_id", ""))


@dataclass
class _Dot:
    """``known``: acknowledged; ``consumer``: the event that named it and is not final yet."""

    is_set: bool
    known: bool = False
    consumer: str = ""

    @property
    def open(self) -> bool:
        return self.known and not self.consumer


class Author:
    """Invents records, thread safe; it is told which of them are acknowledged.

    ``name`` is a part of every key and id. ``skew_ms`` is by how much the channels' clocks err.
    """

    def __init__(self, seed: int, name: str, partitions: int) -> None:
        self._random = random.Random(f"author {seed}")
        self._name = name
        self._partitions = partitions
        self._lock = threading.Lock()
        self._number = 0
        self.skew_ms = 0
        self._dots: dict[tuple[str, str], dict[str, _Dot]] = {}
        self._consumed: dict[str, list[tuple[str, str]]] = {}
        self._underway: dict[str, set[str]] = {}
        self._customer_of: dict[str, str] = {}
        self._stale_names: dict[str, int] = {}
        self._recent: dict[str, deque[Record]] = {c: deque(maxlen=50) for c in CHANNELS}
        self._orders: dict[str, list[Record]] = {c: [] for c in CHANNELS}
        self._greetings = deque(
            record for number in range(CUSTOMERS // 2) for record in self._log_in(number)
        )
        self._people = People(name, CHANNELS, self._event, seed)

    def next(self, channel: str) -> Record:
        """The next record of a channel."""
        with self._lock:
            if channel == "web" and self._greetings:
                return self._greetings.popleft()
            roll = self._random.random()
            recent = self._recent[channel]
            if self._random.random() < PEOPLE and (said := self._people.next(channel)):
                recent.append(said)
                return said
            if roll < 0.04 and recent:
                return self._random.choice(recent)
            if roll < 0.08:
                record = self._refused(channel)
            elif roll < 0.10 and self._orders[channel]:
                record = self._second_order(channel)
            else:
                record = self._accepted(channel)
            recent.append(record)
            return record

    def rest(self) -> list[Record]:
        """What people have left to say once everybody else has ended."""
        with self._lock:
            return self._people.rest()

    def acknowledged(self, record: Record) -> None:
        """The broker has it, so whoever publishes from here on may have seen it."""
        if record.fate != TAKEN or record.kind not in {"CartItemAdded", "CartItemQuantitySet"}:
            return
        with self._lock:
            line = self._dots.get((record.entity, record.event["sku"]), {})
            dot = line.get(record.event_id)
            if dot is not None:
                dot.known = True

    def final(self, event_id: str) -> None:
        """The event was folded and that is committed: nothing of it can come again later."""
        with self._lock:
            customer = self._customer_of.pop(event_id, None)
            if customer is None:
                return
            self._underway[customer].discard(event_id)
            for (whose, _), line in self._dots.items():
                if whose == customer:
                    for one in [o for o, dot in line.items() if dot.consumer == event_id]:
                        del line[one]

    def _accepted(self, channel: str) -> Record:
        dice = self._random
        customer = self._customer(dice.randrange(CUSTOMERS))
        sku = f"sku{dice.randrange(SKUS)}"
        what = dice.choices(
            ("add", "remove", "set", "clear", "order", "view"), (48, 14, 12, 3, 6, 17)
        )[0]
        line = self._dots.setdefault((customer, sku), {})
        full = len(self._underway.setdefault(customer, set())) >= WAITING_MAX
        if what == "add" and len(line) < LINE_DOTS_MAX:
            subject, misrouted = customer, None
            number = int(customer.rpartition("-")[2])
            if channel == "web" and number < CUSTOMERS // 2 and dice.random() < 0.3:
                subject = self._visitor(number)
            elif dice.random() < 0.06:
                home = murmur2_partition(customer.encode(), self._partitions)
                misrouted = (home + 1) % self._partitions
            record = self._event(
                channel, "CartItemAdded", subject, customer, sku=sku, quantity=dice.randint(1, 4)
            )
            record.partition = misrouted
            line[record.event_id] = _Dot(is_set=False)
            return record
        if full:
            what = "view"
        if what == "remove" and self._any(line):
            return self._consume(channel, "CartItemRemoved", customer, [sku], sku=sku)
        if (
            what == "set"
            and self._any(line)
            and sum(d.is_set for d in line.values()) < LINE_SETS_MAX
        ):
            quantity = dice.choice((0, 1, 2, 5, 9))
            record = self._consume(
                channel, "CartItemQuantitySet", customer, [sku], sku=sku, quantity=quantity
            )
            line[record.event_id] = _Dot(is_set=True)
            return record
        if what in {"clear", "order"}:
            skus = [s for (c, s), dots in self._dots.items() if c == customer and self._any(dots)]
            if what == "clear" and skus:
                return self._consume(channel, "CartCleared", customer, skus)
            if skus:
                return self._order(channel, customer, skus[: dice.randint(1, 2)])
        return self._event(channel, "ProductViewed", customer, customer, sku=sku)

    def _consume(
        self, channel: str, kind: str, customer: str, skus: list[str], **fields: Any
    ) -> Record:
        """Name some of what is known of these lines: all settings, most additions."""
        dice = self._random
        lines = [(sku, self._dots[customer, sku]) for sku in skus]
        able = [(sku, one, dot) for sku, line in lines for one, dot in line.items() if dot.open]
        chosen = [at for at in able if at[2].is_set or dice.random() < 0.8] or able[:1]
        chosen = chosen[:NAMES_MAX]
        named = [one for _, one, _ in chosen]
        gone = [one for sku, one in self._consumed.get(customer, ()) if sku in skus]
        stale = self._stale_names.get(customer, 0)
        if gone and stale < STALE_NAMES_MAX and dice.random() < 0.15:
            self._stale_names[customer] = stale + 1
            named.append(dice.choice(gone))
        record = self._event(channel, kind, customer, customer, dots=named, **fields)
        for sku, one, dot in chosen:
            dot.consumer = record.event_id
            self._consumed.setdefault(customer, []).append((sku, one))
        self._underway.setdefault(customer, set()).add(record.event_id)
        self._customer_of[record.event_id] = customer
        return record

    def _order(self, channel: str, customer: str, skus: list[str]) -> Record:
        amount = {"amount_minor": 100 * len(skus), "currency": "EUR"}
        lines = [_order_line(sku) for sku in skus]
        order_id = f"order-{self._number}"
        record = self._consume(
            channel, "OrderPlaced", customer, skus, order_id=order_id, lines=lines, total=amount
        )
        self._orders[channel].append(record)
        return record

    def _second_order(self, channel: str) -> Record:
        """Of a number that the same channel has given before: whichever comes first holds."""
        first = self._random.choice(self._orders[channel])
        fields = {name: first.event[name] for name in ("order_id", "total")}
        record = self._event(
            channel,
            "OrderPlaced",
            first.entity,
            first.entity,
            lines=[_order_line("other")],
            dots=["of nothing"],
            **fields,
        )
        record.fate = "order_already_placed"
        return record

    def _refused(self, channel: str) -> Record:
        dice = self._random
        customer = self._customer(dice.randrange(CUSTOMERS))
        what = dice.choice(("too_late", "too_late", "quantity", "key", "bytes"))
        if what == "bytes":
            topic = f"channel.{channel}.events.v1"
            self._number += 1
            value = b"no event of any kind %d" % self._number
            return Record(topic, customer, value, "", customer, "not_avro")
        fields = {"sku": "sku0", "quantity": 0 if what == "quantity" else 1}
        ago = 31 * DAY_MS if what == "too_late" else 0
        record = self._event(channel, "CartItemAdded", customer, customer, ago, **fields)
        record.fate = {"key": "key_mismatch", "quantity": "invalid_quantity"}.get(what, what)
        if what == "key":
            record.key = self._customer(dice.randrange(CUSTOMERS)) + "x"
        return record

    def _log_in(self, number: int) -> list[Record]:
        """A visitor who looks at something, then turns out to be a customer, who takes it over."""
        visitor, customer = self._visitor(number), self._customer(number)
        link = {"identifiers": [visitor, customer]}
        return [
            self._event("web", "ProductViewed", visitor, customer, sku="sku0"),
            self._event("web", "IdentifiersLinked", visitor, visitor, **link),
        ]

    def _event(
        self, channel: str, kind: str, subject: str, entity: str, ago: int = 0, **fields: Any
    ) -> Record:
        self._number += 1
        event = {
            "event_id": f"{self._name}-{channel}-{self._number}",
            "occurred_at": int(time.time() * 1000) + self.skew_ms - ago,
            "channel": channel,
            "source": f"{channel}-1",
            "subject": subject,
            **fields,
        }
        topic = f"channel.{channel}.events.v1"
        return Record(topic, subject, encode(kind, event), kind, entity, TAKEN, event)

    @staticmethod
    def _any(line: dict[str, _Dot]) -> bool:
        return any(dot.open for dot in line.values())

    def _customer(self, number: int) -> str:
        return f"customer:{self._name}-{number}"

    def _visitor(self, number: int) -> str:
        return f"visitor:{self._name}-{number}"


def _order_line(sku: str) -> dict[str, Any]:
    return {"sku": sku, "quantity": 1, "amount": {"amount_minor": 100, "currency": "EUR"}}
