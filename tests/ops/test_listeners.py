"""TLS spoken to a plain listener, and the other way round."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
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


def listening(context: ssl.SSLContext | None, answer: bytes = b"") -> Iterator[str]:
    """A listener that takes what comes and hangs up, as a broker does on what is no request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(2)
                    if context is not None:
                        context.wrap_socket(connection, server_side=True).close()
                    elif connection.recv(4096) and answer:
                        connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture(params=["trusting", "wants a certificate", "of old"])
def tls(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = certificate_files(tmp_path)
    context.load_cert_chain(certificate, key)
    if request.param != "trusting":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate)
    if request.param == "of old":
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # which asks before it has shaken hands
    yield from listening(context)


@pytest.fixture(params=[b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["hangs up", "answers"])
def plain(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from listening(None, request.param)


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


@pytest.mark.parametrize(
    ("protocol", "right"),
    [("SSL", "set it to PLAINTEXT,"), ("SASL_SSL", "set it to SASL_PLAINTEXT,")],
)
def test_a_listener_that_does_not_speak_tls_is_told_to_who_does(
    plain: str, protocol: str, right: str
) -> None:
    told = advice(plain, protocol)
    assert f"{plain} does not speak TLS, and kafka.security_protocol is {protocol}" in told
    assert right in told


def test_where_it_fits_or_nobody_listens_nothing_is_claimed(tls: str) -> None:
    for bootstrap, protocol in ((tls, "SSL"), ("127.0.0.1:1", "SSL"), ("127.0.0.1:1", "PLAINTEXT")):
        assert advice(bootstrap, protocol) == "is it running, and is kafka.bootstrap right?"


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
@pytest.mark.parametrize("plain", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], indirect=True)
def test_every_client_says_it_and_none_calls_it_a_wrong_certificate(tls: str, plain: str) -> None:
    for bootstrap, protocol, says in (
        (tls, "PLAINTEXT", "speaks TLS"),
        (plain, "SSL", "does not speak TLS"),
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
