"""What the pipeline said about a data set: read from the sync topics while it is played.

Records are read committed, so only what happened counts, and each is attributed by the id of
the event that caused it: a record that comes twice, or after a restart, changes nothing. Of
carts only the snapshots that complete a basket are decoded; of the others no more than the
cause, since they are some millions.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ccstream.errors import BrokerUnavailableError, SchemaError, TopicMismatchError
from ccstream.ops.kafka_clients import make_client
from ccstream.ops.kafka_config import consumer_config
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import HEARTBEAT_NAMESPACE, REJECTED_TOPIC, SYNC_TOPICS
from ccstream.wire.codec import Codec
from ccstream.wire.framing import (
    CONFLUENT_PREFIX_BYTES,
    SINGLE_OBJECT_MAGIC,
    SINGLE_OBJECT_PREFIX_BYTES,
)
from ccstream.wire.schemas import default_schemas

__all__ = ["BasketSeen", "Facts", "FactsReader", "OrderSeen", "cause_of"]

CARTS: Final = SYNC_TOPICS["carts"]
TOUCHES: Final = SYNC_TOPICS["touches"]

_NOBODY: Final = HEARTBEAT_NAMESPACE.encode()
ORDERS: Final = SYNC_TOPICS["orders"]

APPLIED: Final = "applied"

BATCH_MAX: Final = 2_000
"""Records taken at a time: some megabytes, and the publisher's thread waits for no longer
than a few milliseconds."""

ANSWER_S: Final = 10.0
STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class BasketSeen:
    """A cart as CartSynced showed it."""

    subject: str
    units: int
    cents: int


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """An order as OrderSynced showed it."""

    subject: str
    lines: int
    line_cents: int
    total_cents: int


@dataclass
class Facts:
    """What was seen, by event or order id or subject.

    ``last_item_ids`` are the events whose snapshots are wanted; others are only counted.
    """

    last_item_ids: frozenset[str]
    baskets: dict[str, BasketSeen] = field(default_factory=dict)
    """By the event that completed them."""
    orders: dict[str, OrderSeen] = field(default_factory=dict)
    touches: dict[str, bytes] = field(default_factory=dict)
    """The last record of each subject, still encoded."""
    not_applied: Counter[str] = field(default_factory=Counter)
    """Completed baskets and orders that came with another outcome, by outcome."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Dead letters by reason."""
    answered: int = 0
    """Records on the carts' topic: one for each event."""

    def __post_init__(self) -> None:
        _check_layout()
        self._decode = Codec().decode

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take one record in."""
        if (key or b"").startswith(_NOBODY):
            return
        if topic == CARTS:
            self.answered += 1
            if value is not None and (cause := cause_of(value)) in self.last_item_ids:
                self._take_basket(cause, self._decode(value)[1])
        elif topic == TOUCHES:
            if key is not None and value is not None:
                self.touches[key.decode()] = value
        elif value is None:
            return
        elif topic == ORDERS:
            self._take_order(self._decode(value)[1])
        elif topic == REJECTED_TOPIC:
            self.rejected[self._decode(value)[1]["reason"]] += 1

    def last_touch(self, subject: str) -> tuple[str, int] | None:
        """Event id and time of the last touch that was shown, None if none was."""
        value = self.touches.get(subject)
        if value is None:
            return None
        last = self._decode(value)[1]["last"]
        return last["event_id"], last["occurred_at"]

    def _take_basket(self, cause: str, record: Mapping[str, Any]) -> None:
        if record["cause"]["outcome"] != APPLIED:
            self.not_applied[record["cause"]["outcome"]] += 1
            return
        lines = record["lines"]
        self.baskets[cause] = BasketSeen(
            record["subject"],
            sum(line["quantity"] for line in lines),
            sum(
                line["quantity"] * line["unit_price"]["amount_minor"]
                for line in lines
                if line["unit_price"] is not None
            ),
        )

    def _take_order(self, record: Mapping[str, Any]) -> None:
        if record["cause"]["outcome"] != APPLIED:
            self.not_applied[record["cause"]["outcome"]] += 1
            return
        self.orders[record["order_id"]] = OrderSeen(
            record["subject"],
            len(record["lines"]),
            sum(line["amount"]["amount_minor"] for line in record["lines"]),
            record["total"]["amount_minor"],
        )


class FactsReader:
    """A thread that reads the sync topics and dead letters from where they end now."""

    def __init__(self, settings: Settings, facts: Facts) -> None:
        self.facts = facts
        self.last_record_at = time.monotonic()
        """When a record last came, by the monotonic clock."""
        self._consumer = make_client(
            Consumer, consumer_config(settings, isolation="read_committed", role="play")
        )
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="dataset-facts", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._consumer.assign(self._from_the_end())
        except BaseException:
            self._consumer.close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(STOP_S)

    def check(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._failure is not None:
            raise self._failure

    def _from_the_end(self) -> list[TopicPartition]:
        places = []
        try:
            for topic in (CARTS, TOUCHES, ORDERS, REJECTED_TOPIC):
                found = self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
                if found.error is not None:
                    raise TopicMismatchError(
                        f"there is no topic {topic}; run `ccstream topics apply` first"
                    )
                for number in found.partitions:
                    place = TopicPartition(topic, number)
                    place.offset = self._consumer.get_watermark_offsets(place, ANSWER_S)[1]
                    places.append(place)
        except KafkaException as error:
            raise BrokerUnavailableError(
                f"the sync topics could not be read: {error.args[0].str()}"
            ) from error
        return places

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                messages = self._consumer.consume(BATCH_MAX, 0.1)
                for message in messages:
                    self._take(message)
        except BaseException as error:  # noqa: BLE001 - raised again by check(), in its thread
            self._failure = error
        finally:
            self._consumer.close()

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self.last_record_at = time.monotonic()
            self.facts.take(message.topic() or "", message.key(), message.value())
        elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
            raise BrokerUnavailableError(f"the sync topics could not be read: {error.str()}")


def cause_of(value: bytes) -> str:
    """The id of the event that caused a CartSynced, without decoding the rest."""
    single = value[:2] == SINGLE_OBJECT_MAGIC
    at = SINGLE_OBJECT_PREFIX_BYTES if single else CONFLUENT_PREFIX_BYTES
    length, at = _long(value, at)
    at += length
    for _ in range(3):
        while value[at] > 127:
            at += 1
        at += 1
    length, at = _long(value, at)
    return value[at : at + length].decode()


def _long(value: bytes, at: int) -> tuple[int, int]:
    """A length, never negative, and where the next field begins."""
    shift = number = 0
    while value[at] > 127:
        number |= (value[at] & 127) << shift
        shift += 7
        at += 1
    return (number | value[at] << shift) >> 1, at + 1


def _check_layout() -> None:
    """Whether :func:`cause_of` still knows how a CartSynced begins."""
    parsed = default_schemas().schema("CartSynced").parsed
    begins = [one["name"] for one in parsed["fields"][:5]]
    cause = parsed["fields"][4]["type"]
    if begins != ["subject", "version", "base_version", "cart_number", "cause"] or (
        cause["fields"][0]["name"] != "event_id"
    ):
        raise SchemaError(f"CartSynced begins with {begins}: cause_of() has to follow it")
