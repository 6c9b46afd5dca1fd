"""Hand-made records of the sync topics, as a worker writes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from confluent_kafka import Producer

from ccstream.client.records import (
    AliasSynced,
    CartAbandoned,
    CartConflict,
    CartLine,
    CartLineKey,
    CartQuantitySetting,
    CartSynced,
    Cause,
    Consent,
    ConsentProof,
    ConsentSynced,
    Interaction,
    InteractionsSynced,
    LastTouchSynced,
    Money,
    OrderLine,
    OrderSynced,
    ProfileSynced,
    ProfileTrait,
    QuietHours,
    StatedContactChoice,
    StatedFlag,
    StatedLanguage,
    StatedQuietHours,
    Touch,
    TraitValue,
)
from ccstream.wire.catalogue import SYNC_TOPICS
from ccstream.wire.framing import single_object_prefix
from ccstream.wire.headers import EPOCH, TRACEPARENT
from ccstream.wire.partition import partition_for
from ccstream.wire.schemas import schema
from ccstream.wire.writer import Writer, compile_writer
from tests.support.topics import make_topic

AT = 1_790_000_000_000

CAUSE = Cause("e1", "CartItemAdded", "web", "shop-1", AT, AT + 3, "applied")

_WRITERS: dict[str, Writer] = {}


def encoded(record: Any) -> bytes:
    """The framed bytes of a sync record."""
    name = type(record).__name__
    if name not in _WRITERS:
        info = schema(name)
        _WRITERS[name] = compile_writer(info.parsed, single_object_prefix(info))
    return _WRITERS[name](record)


def line(sku: str, quantity: int) -> CartLine:
    return CartLine(sku, "", "", "", quantity, Money(1290, "EUR"), sku.title(), AT, AT + 1, "web")


def cart(subject: str, version: int, **quantities: int) -> CartSynced:
    lines = tuple(line(sku, quantity) for sku, quantity in quantities.items())
    return CartSynced(
        subject,
        version,
        version - 1,
        1,
        CAUSE,
        "EUR",
        lines,
        lines[:1],
        (CartLineKey("gone", "", "", ""),),
        (
            CartConflict(
                CartLineKey("mug", "", "", ""),
                CartQuantitySetting("e3", "app", "phone", 2, AT),
                CartQuantitySetting("e2", "web", "shop-1", 5, AT - 1),
            ),
        ),
        None,
        b"\x01token of version %d" % version,
    )


def abandoned(subject: str, version: int) -> CartAbandoned:
    return CartAbandoned(subject, version, "5f" * 16, AT + 9, 2, AT, "EUR", (line("mug", 2),))


def touches(subject: str, version: int) -> LastTouchSynced:
    first = Touch("e0", "PostEngaged", "social", "feed", AT - 9, "network:7")
    last = Touch("e1", "CartItemAdded", "web", "shop-1", AT, "mug")
    return LastTouchSynced(subject, version, 0, CAUSE, first, last, (first, last))


def profile(subject: str, version: int) -> ProfileSynced:
    value = TraitValue("Ada", "web", "shop-1", AT, "e1", verified=True)
    return ProfileSynced(
        subject, version, 0, CAUSE, (ProfileTrait("first_name", (value,)),), ("first_name",)
    )


def consents(subject: str, version: int) -> ConsentSynced:
    proof = ConsentProof("newsletter-3", "store", AT - 1)
    granted = Consent(
        "5f" * 32, "email", "newsletter", "granted", "consent", proof, None, AT - 1, "e1"
    )
    return ConsentSynced(
        subject,
        version,
        0,
        CAUSE,
        (granted,),
        (StatedContactChoice("sms", True, AT, "e2"),),
        quiet_hours=StatedQuietHours(QuietHours(1_320, 480), AT, "e2"),
        language=StatedLanguage("fr", AT, "e2"),
        calls_at_any_time=StatedFlag(True, AT, "e2"),
    )


def interactions(subject: str, version: int) -> InteractionsSynced:
    call = Interaction("e1", "c-1", "call", "call_centre", "desk-2", AT, "delivery", "when", None)
    return InteractionsSynced(subject, version, 0, CAUSE, (call,))


def alias(subject: str, version: int, root: str) -> AliasSynced:
    return AliasSynced(subject, version, version - 1, CAUSE, root, AT)


def order(subject: str, version: int, order_id: str, placed_at: int = AT) -> OrderSynced:
    sold = OrderLine(sku="mug", quantity=2, amount=Money(2580, "EUR"))
    return OrderSynced(
        subject,
        version,
        0,
        CAUSE,
        order_id,
        "e9",
        placed_at,
        "store",
        "till-3",
        (sold,),
        Money(2580, "EUR"),
    )


class SyncWriter:
    """Writes to the sync topics like the owner of all partitions, in a given epoch."""

    def __init__(
        self,
        bootstrap: str,
        topics: Mapping[str, str] = SYNC_TOPICS,
        settings: Mapping[str, str] = MappingProxyType({}),
        **config: Any,
    ) -> None:
        self.topics = topics
        self.partitions = {
            topic: make_topic(bootstrap, topic, **settings) for topic in topics.values()
        }
        self.producer = Producer(
            {"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 2, **config}
        )
        if "transactional.id" in config:
            self.producer.init_transactions(20)

    def write(
        self, table: str, key: str, record: Any, epoch: int = 1, trace: str | None = None
    ) -> None:
        """A record, or a tombstone; bytes go as they are."""
        topic = self.topics[table]
        subject = key.partition("#")[0]
        self.producer.produce(
            topic,
            key=key,
            value=record if isinstance(record, bytes | None) else encoded(record),
            partition=partition_for(subject.encode(), self.partitions[topic]),
            headers=[
                (EPOCH, b"%d" % epoch),
                *([] if trace is None else [(TRACEPARENT, trace.encode())]),
            ],
        )

    def flush(self) -> None:
        assert self.producer.flush(20) == 0
