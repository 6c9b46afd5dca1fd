"""With a schema registry the SDK writes and reads the Confluent framing."""

from __future__ import annotations

import pytest

from ccstream.client.event_writer import EventWriter
from ccstream.client.log_reader import LogRecord
from ccstream.client.publisher import ChannelPublisher
from ccstream.client.records import ProfileMerged, ProfileSplit
from ccstream.client.replica import Replica, Row
from ccstream.client.sync_decoder import SyncDecoder
from ccstream.domain.events import CartItemAdded
from ccstream.errors import SchemaError
from ccstream.ops import codecs
from ccstream.ops.settings import Settings
from ccstream.wire.codec import Codec
from ccstream.wire.framing import confluent_prefix
from ccstream.wire.registry import Registry, published_schemas
from ccstream.wire.schemas import default_schemas, schema
from tests.client.sync_records import CAUSE, cart, encoded


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    shared = Registry("mock://sdk")
    monkeypatch.setattr(codecs, "registry_of", lambda _settings: shared)
    return shared


@pytest.fixture
def settings() -> Settings:
    return Settings.load(
        kafka__bootstrap="127.0.0.1:1",
        registry__url="mock://sdk",
        wire__framing="confluent",
    )


def register(registry: Registry) -> None:
    assert list(registry.register(published_schemas(default_schemas())))


def writer(settings: Settings) -> EventWriter:
    return ChannelPublisher(channel="web", source="shop-1", settings=settings)._writer


def test_an_event_is_framed_with_the_id_of_its_schema(
    registry: Registry, settings: Settings
) -> None:
    register(registry)
    made = writer(settings)
    made.prepare()
    event = made.event(CartItemAdded, "customer:1", {"sku": "mug", "quantity": 1})
    value = made.write(event).value
    assert value[:5] == confluent_prefix(registry.schema_id(schema("CartItemAdded")))
    assert Codec(registry).decode_event(value) == event


def test_schemas_that_are_not_registered_are_told_at_the_start(
    registry: Registry, settings: Settings
) -> None:
    with pytest.raises(SchemaError, match="schemas register"):
        writer(settings).prepare()


@pytest.mark.parametrize(
    "record",
    [
        ProfileMerged("loyalty:7", 5, "5f", "customer:42", None, CAUSE, "told", "links"),
        ProfileSplit("loyalty:7", 6, "5e", "loyalty:7", "customer:42", CAUSE, "told", "links"),
    ],
)
def test_of_a_topic_with_several_kinds_each_is_read_as_its_own(
    registry: Registry, record: ProfileMerged | ProfileSplit
) -> None:
    register(registry)
    framing = confluent_prefix(registry.schema_id(schema(type(record).__name__)))
    decoder = SyncDecoder("identity", Codec(registry))
    assert decoder.record(framing + encoded(record)[10:]) == record


def test_sync_records_of_either_framing_are_read(registry: Registry, settings: Settings) -> None:
    register(registry)
    record = cart("customer:1", 7, mug=2)
    framed = confluent_prefix(registry.schema_id(schema("CartSynced"))) + encoded(record)[10:]
    decoder = SyncDecoder("carts", codecs.codec_of(settings))
    assert decoder.decode(framed) == decoder.decode(encoded(record)) == record
    assert decoder.version_of(framed) == 7
    replica = Replica("carts", decoder)
    assert isinstance(replica.apply(LogRecord("t", 0, 0, 0, b"customer:1", framed)), Row)
    assert replica.record("customer:1") == record
