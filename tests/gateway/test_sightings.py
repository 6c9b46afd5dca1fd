"""The latency by channel pair: whose event, and who saw it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any

import msgspec
import pytest

from ccstream.client.records import CartSynced, ProfileSynced, Removed, SyncRecord
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.domain.events import (
    CartItemAdded,
    CartItemRemoved,
    Event,
    ProfileUpdated,
    Trait,
)
from ccstream.gateway.auth import EVERYTHING, Grant, Identity
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.sightings import Sightings
from ccstream.gateway.subscription import Subscription
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import CHANNELS, SYNC_TOPICS, changelog_topic
from ccstream.wire.codec import Codec
from tests.client.sync_records import SyncWriter, cart
from tests.engine.world import NOW, World, key_living_at
from tests.gateway.serving import Serving, serving
from tests.support.sse import Sse
from tests.support.topics import make_topic

SEEN = "ccstream_gateway_seen_latency_seconds"
ME = "customer:1"
SEEN_BY = (*CHANNELS, "agent", "other")


@pytest.fixture
def sightings() -> Sightings:
    return Sightings(Settings.load(channels_extra=["kiosk"]), Metrics(channels=CHANNELS))


def who(*grants: str) -> Identity:
    known = tuple(filter(None, map(Grant.of, grants)))
    return Identity(id="somebody", grants=known, customer="customer:1")


@pytest.mark.parametrize(
    ("identity", "stated", "channel"),
    [
        (who("publish:app:self", "read:self"), None, "app"),
        (who("publish:kiosk", "read"), None, "kiosk"),
        (who("publish:app", "publish:web", "read"), None, "other"),
        (who("read"), None, "other"),
        (who("publish:nowhere", "read"), None, "other"),
        (who("read"), "web", "web"),
        (Identity(id="everybody", grants=EVERYTHING), None, "other"),
        (Identity(id="everybody", grants=EVERYTHING), "store", "store"),
    ],
)
def test_a_follower_is_of_the_channel_it_says_or_else_of_the_only_one_it_may_publish_on(
    sightings: Sightings, identity: Identity, stated: str | None, channel: str
) -> None:
    assert sightings.channel_of(identity, stated) == channel


def test_a_channel_that_there_is_not_is_refused_so_that_series_are_bounded(
    sightings: Sightings,
) -> None:
    with pytest.raises(ProblemError, match=r"there are web, app, .*, kiosk"):
        sightings.channel_of(who("read"), "made_up_7")


def of(outcome: str, channel: str = "web", **more: Any) -> CartSynced:
    record = cart(ME, 1, mug=1)
    cause = msgspec.structs.replace(record.cause, outcome=outcome, channel=channel, **more)
    return msgspec.structs.replace(record, cause=cause)


def followers(*channels: str) -> list[Subscription]:
    return [Subscription(ME, ME, "print", (0,), channel) for channel in channels]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(channels=CHANNELS)


def test_each_follower_of_another_channel_counts_once(metrics: Metrics) -> None:
    sightings = Sightings(Settings.load(), metrics)
    sightings.told(of("applied"), followers("app", "app", "store", "web", "agent"))
    sightings.told(of("applied", "made_up_7", event_id="e2"), followers("app", "other"))
    sightings.told(Removed(), followers("app"))
    counts = {pair: metrics.value(SEEN, pair) for pair in product(("web", "other"), SEEN_BY)}
    assert {pair: count for pair, count in counts.items() if count} == {
        ("web", "app"): 2,
        ("web", "store"): 1,
        ("web", "agent"): 1,
        ("other", "app"): 1,
        ("other", "other"): 1,
    }


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        ("applied", True),
        ("merged", True),
        ("split", True),
        ("no_effect", False),
        ("duplicate", False),
        ("too_late", False),
        ("rejected", False),
        ("forwarded", False),
        ("erased", False),
    ],
)
def test_what_is_told_again_without_a_change_is_not_seen_late(
    metrics: Metrics, outcome: str, counts: bool
) -> None:
    forty_days_ago = int(time.time() - 40 * 86_400) * 1000
    late = of(outcome, occurred_at=forty_days_ago)
    Sightings(Settings.load(), metrics).told(late, followers("app"))
    assert metrics.value(SEEN, ("web", "app")) == int(counts)


FOLLOWED = ("carts", "touches", "profiles", "orders")


def folded(*events: Event) -> list[list[SyncRecord]]:
    """What a worker publishes of each of these events, as the gateway reads it."""
    world = World()
    tables = {SYNC_TOPICS[table]: SyncDecoder(table, Codec()) for table in FOLLOWED}
    return [
        [tables[sent.topic].record(sent.value) for sent in world.fold(one) if sent.topic in tables]
        for one in events
    ]


def did(cls: type[Event], number: int, **fields: Any) -> Any:
    common = {"event_id": f"e{number}", "occurred_at": NOW + number, "channel": "web"}
    return cls(**common, source="shop-1", subject=key_living_at(0), **fields)


def test_an_event_is_seen_by_what_it_changed_and_once_however_many_rows_that_were(
    metrics: Metrics,
) -> None:
    sightings = Sightings(Settings.load(), metrics)
    basket, everything = followers("app", "store")
    counts = []
    for records in folded(
        did(CartItemAdded, 1, sku="tea", quantity=1),
        did(CartItemRemoved, 2, sku="cup"),  # of which there was none
        did(CartItemRemoved, 3, sku="tea"),
        did(ProfileUpdated, 4, traits=(Trait("name", "Ada"),)),
    ):
        carts = [one for one in records if isinstance(one, CartSynced)]
        for record in carts:
            assert record.cause.outcome == "applied"
            sightings.told(record, [basket])
        for record in records:
            sightings.told(record, [everything])
        counts.append([metrics.value(SEEN, ("web", to)) for to in ("app", "store")])
    assert counts == [[1, 1], [1, 2], [2, 3], [2, 4]]


def test_a_profile_that_is_told_the_same_again_is_not_seen(metrics: Metrics) -> None:
    name = (Trait("name", "Ada"),)
    again = did(ProfileUpdated, 1, traits=name)
    _, records = folded(did(ProfileUpdated, 2, traits=name), again)  # the older one is late
    profiles = [one for one in records if isinstance(one, ProfileSynced)]
    assert [one.cause.outcome for one in profiles] == ["applied"]
    Sightings(Settings.load(), metrics).told(profiles[0], followers("app"))
    assert metrics.value(SEEN, ("web", "app")) == 0


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedKafka() as kafka:
        yield kafka.bootstrap


@pytest.fixture
async def gateway(broker: str) -> AsyncIterator[Serving]:
    make_topic(broker, changelog_topic("pairs", "aliases"))
    writer = SyncWriter(broker)
    writer.write("carts", "customer:9", cart("customer:9", 1, mug=1), 1)
    writer.flush()
    settings = Settings.load(app_id="pairs", kafka__bootstrap=broker, kafka__fetch_wait_max_ms=5)
    async with serving(settings) as made:
        yield made


async def test_what_a_stream_brings_is_measured_from_the_event_on(
    gateway: Serving, broker: str
) -> None:
    writer = SyncWriter(broker)
    async with Sse.of(gateway.port, ME, channel="store", aggregates="cart") as stream:
        assert [(await stream.next()).kind for _ in range(2)] == ["hello", "snapshot"]
        record = cart(ME, 1 << 32 | 1, mug=1)
        late = msgspec.structs.replace(
            record.cause, channel="app", occurred_at=int(time.time() * 1000) - 3_000
        )
        writer.write("carts", ME, msgspec.structs.replace(record, cause=late), 1)
        writer.flush()
        assert (await stream.next()).kind == "change"
    metrics = gateway.services.metrics
    assert metrics.value(SEEN, ("app", "store")) == 1
    told = [one for one in metrics.exposition().decode().splitlines() if one.startswith(SEEN)]
    within = {one.partition('le="')[2].partition('"')[0]: one.split()[-1] for one in told}
    assert (float(within["2.0"]), float(within["60.0"])) == (0, 1)


async def test_a_stream_of_a_channel_that_there_is_not_does_not_begin(gateway: Serving) -> None:
    async with Sse.of(gateway.port, ME, channel="made_up") as stream:
        assert stream.status == 400
