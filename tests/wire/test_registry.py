from __future__ import annotations

import builtins
import json
import os
import socket
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from ccstream.domain import reasons
from ccstream.errors import (
    DevkitError,
    RegistryUnavailableError,
    SchemaError,
    SettingsError,
    UndecodableError,
)
from ccstream.wire.codec import Codec
from ccstream.wire.registry import COMPATIBILITY, Registration, Registry, published_schemas
from ccstream.wire.schemas import SchemaInfo, default_schemas, schema
from tests.wire.samples import SAMPLES

ALL = published_schemas(default_schemas())
REAL = os.environ.get("CCSTREAM_TEST_REGISTRY")


@pytest.fixture(params=["mock"] if REAL is None else ["mock", "real"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """An empty registry; a real one where CCSTREAM_TEST_REGISTRY names its address."""
    if request.param == "mock":
        yield Registry("mock://test")
        return
    assert REAL is not None
    remove_subjects(REAL)
    with Registry(REAL) as registry:
        yield registry
    remove_subjects(REAL)


def remove_subjects(url: str) -> None:
    with SchemaRegistryClient({"url": url}) as client:
        for subject in client.get_subjects():
            if subject.startswith("ccstream."):
                client.delete_subject(subject)
                # Confluent's keeps it until it is deleted for good; others have no such thing
                with suppress(SchemaRegistryError):
                    client.delete_subject(subject, permanent=True)


def test_what_others_write_or_read_is_registered_under_its_full_name(registry: Registry) -> None:
    done = list(registry.register(ALL))
    assert [r.subject for r in done] == [info.fullname for info in ALL]
    assert {r.action for r in done} == {"registered"}
    assert len({r.schema_id for r in done}) == len(ALL)
    names = {info.name for info in ALL}
    assert {"CartItemAdded", "OrderPlaced", "Rejected"} <= names
    assert not names & {"Mail", "Owner", "Money"}


def test_registering_again_changes_nothing(registry: Registry) -> None:
    first = {r.subject: r.schema_id for r in registry.register(ALL)}
    again = list(registry.register(ALL))
    assert {r.action for r in again} == {"unchanged"}
    assert {r.subject: r.schema_id for r in again} == first


def test_a_dry_run_registers_nothing(registry: Registry) -> None:
    for _ in range(2):
        done = list(registry.register(ALL, dry_run=True))
        assert {r.action for r in done} == {"would register"}
        assert {r.schema_id for r in done} == {None}
    list(registry.register(ALL[:1]))
    assert next(registry.register(ALL[:1], dry_run=True)).action == "unchanged"


def test_events_are_written_with_registered_ids_and_read_back(registry: Registry) -> None:
    list(registry.register(ALL))
    codec = Codec(registry, confluent=True)
    for event in SAMPLES:
        value = codec.encode_event(event)
        assert value[0] == 0
        assert codec.decode_event(value) == event


def test_an_event_whose_schema_is_not_registered_is_not_written(registry: Registry) -> None:
    with pytest.raises(SchemaError, match="ccstream schemas register"):
        Codec(registry, confluent=True).encode_event(SAMPLES[0])


def test_an_unknown_id_is_unknown(registry: Registry) -> None:
    with pytest.raises(UndecodableError) as caught:
        Codec(registry).decode_event(b"\x00\x7f\xff\xff\xff" + bytes(30))
    assert caught.value.reason == reasons.UNKNOWN_SCHEMA


@pytest.mark.skipif(REAL is None, reason="CCSTREAM_TEST_REGISTRY names no schema registry")
def test_a_real_registry_keeps_full_transitive_and_refuses_what_breaks_it() -> None:
    assert REAL is not None
    name = f"T{uuid.uuid4().hex}"

    def version(*fields: dict[str, Any]) -> SchemaInfo:
        raw = {"type": "record", "name": name, "namespace": "ccstream.t.v1", "fields": fields}
        return SchemaInfo.of(json.loads(json.dumps(raw)), group="events")

    with Registry(REAL) as registry, SchemaRegistryClient({"url": REAL}) as client:
        list(registry.register([version({"name": "a", "type": "string"})]))
        try:
            assert client.get_compatibility(f"ccstream.t.v1.{name}") == COMPATIBILITY
            required = version({"name": "a", "type": "string"}, {"name": "b", "type": "string"})
            with pytest.raises(SchemaError, match="refuses a schema"):
                list(registry.register([required]))
        finally:
            client.delete_subject(f"ccstream.t.v1.{name}")


class Client:
    """Counts requests, and fails as told."""

    def __init__(self, error: Exception | None = None, found: Schema | None = None) -> None:
        self.error = error
        self.found = found
        self.calls: Counter[int] = Counter()

    def get_schema(self, schema_id: int) -> Schema | None:
        self.calls[schema_id] += 1
        if self.error is not None:
            raise self.error
        return self.found


def registry_with(client: Client) -> Registry:
    registry = Registry("mock://fake")
    registry._client = client  # type: ignore[assignment]
    return registry


def test_an_id_is_asked_for_once_known_or_not() -> None:
    known = Client(found=Schema(json.dumps(schema("CartItemAdded").raw), "AVRO"))
    registry = registry_with(known)
    for _ in range(3):
        assert registry.writer(7).fullname == "ccstream.cart.v1.CartItemAdded"
    assert known.calls == {7: 1}
    unknown = Client(error=SchemaRegistryError(404, 40403, "not found"))
    registry = registry_with(unknown)
    for _ in range(3):
        with pytest.raises(UndecodableError):
            registry.writer(8)
    assert unknown.calls == {8: 1}


def test_garbage_with_a_good_first_byte_takes_no_memory_without_bound() -> None:
    registry = registry_with(Client(error=SchemaRegistryError(404, 40403, "not found")))
    for schema_id in range(3000):
        with pytest.raises(UndecodableError):
            registry.writer(schema_id)
    assert len(registry._unknown) <= 1024


@pytest.mark.parametrize(
    "error",
    [
        SchemaRegistryError(500, 50001, "store is down"),
        SchemaRegistryError(401, 401, "who are you"),
        OSError("connection refused"),
    ],
    ids=str,
)
def test_a_registry_that_cannot_be_asked_does_not_make_an_event_bad(error: Exception) -> None:
    codec = Codec(registry_with(Client(error=error)))
    with pytest.raises(RegistryUnavailableError, match="mock://fake"):
        codec.decode_event(b"\x00\x00\x00\x00\x07" + bytes(30))


@pytest.mark.parametrize(
    "found",
    [
        Schema('"string"', "AVRO"),
        Schema("{", "AVRO"),
        Schema('syntax = "proto3";', "PROTOBUF"),
        Schema('{"type": "record", "name": "X", "fields": [{"name": "a", "type": "Y"}]}', "AVRO"),
    ],
    ids=["no record", "no JSON", "no Avro", "unknown type"],
)
def test_a_registered_schema_that_cannot_be_read_makes_its_records_unknown(found: Schema) -> None:
    codec = Codec(registry_with(Client(found=found)))
    with pytest.raises(UndecodableError) as caught:
        codec.decode_event(b"\x00\x00\x00\x00\x07" + bytes(30))
    assert caught.value.reason == reasons.UNKNOWN_SCHEMA


def test_a_port_where_nobody_listens_is_reported_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Registry(url) as registry, pytest.raises(RegistryUnavailableError, match=url):
        next(registry.register(ALL, dry_run=True))


def test_an_address_that_is_none_is_a_setting_to_correct() -> None:
    with pytest.raises(SettingsError, match=r"registry\.url"):
        Registry("ftp://nowhere")


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match=r"registry\.password") as caught:
        Registry("http://me:hunter2@registry:8081")
    assert "hunter2" not in str(caught.value)


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without_client(name: str, *more: Any) -> Any:
        if name.startswith("confluent_kafka.schema_registry"):
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without_client)
    with pytest.raises(DevkitError, match=r"ccstream\[registry\]"):
        Registry("mock://test")


def test_a_registration_reads_as_a_record() -> None:
    (done,) = Registry("mock://test").register(ALL[:1])
    assert done == Registration(ALL[0].fullname, 1, "registered")
