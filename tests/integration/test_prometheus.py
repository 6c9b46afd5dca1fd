"""A real Prometheus that scraped a worker at work, and every query that anybody is shown.

The worker runs on an embedded broker, with heartbeats, after another one whose rows it restores. A
gateway pushes what becomes of it to a client in the app.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from ccstream.devkit.embedded import EmbeddedKafka
from ccstream.devkit.gateway_process import GatewayProcess
from ccstream.devkit.ports import free_port
from ccstream.devkit.process import ChildProcess
from ccstream.ops.health import Health
from ccstream.ops.heartbeat import SHOWN, Prober
from ccstream.ops.metrics import METRICS, Metrics
from tests.integration.harness import (
    added,
    make_topics,
    publish,
    settings_for,
    wait_until,
    worker,
)
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(150),
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="there is no Prometheus here (on Debian: apt-get install prometheus)",
    ),
]

ELSEWHERE = re.compile(
    "ccstream_((gateway_streams_ended|consent_denials|timers_fired|standby|misrouted|mail)_"
    "|store_bytes|gateway_events)"
)
"""What neither this worker, without a store on disk, nor its heartbeats nor a gateway that nobody
posts to have reason to measure."""

WINDOW = "15s"


class Prometheus:
    """What was scraped, to be asked."""

    def __init__(self, folder: Path, targets: dict[str, str], rules: Path) -> None:
        shutil.copy(rules, folder / "alerts.yml")
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yml"],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]}
                for job, target in targets.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self._url = f"http://127.0.0.1:{(port := free_port())}/api/v1"
        self._process = ChildProcess(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            log=folder / "prometheus.log",
        )

    def query(self, expression: str) -> list[Any]:
        asked = urllib.parse.urlencode({"query": expression})
        return list(self._get(f"query?{asked}")["result"])

    def answers(self, expression: str) -> list[Any]:
        """As ``query``, once there is something: one slow scrape takes all series away."""
        return eventually(lambda: self.query(expression), bool)

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def scraped(self) -> bool:
        """Whether all targets have been, for long enough to rate."""
        try:
            return len(self.query(f"count_over_time(up[{WINDOW}]) >= 8 and up == 1")) == 3
        except OSError:
            return False

    def close(self) -> None:
        self._process.end(15, within_s=10)

    def _get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"{self._url}/{path}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.read().decode()}") from None


@pytest.fixture(scope="module")
def prometheus(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with ExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka())
        settings = settings_for(kafka.bootstrap, "app", heartbeat__interval_ms=500, web__port=0)
        make_topics(settings)
        with worker(settings) as before:
            publish(kafka.bootstrap, [added(0, "customer:restored")])
            wait_until(lambda: before.metric("ccstream_store_rows", table="carts") == 1, 30)
            before.stop()
        one = stack.enter_context(worker(settings))
        metrics = Metrics(only=SHOWN)
        prober = Prober(settings, metrics)
        well = lambda: (True, {})  # noqa: E731
        health = stack.enter_context(Health(well, well, metrics.registry, "127.0.0.1", 0))
        stop = threading.Event()
        beats = threading.Thread(target=prober.run, args=(stop,))
        beats.start()
        stack.callback(prober.close)
        stack.callback(beats.join)
        stack.callback(stop.set)
        gateway = stack.enter_context(
            GatewayProcess({"KAFKA__BOOTSTRAP": kafka.bootstrap, "APP_ID": "app"})
        )
        stack.callback(_follow(gateway.port, "customer:1"))
        made = Prometheus(
            tmp_path_factory.mktemp("prometheus"),
            {
                "ccstream": f"127.0.0.1:{one.port}",
                "ccstream-heartbeat": health.url.removeprefix("http://"),
                "ccstream-gateway": f"127.0.0.1:{gateway.port}",
            },
            root / "deploy" / "prometheus" / "alerts.yml",
        )
        stack.callback(made.close)
        deadline = time.monotonic() + 60
        number = 0
        while not made.scraped():
            assert time.monotonic() < deadline
            publish(kafka.bootstrap, [added(number := number + 1, f"customer:{number % 9}")])
            garbage = Producer({"bootstrap.servers": kafka.bootstrap})
            garbage.produce("channel.web.events.v1", b"no event", b"customer:1")
            garbage.flush(10)
            time.sleep(0.5)
        yield made


def _follow(port: int, key: str) -> Callable[[], None]:
    """Open a stream as the app would, and read it until the returned function is called."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/v1/profiles/{key}/stream?channel=app")
    stream = connection.getresponse()
    assert stream.status == 200

    def read() -> None:
        with suppress(OSError, ValueError, http.client.HTTPException):
            while stream.readline():
                pass

    reader = threading.Thread(target=read)
    reader.start()

    def end() -> None:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        reader.join()
        connection.close()

    return end


def queries(root: Path) -> list[str]:
    """Of every dashboard, as Grafana would ask."""
    return [
        target["expr"].replace("$__rate_interval", WINDOW).replace("$instance", ".*")
        for path in sorted((root / "deploy" / "grafana").glob("*.json"))
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", ())
    ]


def test_every_query_of_every_dashboard_is_answered(root: Path, prometheus: Prometheus) -> None:
    asked = queries(root)
    assert len(asked) > 30
    empty = [one for one in asked if not ELSEWHERE.search(one) and not prometheus.answers(one)]
    assert not empty, "\n".join(empty)


def test_how_late_the_app_sees_what_happens_on_the_web_is_told(prometheus: Prometheus) -> None:
    seen = 'ccstream_gateway_seen_latency_seconds_count{channel="web",to="app"} > 0'
    assert prometheus.answers(seen)


def test_every_rule_is_evaluated_without_an_error_and_no_alert_fires(
    prometheus: Prometheus,
) -> None:
    wait_until(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 20)
    found = prometheus.rules()
    assert len(found) > 15
    assert [rule["name"] for rule in found if rule["health"] != "ok"] == []
    firing = [rule["name"] for rule in found if rule.get("state") == "firing"]
    # of three events in these seconds one is garbage, and on a busy machine some are late
    assert set(firing) <= {"CcstreamDeadLetters", "CcstreamSyncLate", "CcstreamSyncLateFast"}


def test_every_metric_of_the_table_is_scraped_and_counters_begin_at_zero(
    prometheus: Prometheus,
) -> None:
    for name, spec in METRICS.items():
        if ELSEWHERE.match(name):
            continue
        series = f"{name}_count" if spec.buckets else name
        assert prometheus.answers(series), name
    assert prometheus.answers('ccstream_rejected_total{reason="failed"} == 0')
    assert prometheus.answers('ccstream_events_total{channel="post",outcome="too_late"} == 0')
    beats = "sum(ccstream_heartbeats_total)"  # on a busy machine some are missed
    assert prometheus.answers(f"sum(ccstream_heartbeats_missed_total) < {beats}")
