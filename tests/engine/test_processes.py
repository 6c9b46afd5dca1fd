"""What several workers say, behind one port."""

from __future__ import annotations

import json
import socket
import sys
from http.client import HTTPConnection
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ccstream.engine.processes import Fleet, Member
from ccstream.ops.health import Health
from ccstream.ops.metrics import Metrics


class Child:
    restarts = 0

    def __init__(self, running_for: float | None) -> None:
        self.running_for = running_for


class Worker:
    """A member that answers as it is told; None for one that does not."""

    def __init__(
        self, name: str, ready: int | None, running_for: float | None = 100.0, lag: float = 0
    ) -> None:
        self.name = name
        self.child = Child(running_for)
        self._ready = ready
        self.asked: list[tuple[bytes, str]] = []
        metrics = Metrics()
        metrics.set("ccstream_lag_records", ("t", "0"), lag)
        metrics.add("ccstream_commit_failures_total", (), 2)
        metrics.observe("ccstream_chunk_records", (), 3)
        self._metrics = generate_latest(metrics.registry)

    def ask(self, path: str) -> tuple[int, bytes] | None:
        if self._ready is None:
            return None
        if path == "/metrics":
            return 200, self._metrics
        status = 200 if path == "/livez" else self._ready
        return status, json.dumps({"ok": status == 200, "state": "as it is"}).encode()

    def put(self, body: bytes, signature: str) -> tuple[int, bytes] | None:
        if self._ready is None:
            return None
        self.asked.append((body, signature))
        return 200, self.name.encode()


def fleet(*workers: Worker) -> Fleet:
    return Fleet(workers)  # type: ignore[arg-type]


def test_each_sample_is_there_with_its_process_and_none_is_added_up() -> None:
    text = fleet(Worker("0", 200, lag=3), Worker("1", 200, lag=4)).exposition().decode()
    for number, lag in ("0", 3), ("1", 4):
        labels = f'process="{number}",partition="0",topic="t"'
        assert f"ccstream_lag_records{{{labels}}} {lag}.0" in text
        assert f'ccstream_commit_failures_total{{process="{number}"}} 2.0' in text
        assert f'ccstream_chunk_records_bucket{{process="{number}",le="5.0"}} 1.0' in text
    assert text.count("# TYPE ccstream_lag_records gauge") == 1
    assert text.count("# TYPE ccstream_commit_failures_total counter") == 1
    found = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert found["ccstream_chunk_records"] == "histogram"


def test_all_are_ready_only_if_each_is() -> None:
    assert fleet(Worker("0", 200), Worker("1", 200)).ready()[0]
    ready, details = fleet(Worker("0", 200), Worker("1", 503)).ready()
    assert not ready
    assert details["processes"]["1"] == {"restarts": 0, "ok": False, "state": "as it is"}
    assert not fleet(Worker("0", 200), Worker("1", None)).ready()[0]


@pytest.mark.parametrize(
    ("answers", "running_for", "live"),
    [(200, 100.0, True), (None, 100.0, False), (None, 10.0, True), (None, None, True)],
)
def test_only_a_process_that_runs_and_does_not_answer_for_long_is_not_live(
    answers: int | None, running_for: float | None, live: bool
) -> None:
    assert fleet(Worker("0", 200), Worker("1", answers, running_for)).live()[0] is live


def test_of_a_worker_that_is_away_a_scrape_has_only_how_often_it_was_started_anew() -> None:
    away = Worker("0", None)
    away.child.restarts = 7
    text = fleet(away, Worker("1", 200)).exposition().decode()
    assert 'ccstream_lag_records{process="1",partition="0",topic="t"}' in text
    of_it = [line for line in text.splitlines() if 'process="0"' in line]
    assert of_it == ['ccstream_worker_restarts_total{process="0"} 7.0']
    assert text.count("ccstream_worker_restarts_total{") == 2


def test_a_socket_that_is_handed_down_is_listened_on(unique: str) -> None:
    metrics = Metrics()

    def well() -> tuple[bool, dict[str, Any]]:
        return True, {"who": unique}

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        handed = listening.dup().detach()
        with Health(well, well, metrics.registry, "nowhere", 1, handed) as health:
            assert health.url == f"http://127.0.0.1:{port}"
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/livez")
            assert json.loads(connection.getresponse().read())["who"] == unique
            connection.close()


def test_a_member_that_does_not_run_is_not_asked() -> None:
    member = Member(0, [sys.executable, "-c", ""])
    assert member.ask("/livez") is None
    member.close()


def test_a_question_goes_to_the_process_that_its_path_names_with_its_signature() -> None:
    workers = Worker("0", 200), Worker("1", 200), Worker("2", None)
    several = fleet(*workers)
    assert several.pass_on("/query/1", b"who", "signed") == (200, b"1")
    assert [one.asked for one in workers] == [[], [(b"who", "signed")], []]
    for path in ("/query/2", "/query/3", "/query", "/query/"):
        assert several.pass_on(path, b"who", "signed") == (503, b"")
