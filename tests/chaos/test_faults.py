"""What seeds stand for, and the proxy that connections are hurt by."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos.faults import FAULTS, available, plan_for
from tests.support.proxy import Proxy


def test_two_hundred_seeds_have_every_fault_a_dozen_times() -> None:
    for first in (0, 1000, 12_345):
        drawn = Counter(f.name for seed in range(first, first + 200) for f in plan_for(seed).faults)
        assert all(drawn[fault.name] >= 12 for fault in available()), drawn


def test_a_seed_stands_for_the_same_each_time() -> None:
    assert [plan_for(seed) for seed in range(50)] == [plan_for(seed) for seed in range(50)]


def test_a_plan_has_what_its_faults_need() -> None:
    for plan in map(plan_for, range(200)):
        for fault in plan.faults:
            assert plan.workers >= fault.workers
            assert plan.proxied >= fault.proxied
            assert plan.static >= fault.static


def test_what_cannot_be_had_here_says_why() -> None:
    assert all(fault.missing for fault in FAULTS if fault not in available())


def test_what_needs_a_restore_never_meets_a_state_on_disk() -> None:
    for plan in map(plan_for, range(400)):
        assert plan.stored >= any(fault.stored for fault in plan.faults)
        assert not (plan.stored and any(fault.restores for fault in plan.faults))
    assert {plan_for(seed).stored for seed in range(10)} == {True, False}


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := self.request.recv(4096):
                self.request.sendall(piece)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server, Proxy() as made:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.target = server.server_address[1]
        yield made
        server.shutdown()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def echoed(connection: socket.socket, piece: bytes) -> float:
    started = time.monotonic()
    connection.sendall(piece)
    left = len(piece)
    while left:
        got = connection.recv(left)
        assert got, "the connection has ended"
        left -= len(got)
    return time.monotonic() - started


def test_a_healthy_proxy_hands_everything_on(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        echoed(connection, b"x" * 300_000)


def test_a_slow_proxy_takes_its_time_and_recovers(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        proxy.delay_s = 0.1
        assert echoed(connection, b"x") >= 0.2
        proxy.heal()
        proxy.bytes_per_second = 100_000
        assert echoed(connection, b"x" * 20_000) >= 0.2
        proxy.heal()
        echoed(connection, b"x")


def test_a_cut_ends_every_connection_and_new_ones_are_let_in(proxy: Proxy) -> None:
    with connected(proxy) as first:
        echoed(first, b"x")
        proxy.cut()
        with pytest.raises((ConnectionError, AssertionError)):
            echoed(first, b"y")
    with connected(proxy) as second:
        echoed(second, b"x")


def test_a_proxy_that_refuses_lets_nobody_in(proxy: Proxy) -> None:
    proxy.refusing = True
    with pytest.raises((ConnectionError, AssertionError)), connected(proxy) as connection:
        echoed(connection, b"x")
