"""TLS spoken to a plain listener, and the other way round."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ccstream.client import SyncReader
from ccstream.client.ack_producer import AckProducer
from ccstream.engine.cluster import Cluster
from ccstream.errors import BrokerUnavailableError
from ccstream.ops.broker import Broker
from ccstream.ops.kafka_config import admin_config, consumer_config, producer_config
from ccstream.ops.listeners import advice
from ccstream.ops.settings import Settings
from tests.gateway.certificates import certificate_files

Answer = Callable[[socket.socket], None]

AWAY = "is it running, and is kafka.bootstrap right?"
HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def listening(answer: Answer, host: str = "127.0.0.1") -> Iterator[str]:
    """A listener that answers so, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(2)
                    answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"{host}:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def in_tls(context: ssl.SSLContext) -> Answer:
    return lambda connection: context.wrap_socket(connection, server_side=True).close()


def in_clear(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(HTTP)


def hang_up(connection: socket.socket) -> None:
    """As a broker does on what is no request."""
    connection.recv(4096)


def reset(connection: socket.socket) -> None:
    """As a proxy may whose broker is down."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def serving(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_files(tmp_path))
    return context


@pytest.fixture(params=["trusting", "wants a certificate", "of old"])
def tls(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    context = serving(tmp_path)
    if request.param != "trusting":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tmp_path / "certificate.pem")
    if request.param == "of old":
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # which asks before it has shaken hands
    yield from listening(in_tls(context))


@pytest.fixture
def by_name(tmp_path: Path) -> Iterator[str]:
    """A front that looks in the hello for whom to ask, and hangs up where it finds nobody."""
    answer = in_tls(serving(tmp_path))

    def ask(connection: socket.socket) -> None:
        if b"localhost" in connection.recv(4096, socket.MSG_PEEK):
            answer(connection)

    yield from listening(ask, "localhost")


@pytest.fixture
def plain() -> Iterator[str]:
    yield from listening(in_clear)


@pytest.fixture(params=[hang_up, reset])
def hanging_up(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from listening(request.param)


@pytest.mark.parametrize(
    ("protocol", "right"),
    [("PLAINTEXT", "set it to SSL, or SASL_SSL"), ("SASL_PLAINTEXT", "set it to SASL_SSL,")],
)
def test_a_listener_that_speaks_tls_is_told_to_who_does_not(
    tls: str, protocol: str, right: str
) -> None:
    told = advice(tls, protocol)
    assert f"what listens at {tls} speaks TLS, and kafka.security_protocol is {protocol}" in told
    assert right in told


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_a_listener_that_answers_in_clear_is_told_to_who_speaks_tls(
    plain: str, protocol: str
) -> None:
    told = advice(plain, protocol)
    assert f"{plain} does not speak TLS, and kafka.security_protocol is {protocol}" in told
    assert_the_listener_is_named_first(told, protocol)


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_who_hangs_up_on_tls_is_not_said_to_be_plain(hanging_up: str, protocol: str) -> None:
    told = advice(hanging_up, protocol)
    assert f"{hanging_up} hangs up on a TLS handshake" in told
    assert "either nothing is behind it, or it does not speak TLS" in told
    assert_the_listener_is_named_first(told, protocol)


def assert_the_listener_is_named_first(told: str, protocol: str) -> None:
    """Whoever obeys at once sends no password in clear."""
    assert "set it to" not in told
    clear = protocol.replace("SSL", "PLAINTEXT")
    assert 0 < told.index("kafka.bootstrap") < told.index(clear) < told.index("in clear")
    assert ("password" in told) == protocol.startswith("SASL")


def test_to_who_speaks_no_tls_a_listener_that_hangs_up_is_a_broker_that_is_away(
    hanging_up: str,
) -> None:
    assert advice(hanging_up, "SASL_PLAINTEXT") == AWAY


def test_who_hangs_up_is_told_of_only_if_no_other_listener_answers(
    hanging_up: str, tls: str, plain: str
) -> None:
    assert advice(f"{hanging_up},{tls}", "SSL") == AWAY
    assert "does not speak TLS, and" in advice(f"{hanging_up},{plain}", "SSL")
    assert f"{hanging_up} hangs up" in advice(f"{hanging_up},127.0.0.1:1", "SSL")


def test_a_listener_that_is_found_by_its_name_is_asked_by_its_name(by_name: str) -> None:
    assert advice(by_name, "SASL_SSL") == AWAY
    assert f"{by_name} speaks TLS" in advice(by_name, "PLAINTEXT")


def test_where_it_fits_or_nobody_listens_nothing_is_claimed(tls: str) -> None:
    for bootstrap, protocol in ((tls, "SSL"), ("127.0.0.1:1", "SSL"), ("127.0.0.1:1", "PLAINTEXT")):
        assert advice(bootstrap, protocol) == AWAY


def test_who_does_not_answer_in_time_is_not_claimed_to_be_plain() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert "TLS" not in advice(address, "SSL")


def test_the_first_address_that_listens_is_looked_at(tls: str) -> None:
    assert f"what listens at {tls} speaks TLS" in advice(f"127.0.0.1:1, {tls}", "PLAINTEXT")


async def reached(settings: Settings) -> None:
    producer = AckProducer(producer_config(settings), in_flight_max=1)
    producer.open()
    try:
        await producer.reach("sync.carts.v1", 0.5)
    finally:
        producer.close()


@pytest.mark.parametrize("tls", ["trusting"], indirect=True)
@pytest.mark.parametrize("hanging_up", [hang_up], indirect=True)
def test_every_client_says_it_and_none_calls_it_a_wrong_certificate(
    tls: str, plain: str, hanging_up: str
) -> None:
    for bootstrap, protocol, says in (
        (tls, "PLAINTEXT", "speaks TLS"),
        (plain, "SSL", "does not speak TLS"),
        (hanging_up, "SSL", "hangs up on a TLS handshake"),
    ):
        settings = Settings.load(
            kafka__bootstrap=bootstrap,
            kafka__security_protocol=protocol,
            kafka__connect_timeout_ms=500,
        )
        with pytest.raises(BrokerUnavailableError, match=says):
            Broker(settings).cluster()
        with pytest.raises(BrokerUnavailableError, match=says):
            SyncReader(settings=settings, start_timeout_s=0.5).start()
        with pytest.raises(BrokerUnavailableError, match=says):
            asyncio.run(reached(settings))
        cluster = Cluster(
            admin_config(settings),
            consumer_config(settings, isolation="read_committed"),
            producer_config(settings),
            "group",
        )
        with pytest.raises(BrokerUnavailableError, match=says):
            cluster.partition_counts()
        cluster.close()
