"""What a publisher says is published is in Kafka, as the worker wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from confluent_kafka import Message

from ccstream.client.publisher import ChannelPublisher
from ccstream.client.subscriber import SyncReader
from ccstream.domain import reasons
from ccstream.domain.events import (
    CartCleared,
    CartItemAdded,
    CartItemQuantitySet,
    CartItemRemoved,
    Event,
    InteractionLogged,
    Money,
    ProductViewed,
)
from ccstream.errors import (
    BrokerUnavailableError,
    DeliveryError,
    InvalidEventError,
    OutboxFullError,
    SettingsError,
    TopicMismatchError,
)
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from ccstream.wire.partition import partition_for
from tests.client.conftest import FreezableBroker

ReadAll = Callable[..., list[Message]]

PARTITIONS = 4
CODEC = Codec()


@pytest.fixture
def channel(unique: str) -> str:
    """A channel of the test's own, so that its topic is empty."""
    return unique


@pytest.fixture
def settings(embedded_kafka: str, channel: str) -> Settings:
    return Settings.load(kafka__bootstrap=embedded_kafka, channels_extra=(channel,))


@pytest.fixture
async def publisher(settings: Settings, channel: str) -> AsyncIterator[ChannelPublisher]:
    async with ChannelPublisher(channel=channel, source="shop-1", settings=settings) as opened:
        yield opened


@pytest.fixture
def stored(embedded_kafka: str, channel: str, read_all: ReadAll) -> Callable[[], list[Message]]:
    return lambda: read_all(embedded_kafka, f"channel.{channel}.events.v1")


def decoded(messages: list[Message]) -> list[Event]:
    return [CODEC.decode_event(message.value()) for message in messages]


async def test_an_event_arrives_whole_under_its_subject_where_the_worker_looks_for_it(
    publisher: ChannelPublisher, stored: Callable[[], list[Message]]
) -> None:
    event = publisher.event(
        CartItemAdded, "customer:42", sku="mug", quantity=2, unit_price=Money(1290, "EUR")
    )
    position = await publisher.publish(
        event, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7-01"
    )
    (message,) = stored()
    assert decoded([message]) == [event]
    assert message.key() == b"customer:42"
    assert position == (message.topic(), message.partition(), message.offset())
    assert message.partition() == partition_for(b"customer:42", PARTITIONS)
    headers = dict(message.headers() or [])
    assert headers["ce_id"] == event.event_id.encode()
    assert headers["ce_type"] == b"ccstream.cart.v1.CartItemAdded"
    assert headers["content-type"] == b"application/avro"
    assert headers["traceparent"] == b"00-0af7651916cd43dd8448eb211c80319c-b7-01"


async def test_many_events_keep_their_order_within_a_subject(
    publisher: ChannelPublisher, stored: Callable[[], list[Message]]
) -> None:
    events = [
        publisher.event(ProductViewed, f"customer:{number % 7}", sku=str(number))
        for number in range(2_000)
    ]
    assert await publisher.publish_many(events) == 2_000
    arrived = decoded(stored())
    for subject in {event.subject for event in events}:
        assert [e for e in arrived if e.subject == subject] == [
            e for e in events if e.subject == subject
        ]
    assert len(arrived) == 2_000


async def test_events_may_come_from_an_asynchronous_source(
    publisher: ChannelPublisher, stored: Callable[[], list[Message]]
) -> None:
    async def scans() -> AsyncIterator[Event]:
        for number in range(3):
            await asyncio.sleep(0)
            yield publisher.event(ProductViewed, "customer:1", sku=str(number))

    assert await publisher.publish_many(scans()) == 3
    assert len(stored()) == 3


async def test_more_events_than_may_be_in_flight_wait_for_room(
    settings: Settings, channel: str, stored: Callable[[], list[Message]]
) -> None:
    async with ChannelPublisher(
        channel=channel, source="shop-1", settings=settings, in_flight_max=10
    ) as publisher:
        most = 0

        def watched() -> list[Event]:
            nonlocal most
            most = max(most, publisher.waiting)
            return []

        def events() -> list[Event]:
            return [publisher.event(ProductViewed, "customer:1", sku=str(n)) for n in range(300)]

        await publisher.publish_many(event for event in events() if not watched())
        await asyncio.gather(*(publisher.publish(event) for event in events()))
    assert most == 10
    assert len(stored()) == 600


