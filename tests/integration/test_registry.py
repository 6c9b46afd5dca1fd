"""Events in the Confluent framing, with a schema registry that answers, or does not."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.engine.status import ExitStatus
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import EVENT_TYPES, input_topic
from ccstream.wire.framing import SINGLE_OBJECT_PREFIX_BYTES
from ccstream.wire.schemas import schema
from tests.integration.harness import (
    added,
    codec,
    make_topics,
    rejected,
    settings_for,
    synced_units,
    wait_until,
    worker,
)
from tests.support.produce import Sent, produce

pytestmark = pytest.mark.timeout(120)

KNOWN, UNKNOWN = 7, 8


class _Answer(BaseHTTPRequestHandler):
    server: StubRegistry

    def do_GET(self) -> None:
        found = self.path.startswith(f"/schemas/ids/{KNOWN}")
        text = json.dumps(schema(EVENT_TYPES[type(added(0, "customer:1"))]).raw)
        body = {"schema": text} if found else {"error_code": 40403, "message": "not found"}
        if self.server.away:
            self.send_error(503)
            return
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


class StubRegistry(ThreadingHTTPServer):
    """Answers as a registry would that knows one schema; or says that it cannot."""

    away = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    with StubRegistry() as stub:
        yield stub
        stub.shutdown()


@pytest.fixture
def settings() -> Iterator[Settings]:
    with EmbeddedKafka() as kafka:
        made = settings_for(kafka.bootstrap, "app")
        make_topics(made)
        yield made


def registered(number: int, subject: str, schema_id: int = KNOWN) -> Sent:
    """An event as Confluent's serialisers frame it."""
    event = added(number, subject)
    record = codec.encode_event(event)[SINGLE_OBJECT_PREFIX_BYTES:]
    framed = struct.pack(">bI", 0, schema_id) + record
    return Sent(input_topic(event.channel), event.subject, framed)


def test_what_a_registry_that_was_away_could_not_tell_is_folded_once_it_is_back(
    settings: Settings, registry: StubRegistry
) -> None:
    """Nothing is rejected because nobody answered; what has no schema is."""
    bootstrap = settings.kafka.bootstrap
    registry.away = True
    with worker(settings, REGISTRY__URL=registry.url) as first:
        produce(bootstrap, [registered(1, "customer:1"), registered(2, "customer:1", UNKNOWN)])
        assert first.wait_ended(30) == ExitStatus.BROKER_UNAVAILABLE
        assert registry.url in first.log
        assert rejected(bootstrap) == []
    registry.away = False
    with worker(settings, REGISTRY__URL=registry.url):
        produce(bootstrap, [registered(3, "customer:1")])
        wait_until(lambda: synced_units(bootstrap) == {"customer:1": 2}, 20)
        (letter,) = rejected(bootstrap)
        assert letter["reason"] == "unknown_schema"
        assert str(UNKNOWN) in letter["detail"]


def test_a_registry_that_goes_away_and_comes_back_is_waited_for_without_anybody(
    settings: Settings, registry: StubRegistry
) -> None:
    """Its supervisor starts the worker again and again; what was folded before is still there."""
    bootstrap = settings.kafka.bootstrap
    plain = added(1, "customer:1")
    with worker(settings, supervised=True, REGISTRY__URL=registry.url) as one:
        produce(bootstrap, [Sent(input_topic("web"), plain.subject, codec.encode_event(plain))])
        wait_until(lambda: synced_units(bootstrap) == {"customer:1": 1}, 30)
        registry.away = True
        produce(bootstrap, [registered(2, "customer:1")])
        wait_until(lambda: "restarting the worker" in one.log, 60)
        assert registry.url in one.log
        assert one.process.poll() is None
        registry.away = False
        wait_until(lambda: synced_units(bootstrap) == {"customer:1": 2}, 60)
        assert rejected(bootstrap) == []
        assert one.metric("ccstream_worker_restarts_total") >= 1
