from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from ccstream.errors import SettingsError
from ccstream.ops.health import (
    QUESTIONS_AT_ONCE_MAX,
    REQUESTS_AT_ONCE_MAX,
    SIGNATURE,
    Health,
)
from ccstream.ops.metrics import Metrics


class Worker:
    """What the checks look at."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.live: tuple[bool, dict[str, Any]] = (True, {})
        self.ready: tuple[bool, dict[str, Any]] = (False, {"reason": "restoring", "left": 12})

    def is_live(self) -> tuple[bool, Mapping[str, Any]]:
        return self.live

    def is_ready(self) -> tuple[bool, Mapping[str, Any]]:
        if not self.ready[1].get("raise"):
            return self.ready
        raise RuntimeError("customer:4711 is odd")


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def health(worker: Worker) -> Iterator[Health]:
    with Health(worker.is_live, worker.is_ready, worker.metrics.registry, "127.0.0.1", 0) as one:
        yield one


def get(health: Health, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = HTTPConnection(urlsplit(health.url).netloc, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type") or "", answer.read()
    finally:
        connection.close()


def test_port_0_takes_a_free_port_and_says_which(health: Health) -> None:
    assert urlsplit(health.url).port not in (0, None)


def test_metrics_are_what_prometheus_reads(health: Health, worker: Worker) -> None:
    worker.metrics.add("ccstream_events_consumed_total", ("web",), 5)
    status, content_type, body = get(health, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain")
    assert b'ccstream_events_consumed_total{channel="web"} 5.0' in body
    assert b"process_resident_memory_bytes" in body


def test_a_worker_that_restores_is_live_and_not_ready_and_says_why(health: Health) -> None:
    assert get(health, "/livez")[0] == 200
    status, content_type, body = get(health, "/readyz")
    assert status == 503
    assert content_type == "application/json"
    assert json.loads(body)["reason"] == "restoring"
    assert json.loads(body)["ok"] is False


def test_a_worker_that_serves_is_ready(health: Health, worker: Worker) -> None:
    worker.ready = (True, {"partitions": [0, 1]})
    status, _, body = get(health, "/readyz")
    assert status == 200
    assert json.loads(body)["partitions"] == [0, 1]


def test_a_check_that_fails_is_an_answer_and_tells_no_values(
    health: Health, worker: Worker
) -> None:
    worker.ready = (True, {"raise": True})
    status, _, body = get(health, "/readyz")
    assert status == 503
    assert json.loads(body)["error"] == "RuntimeError"
    assert b"4711" not in body


def test_another_path_is_told_which_there_are(health: Health) -> None:
    status, _, body = get(health, "/nope")
    assert status == 404
    assert json.loads(body)["paths"] == ["/metrics", "/livez", "/readyz"]


def test_a_head_request_has_no_body(health: Health) -> None:
    assert get(health, "/livez", "HEAD")[::2] == (200, b"")


def test_a_taken_port_is_one_sentence_with_what_to_do(worker: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = Health(worker.is_live, worker.is_ready, worker.metrics.registry, "127.0.0.1", port)
        with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is taken; give another"):
            second.start()
        second.stop()


def test_an_address_that_is_not_here_is_one_sentence(worker: Worker) -> None:
    elsewhere = Health(
        worker.is_live, worker.is_ready, worker.metrics.registry, "no-such-host.invalid", 0
    )
    with pytest.raises(SettingsError, match=r"no-such-host\.invalid"):
        elsewhere.start()


def test_silent_connections_do_not_keep_a_probe_waiting(health: Health) -> None:
    address = (urlsplit(health.url).hostname, urlsplit(health.url).port)
    silent = [socket.create_connection(address) for _ in range(REQUESTS_AT_ONCE_MAX - 1)]
    try:
        begun = time.monotonic()
        assert get(health, "/livez")[0] == 200
        assert time.monotonic() - begun < 2
    finally:
        for one in silent:
            one.close()


def test_it_stops_at_once_and_frees_its_port(worker: Worker) -> None:
    health = Health(worker.is_live, worker.is_ready, worker.metrics.registry, "127.0.0.1", 0)
    health.start()
    port = urlsplit(health.url).port
    begun = time.monotonic()
    health.stop()
    health.stop()
    assert time.monotonic() - begun < 1
    with socket.create_server(("127.0.0.1", port or 0)):
        pass


def test_a_question_is_passed_on_with_its_signature_and_others_are_not(worker: Worker) -> None:
    def ask(path: str, body: bytes, signature: str) -> tuple[int, bytes]:
        if body == b"raise":
            raise RuntimeError("customer:4711 is odd")
        return 200, f"{path} {signature} ".encode() + body

    registry = worker.metrics.registry
    with Health(
        worker.is_live,
        worker.is_ready,
        registry,
        "127.0.0.1",
        0,
        ask=ask,
        question_bytes_max=10,
    ) as one:

        def post(path: str, body: bytes) -> tuple[int, bytes]:
            connection = HTTPConnection(urlsplit(one.url).netloc, timeout=5)
            try:
                connection.request("POST", path, body, {SIGNATURE: "signed"})
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        assert post("/query/3", b"who") == (200, b"/query/3 signed who")
        assert post("/query", b"raise") == (500, b"")
        assert post("/query", b"x" * 11) == (413, b"")
        assert post("/metrics", b"") == (404, b"")


def test_more_questions_than_there_are_places_are_refused_and_probes_are_answered(
    worker: Worker,
) -> None:
    released = threading.Event()

    def ask(_path: str, _body: bytes, _signature: str) -> tuple[int, bytes]:
        released.wait(10)
        return 200, b""

    one = Health(worker.is_live, worker.is_ready, worker.metrics.registry, "127.0.0.1", 0, ask=ask)
    with one, ThreadPoolExecutor(QUESTIONS_AT_ONCE_MAX) as many:
        waiting = [many.submit(one.asked, "/query", b"", "") for _ in range(QUESTIONS_AT_ONCE_MAX)]
        try:
            deadline = time.monotonic() + 5
            while one.asked("/query", b"", "")[0] != 503:
                assert time.monotonic() < deadline
            assert get(one, "/livez")[0] == 200
        finally:
            released.set()
        assert [future.result(5)[0] for future in waiting] == [200] * QUESTIONS_AT_ONCE_MAX


@pytest.mark.parametrize(
    ("host", "advertised", "reached"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "worker-0.shop", "worker-0.shop"),
        ("127.0.0.1", "fd00::1", "[fd00::1]"),
        ("0.0.0.0", None, socket.gethostname()),
    ],
)
def test_where_others_reach_it_is_as_advertised_or_no_address_that_means_every(
    worker: Worker, host: str, advertised: str | None, reached: str
) -> None:
    with Health(worker.is_live, worker.is_ready, worker.metrics.registry, host, 0) as one:
        port = urlsplit(one.url).port
        assert one.reached_at(advertised) == f"http://{reached}:{port}"