async def test_what_is_published_soon_is_there_at_the_end(
    settings: Settings, channel: str, stored: Callable[[], list[Message]]
) -> None:
    async with ChannelPublisher(channel=channel, source="shop-1", settings=settings) as publisher:
        for number in range(50):
            event = publisher.event(ProductViewed, "customer:1", sku=str(number))
            await publisher.publish_soon(event)
    assert len(stored()) == 50


async def test_an_invalid_event_among_many_is_named_and_those_before_it_are_stored(
    publisher: ChannelPublisher, stored: Callable[[], list[Message]]
) -> None:
    events = [
        publisher.event(CartItemAdded, "customer:1", sku="mug", quantity=quantity)
        for quantity in (1, 2, 0, 3)
    ]
    with pytest.raises(InvalidEventError, match="event 2: the quantity is not 1 to") as caught:
        await publisher.publish_many(events)
    assert caught.value.reason == reasons.INVALID_QUANTITY
    assert decoded(stored()) == events[:2]


def wrong_events(publisher: ChannelPublisher) -> dict[str, Event]:
    other = ChannelPublisher(channel="web", source="shop-1", bootstrap="127.0.0.1:1")
    added = CartItemAdded
    return {
        reasons.CHANNEL_MISMATCH: other.event(added, "customer:1", sku="mug", quantity=1),
        reasons.INVALID_KEY: publisher.event(added, "Mrs Smith", sku="mug", quantity=1),
        reasons.INVALID_TIME: publisher.event(
            added, "customer:1", sku="mug", quantity=1, occurred_at=4_000_000_000_000
        ),
        reasons.MALFORMED: publisher.event(added, "customer:1", sku="mug", quantity="two"),
        reasons.TOO_BIG: publisher.event(
            CartCleared, "customer:1", dots=tuple(f"{n:0200}" for n in range(6_000))
        ),
        reasons.NOT_AN_EVENT: publisher.event(Event, "customer:1"),
    }


@pytest.mark.parametrize(
    "reason",
    [
        reasons.CHANNEL_MISMATCH,
        reasons.INVALID_KEY,
        reasons.INVALID_TIME,
        reasons.MALFORMED,
        reasons.TOO_BIG,
        reasons.NOT_AN_EVENT,
    ],
)
async def test_an_event_that_breaks_a_rule_is_refused_before_it_leaves(
    publisher: ChannelPublisher, stored: Callable[[], list[Message]], reason: str
) -> None:
    event = wrong_events(publisher)[reason]
    with pytest.raises(InvalidEventError) as caught:
        await publisher.publish(event)
    assert caught.value.reason == reason
    assert stored() == []


@pytest.mark.parametrize("fields", [{"sku": "mug"}, {"sku": "mug", "quantity": 1, "colour": "red"}])
def test_a_field_that_is_missing_or_unknown_is_named(fields: dict[str, object]) -> None:
    publisher = ChannelPublisher(channel="web", source="shop-1", bootstrap="127.0.0.1:1")
    with pytest.raises(InvalidEventError, match=r"CartItemAdded: .*(quantity|colour)"):
        publisher.event(CartItemAdded, "customer:1", **fields)


def test_ids_and_times_are_filled_in_unless_they_are_given() -> None:
    publisher = ChannelPublisher(channel="call_centre", source="desk", bootstrap="127.0.0.1:1")
    event = publisher.event(
        InteractionLogged,
        "customer:1",
        event_id="call-7",
        occurred_at=1_700_000_000_000,
        interaction_id="7",
        kind="call",
        topic="delivery",
    )
    assert (event.event_id, event.occurred_at) == ("call-7", 1_700_000_000_000)
    assert (event.channel, event.source, event.kind) == ("call_centre", "desk", "call")
    first, second = (publisher.event(ProductViewed, "customer:1", sku="mug") for _ in range(2))
    assert (first.occurred_at, first.event_id) < (second.occurred_at, second.event_id)


