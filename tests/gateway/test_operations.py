"""Workers are asked when somebody looks, and what they say is shown."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from ccstream.gateway.app import make_app
from ccstream.gateway.fleet import Fleet, sightings
from ccstream.gateway.operations import FRESH_S, WINDOW_S, Operations
from ccstream.ops.health import Health
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from tests.gateway.calls import call, running


class OneWorker:
    """What a worker serves, with nothing behind it."""

    def __init__(self, *serving: int) -> None:
        self.metrics = Metrics(channels=("web",))
        self.asked = 0
        self.state: dict[str, Any] = {
            "state": "serving",
            "partitions": list(serving),
            "waiting_for_the_rest_of": [],
        }
        self.health = Health(lambda: (True, {}), self._ready, self.metrics.registry, "127.0.0.1", 0)
        for number in serving:
            self.metrics.set("ccstream_lag_seconds", (str(number),), 0)

    @property
    def address(self) -> str:
        return self.health.url.removeprefix("http://")

    def _ready(self) -> tuple[bool, dict[str, Any]]:
        self.asked += 1
        return self.state["state"] == "serving", self.state


@contextmanager
def workers(*each: tuple[int, ...]) -> Iterator[list[OneWorker]]:
    with ExitStack() as stack:
        made = [OneWorker(*numbers) for numbers in each]
        for one in made:
            stack.enter_context(one.health)
        yield made


@pytest.fixture
def nowhere() -> str:
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"127.0.0.1:{port}"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def operations(addresses: str, partitions: int = 4) -> Iterator[tuple[Operations, Clock]]:
    settings = Settings.load(gateway={"workers": addresses}, kafka__partitions=partitions)
    clock = Clock()

    class Given:
        pass

    services: Any = Given()
    services.settings = settings
    part = Operations(services, clock)
    part._fleet = Fleet(settings.gateway.worker_addresses)
    try:
        yield part, clock
    finally:
        part._fleet.close()


async def test_what_each_worker_says_is_put_together(nowhere: str) -> None:
    with workers((0, 1), (2,)) as (first, second):
        first.metrics.set("ccstream_lag_records", ("channel.web.events.v1", "1"), 40)
        first.metrics.set("ccstream_lag_records", ("ccstream.mail.v1", "1"), 2)
        first.metrics.set("ccstream_lag_seconds", ("1",), 3.5)
        second.metrics.add("ccstream_rejected_total", ("malformed",), 7)
        addresses = f"{first.address},{second.address},{nowhere}"
        with operations(addresses) as (part, _):
            found = await part.look()
    assert [one.name for one in found.workers] == [first.address, second.address]
    assert [one.partitions for one in found.workers] == [(0, 1), (2,)]
    assert [one.address for one in found.silent] == [nowhere]
    assert "refused" in found.silent[0].reason
    states = [one.state for one in found.partitions]
    assert states == ["serving", "serving", "serving", "unserved"]
    assert (found.partitions[1].lag_records, found.partitions[1].lag_seconds) == (42, 3.5)
    assert [(one.reason, one.total) for one in found.rejected] == [("malformed", 7)]


async def test_many_who_look_ask_the_workers_once() -> None:
    with workers((0, 1, 2, 3)) as (one,), operations(one.address) as (part, clock):
        for _ in range(5):
            await part.look()
        assert one.asked == 1
        clock.now += FRESH_S
        await part.look()
        assert one.asked == 2


async def test_rates_are_of_the_last_minute_and_not_of_all_time() -> None:
    with workers((0, 1, 2, 3)) as (one,), operations(one.address) as (part, clock):
        one.metrics.add("ccstream_events_consumed_total", ("web",), 1_000_000)
        assert (await part.look()).events_per_second is None
        clock.now += 10
        one.metrics.add("ccstream_events_consumed_total", ("web",), 500)
        assert (await part.look()).events_per_second == 50
        clock.now += WINDOW_S + 1
        found = await part.look()
        assert found.events_per_second is None  # nobody looked for too long
        clock.now += 10
        assert (await part.look()).events_per_second == 0


async def test_a_restore_that_was_called_off_is_not_shown_of_a_worker_that_serves() -> None:
    with workers((0, 1, 2, 3)) as (one,), operations(one.address) as (part, clock):
        one.metrics.set("ccstream_restore_remaining_records", ("carts", "2"), 900)
        assert (await part.look()).partitions[2].restore_remaining == 0
        one.state = {"state": "taking partitions over"}
        clock.now += FRESH_S
        found = await part.look()
        assert (found.partitions[2].state, found.partitions[2].restore_remaining) == (
            "restoring",
            900,
        )


def test_each_process_of_a_machine_is_a_worker_of_its_own() -> None:
    text = "".join(
        f'ccstream_events_consumed_total{{channel="web",process="{number}"}} {number + 1}.0\n'
        for number in range(2)
    )
    ready = (
        b'{"ok": false, "processes": {"0": {"state": "serving", "partitions": [0, 1]}, '
        b'"1": {"state": "does not answer", "restarts": 2}}}'
    )
    first, second = sightings("m:1", text, ready)
    assert (first.name, first.events, sorted(first.serving)) == ("m:1/0", 1, [0, 1])
    assert (second.name, second.state, sorted(second.serving)) == ("m:1/1", "does not answer", [])


class Garbage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>ccstream_lag_records{</html>")

    def log_message(self, *_: Any) -> None:
        pass


async def test_what_is_no_worker_is_called_that_and_harms_nothing() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Garbage) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        with operations(f"{address},no-such-host.invalid:1") as (part, _):
            found = await part.look()
        server.shutdown()
    assert {one.address: one.reason for one in found.silent} == {
        address: "what answers there is no worker",
        "no-such-host.invalid:1": "its name leads nowhere",
    }


async def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_in_it() -> None:
    settings = Settings.load(gateway={"workers": "127.0.0.1:1"})
    async with running(make_app(settings, makers=(Operations,))) as app:
        page = await call(app, "GET", "/ops")
        assert page.status == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b"http" not in page.body
        for name in ("ops.css", "ops.js"):
            assert (await call(app, "GET", f"/ops/{name}")).status == 200
        answer = await call(app, "GET", "/v1/operations")
        assert answer.json["level"] == "bad"


@pytest.mark.parametrize("text", ["worker", "http://worker:1", "worker:0", "worker:70000", "a b:1"])
def test_what_is_no_address_of_a_worker_is_refused(text: str) -> None:
    from ccstream.errors import SettingsError

    with pytest.raises(SettingsError, match=r"gateway\.workers"):
        Settings.load(gateway={"workers": text})
