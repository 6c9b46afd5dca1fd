"""The gateway as a process: what it bounds on the wire, and how it ends."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccstream.cli import main
from tests.gateway.certificates import certificate_files
from tests.gateway.events import cloud_event
from tests.gateway.process import GatewayProcess, gateway

pytestmark = pytest.mark.timeout(90)

BODY_TIMEOUT_MS = "1500"


@pytest.fixture(scope="module")
def process(embedded_kafka: str) -> Iterator[GatewayProcess]:
    with gateway(embedded_kafka, BODY_TIMEOUT_MS=BODY_TIMEOUT_MS) as one:
        yield one


def connected(process: GatewayProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", process.port), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """What still comes until the gateway hangs up."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


HEAD = (
    b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/cloudevents+json\r\ncontent-length: 100000\r\n\r\n"
)


def test_an_event_is_stored(process: GatewayProcess) -> None:
    assert process.post(cloud_event()).status == 202


def test_an_answer_does_not_wait_for_its_pieces_to_be_acknowledged(process: GatewayProcess) -> None:
    """TCP would hold a second piece back for the 40 ms that a peer's acknowledgement takes."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=20)
    seconds = []
    for _ in range(30):
        began = time.monotonic()
        connection.request("GET", "/readyz")
        connection.getresponse().read()
        seconds.append(time.monotonic() - began)
    connection.close()
    assert min(seconds[10:]) < 0.03  # the first ones are acknowledged at once


def test_a_body_that_drips_is_cut_off(process: GatewayProcess) -> None:
    began = time.monotonic()
    with connected(process) as connection:
        connection.sendall(HEAD + b"{")
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:ccstream:problem:body-timeout" in answer
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/ev", HEAD[:60]], ids=["nothing", "path", "header"]
)
def test_headers_that_do_not_come_are_not_waited_for(process: GatewayProcess, sent: bytes) -> None:
    began = time.monotonic()
    with connected(process) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 8


def test_the_headers_of_a_second_request_are_not_waited_for_either(
    process: GatewayProcess,
) -> None:
    with connected(process) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\nGET /livez HT")
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


def test_a_slow_body_within_the_time_is_taken(process: GatewayProcess) -> None:
    with connected(process) as connection:
        connection.sendall(HEAD.replace(b"100000", b"2"))
        for piece in (b"{", b"}"):
            time.sleep(0.3)
            connection.sendall(piece)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 422 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["path", "header", "headers", "nonsense"],
)
def test_headers_that_are_too_large_or_none_end_the_connection(
    process: GatewayProcess, sent: bytes
) -> None:
    with connected(process) as connection:
        connection.sendall(sent)
        assert rest(connection).startswith(b"HTTP/1.1 400 ")


def test_a_header_without_an_end_is_not_collected(process: GatewayProcess) -> None:
    endless = b"GET /livez HTTP/1.1\r\nx: " + b"x" * (12 << 20)
    with connected(process) as connection, pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
        connection.sendall(endless)


def test_it_goes_on_after_all_that(process: GatewayProcess) -> None:
    assert process.post(cloud_event()).status == 202
    assert process.process.poll() is None


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_told_to_stop_it_answers_what_is_under_way_and_ends_well(
    embedded_kafka: str, number: int
) -> None:
    with gateway(embedded_kafka) as process:
        with connected(process) as connection:
            connection.sendall(HEAD.replace(b"100000", b"2") + b"{")
            time.sleep(0.2)
            process.process.send_signal(number)
            time.sleep(0.5)
            with pytest.raises(OSError):
                connected(process).close()
            connection.sendall(b"}")
            assert rest(connection).startswith(b"HTTP/1.1 422 ")
        assert process.process.wait(20) == 0, process.log


def test_its_log_has_no_paths_nor_keys(process: GatewayProcess) -> None:
    process.post(cloud_event(subject="customer:zoe"))
    process.ask("GET", "/customer:zoe")
    log = process.log
    assert "request answered" in log
    assert "zoe" not in log


def test_a_port_that_is_taken_is_told_in_one_sentence(
    process: GatewayProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", "--port", str(process.port)]) == 4
    assert "is taken; give another with --port" in capsys.readouterr().err


def test_what_is_wrong_at_the_start_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    monkeypatch.setenv("CCSTREAM_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("CCSTREAM_KAFKA__SSL_CA_FILE", str(garbage))
    assert main(["gateway", "--port", "0", "--bootstrap", "127.0.0.1:1"]) == 4
    said = capsys.readouterr()
    assert f"kafka.ssl_ca_file, {garbage}, cannot be used" in said.err
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize("wrong", ["certificate", "key", "password"])
def test_a_certificate_that_cannot_be_used_is_told_in_one_sentence(
    wrong: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate, key = certificate_files(tmp_path, password=b"secret")
    {"certificate": certificate, "key": key, "password": tmp_path / "x"}[wrong].write_text("no")
    monkeypatch.setenv("CCSTREAM_GATEWAY__TLS_CERTIFICATE_FILE", str(certificate))
    monkeypatch.setenv("CCSTREAM_GATEWAY__TLS_KEY_FILE", str(key))
    password = "public" if wrong == "password" else "secret"
    monkeypatch.setenv("CCSTREAM_GATEWAY__TLS_KEY_PASSWORD", password)
    assert main(["gateway", "--port", "0", "--bootstrap", "127.0.0.1:1"]) == 4
    said = capsys.readouterr()
    assert f"gateway.tls_certificate_file, {certificate}, and" in said.err
    assert "Traceback" not in said.out + said.err
    assert password not in said.out + said.err


def test_it_speaks_tls(embedded_kafka: str, tmp_path: Path) -> None:
    certificate, key = certificate_files(tmp_path, password=b"secret")
    with gateway(
        embedded_kafka,
        tls=True,
        TLS_CERTIFICATE_FILE=str(certificate),
        TLS_KEY_FILE=str(key),
        TLS_KEY_PASSWORD="secret",
    ) as process:
        answer = process.post(cloud_event())
        assert answer.status == 202
        assert "max-age" in answer.headers["strict-transport-security"]