class Seen:
    def observed(self, key: str) -> bytes | None:
        return b"\x01what was seen of " + key.encode() if key == "customer:42" else None


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (CartItemRemoved, {"sku": "mug"}),
        (CartItemQuantitySet, {"sku": "mug", "quantity": 1}),
        (CartCleared, {}),
    ],
)
async def test_an_event_that_takes_out_of_the_cart_says_what_its_author_had_seen(
    settings: Settings,
    channel: str,
    stored: Callable[[], list[Message]],
    kind: type[Event],
    fields: dict[str, object],
) -> None:
    async with ChannelPublisher(
        channel=channel, source="shop-1", settings=settings, view=Seen()
    ) as publisher:
        await publisher.publish_many(
            [
                publisher.event(kind, "customer:42", **fields),
                publisher.event(kind, "customer:42", **fields, observed=b"by hand"),
                publisher.event(kind, "customer:7", **fields),
                publisher.event(CartItemAdded, "customer:42", sku="mug", quantity=1),
            ]
        )
    tokens = sorted((event.subject, event.observed or b"") for event in decoded(stored()))
    assert tokens == [
        ("customer:42", b""),
        ("customer:42", b"\x01what was seen of customer:42"),
        ("customer:42", b"by hand"),
        ("customer:7", b""),
    ]


def test_a_channel_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(SettingsError, match=r"no channel 'wbe'; there are web, app, store"):
        ChannelPublisher(channel="wbe", source="shop-1", bootstrap="127.0.0.1:1")


async def test_a_broker_that_is_away_at_the_start_is_told_in_bounded_time(nowhere: str) -> None:
    publisher = ChannelPublisher(
        channel="web", source="shop-1", bootstrap=nowhere, start_timeout_s=0.5
    )
    async with asyncio.timeout(5):
        with pytest.raises(BrokerUnavailableError, match=f"at {nowhere} within 0.5 s"):
            await publisher.start()


async def test_settings_that_kafkas_client_refuses_are_one_sentence(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    settings = Settings.load(
        kafka__bootstrap="127.0.0.1:1",
        kafka__security_protocol="SSL",
        kafka__ssl_ca_file=str(garbage),
    )
    with pytest.raises(SettingsError, match=r"kafka\.ssl_ca_file, .*garbage\.pem, .* as PEM"):
        await ChannelPublisher(channel="web", source="shop-1", settings=settings).start()
    with pytest.raises(SettingsError, match=r"kafka\.ssl_ca_file, .*garbage\.pem, .* as PEM"):
        SyncReader(settings=settings).start()


@pytest.mark.realkafka
async def test_a_channel_without_a_topic_is_told_at_the_start(kafka: str, unique: str) -> None:
    settings = Settings.load(kafka__bootstrap=kafka, channels_extra=(unique,))
    with pytest.raises(TopicMismatchError, match="topics apply"):
        await ChannelPublisher(channel=unique, source="s", settings=settings).start()


async def test_a_broker_that_goes_away_for_a_while_delays_events_and_loses_none(
    freezable: FreezableBroker, read_all: ReadAll
) -> None:
    async with ChannelPublisher(
        channel="web", source="shop-1", bootstrap=freezable.bootstrap
    ) as publisher:
        events = [publisher.event(ProductViewed, "customer:1", sku=str(n)) for n in range(20)]
        await publisher.publish(events[0])
        freezable.freeze()
        publishing = asyncio.gather(*(publisher.publish(event) for event in events[1:]))
        await asyncio.sleep(1)
        assert not publishing.done()
        freezable.thaw()
        async with asyncio.timeout(20):
            await publishing
    assert decoded(read_all(freezable.bootstrap, "channel.web.events.v1")) == events


async def test_an_event_that_kafka_did_not_take_in_time_is_an_error_never_silence(
    freezable: FreezableBroker,
) -> None:
    publisher = ChannelPublisher(
        channel="web", source="shop-1", bootstrap=freezable.bootstrap, delivery_timeout_s=1
    )
    await publisher.start()
    freezable.freeze()
    events = [publisher.event(ProductViewed, "customer:1", sku=str(n)) for n in range(3)]
    async with asyncio.timeout(20):
        with pytest.raises(DeliveryError, match="did not store"):
            await publisher.publish(events[0])
        with pytest.raises(DeliveryError, match="2 of 2 events were not stored"):
            await publisher.publish_many(events[1:])
        await publisher.publish_soon(events[0])
        with pytest.raises(DeliveryError, match="1 events were not stored"):
            await publisher.aclose()


async def test_nothing_is_taken_after_the_end(publisher: ChannelPublisher) -> None:
    await publisher.aclose()
    await publisher.aclose()
    with pytest.raises(DeliveryError, match="closed"):
        await publisher.publish(publisher.event(ProductViewed, "customer:1", sku="mug"))


async def test_with_an_outbox_no_broker_is_needed_and_the_next_start_sends_what_was_kept(
    nowhere: str,
    settings: Settings,
    channel: str,
    stored: Callable[[], list[Message]],
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    offline = Settings.load(kafka__bootstrap=nowhere, channels_extra=(channel,))
    async with (
        asyncio.timeout(20),
        ChannelPublisher(
            channel=channel, source="till-3", settings=offline, outbox=path, close_timeout_s=0.1
        ) as publisher,
    ):
        events = [
            publisher.event(ProductViewed, f"customer:{n % 3}", sku=str(n)) for n in range(60)
        ]
        for event in events:
            await publisher.publish_soon(event)
        assert publisher.waiting == 60
    async with ChannelPublisher(
        channel=channel, source="till-3", settings=settings, outbox=path
    ) as publisher:
        later = publisher.event(ProductViewed, "customer:0", sku="later")
        await publisher.publish(later)
    arrived = decoded(stored())
    for subject in ("customer:0", "customer:1", "customer:2"):
        assert [e for e in arrived if e.subject == subject] == [
            e for e in [*events, later] if e.subject == subject
        ]
    assert len(arrived) == 61


async def test_an_outbox_carries_over_a_broker_that_goes_away(
    freezable: FreezableBroker, read_all: ReadAll, tmp_path: Path
) -> None:
    async with (
        asyncio.timeout(40),
        ChannelPublisher(
            channel="store",
            source="till-3",
            bootstrap=freezable.bootstrap,
            outbox=tmp_path / "outbox.db",
            close_timeout_s=30,
        ) as publisher,
    ):
        events = [publisher.event(ProductViewed, "customer:1", sku=str(n)) for n in range(30)]
        await publisher.publish(events[0])
        freezable.freeze()
        for event in events[1:]:
            await publisher.publish_soon(event)
        assert publisher.waiting == 29
        freezable.thaw()
        await publisher.flush()
        assert publisher.waiting == 0
    assert decoded(read_all(freezable.bootstrap, "channel.store.events.v1")) == events


async def test_many_events_go_through_an_outbox_in_order(
    settings: Settings, channel: str, stored: Callable[[], list[Message]], tmp_path: Path
) -> None:
    async with ChannelPublisher(
        channel=channel, source="till-3", settings=settings, outbox=tmp_path / "outbox.db"
    ) as publisher:
        events = [
            publisher.event(ProductViewed, f"customer:{n % 40}", sku=str(n)) for n in range(1_500)
        ]
        assert await publisher.publish_many(events) == 1_500
        assert publisher.waiting == 0
    arrived = decoded(stored())
    for subject in {event.subject for event in events}:
        assert [e for e in arrived if e.subject == subject] == [
            e for e in events if e.subject == subject
        ]


async def test_an_outbox_holds_no_more_than_it_may(nowhere: str, tmp_path: Path) -> None:
    async with ChannelPublisher(
        channel="store",
        source="till-3",
        bootstrap=nowhere,
        outbox=tmp_path / "outbox.db",
        outbox_rows_max=2,
        close_timeout_s=0.1,
    ) as publisher:
        events = [publisher.event(ProductViewed, "customer:1", sku=str(n)) for n in range(3)]
        for event in events[:2]:
            await publisher.publish_soon(event)
        with pytest.raises(OutboxFullError, match="at most 2 events"):
            await publisher.publish_soon(events[2])
        assert publisher.waiting == 2
