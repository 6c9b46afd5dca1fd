"""The gateway as a process: uvicorn in it, from listening to the last answer.

Told to stop (Ctrl-C, SIGTERM) it takes no more connections, ends its streams, lets requests
under way finish for ``gateway.drain_ms``, and waits for what Kafka has still to acknowledge.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

from ccstream.errors import SettingsError
from ccstream.gateway.app import make_app
from ccstream.gateway.collector import Collector
from ccstream.gateway.endpoints import Services
from ccstream.gateway.http_protocol import BoundedConfig
from ccstream.ops.logs import logger
from ccstream.ops.settings import GatewaySettings, Settings

__all__ = ["run"]

log = logger(__name__)

BACKLOG: Final = 2_048
"""Connections that wait to be accepted: ten thousand clients come back at once after a restart."""

KEEP_ALIVE_S: Final = 75
"""Longer than load balancers keep idle connections, commonly 60 s: if this side closed first, a
request that is just then sent would be lost."""

FILES_BESIDE: Final = 256
"""Files that are open beside connections: Kafka's, logs, libraries."""


def run(settings: Settings) -> int:
    """Serve until told to stop; returns the exit code.

    Raises:
        SettingsError: a setting is wrong, or the address cannot be listened on.
        CcstreamError: another reason why a part of it cannot begin.
    """
    app = make_app(settings)
    services: Services = app.state.services
    gateway = settings.gateway
    _make_room(gateway.connections_max)
    with _listening(gateway) as listener:
        collector = Collector()
        config = _config(app, gateway, collector)
        _load(config, gateway)
        server = _Server(config, app, services, collector)
        asyncio.run(server.serve(sockets=[listener]))
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, app: Starlette, services: Services, collector: Collector
    ) -> None:
        super().__init__(config)
        self._app = app
        self._services = services
        self._collector = collector
        self._collecting: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again at the end; this process ends with exit code 0.
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        # The lifespan is not left to uvicorn, which would log a traceback of whatever is wrong at
        # the start, and end the process with an exit code of its own.
        with self.capture_signals():
            async with self._app.router.lifespan_context(self._app):
                await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._collector.begin()
        self._collecting = asyncio.create_task(self._collector.run(), name="collects garbage")
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            name = f"[{host}]" if ":" in host else host
            log.info("gateway serves", url=f"{scheme}://{name}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._services.closing.set()
        await super().shutdown(sockets)
        if self._collecting is not None:
            self._collecting.cancel()
        self._collector.end()


def _config(app: Any, gateway: GatewaySettings, collector: Collector) -> uvicorn.Config:
    password = gateway.tls_key_password
    return BoundedConfig(
        app,
        headers_timeout_s=gateway.body_timeout_ms / 1000,
        lost=collector.lost,
        lifespan="off",
        loop="asyncio",
        ws="none",
        log_config=None,
        access_log=False,  # paths hold customers' keys
        server_header=False,
        proxy_headers=bool(gateway.proxies),
        forwarded_allow_ips=list(gateway.proxies),
        limit_concurrency=gateway.connections_max,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(gateway.drain_ms / 1000)),
        ssl_certfile=gateway.tls_certificate_file,
        ssl_keyfile=None if gateway.tls_key_file is None else str(gateway.tls_key_file),
        ssl_keyfile_password=None if password is None else password.get_secret_value(),
    )


def _load(config: uvicorn.Config, gateway: GatewaySettings) -> None:
    """Read the certificate now, before anything connects to Kafka."""
    try:
        config.load()
    except OSError as problem:  # ssl.SSLError is one
        raise SettingsError(
            f"gateway.tls_certificate_file, {gateway.tls_certificate_file}, and "
            f"gateway.tls_key_file, {gateway.tls_key_file}, cannot be used: name a certificate "
            "with its chain and its key, both in PEM, and the key's password in "
            f"gateway.tls_key_password if it has one ({problem.strerror or problem})"
        ) from None


@contextlib.contextmanager
def _listening(gateway: GatewaySettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in gateway.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (gateway.host, gateway.port), family=family, backlog=BACKLOG
        )
    except OSError as problem:
        raise SettingsError(_why(problem, gateway)) from None
    with listener:
        # Connections inherit it. asyncio sets it on sockets whose protocol it knows, and of one
        # made beforehand it does not: answers would wait 40 ms for the peer's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _make_room(connections: int) -> None:
    """Raise the limit of open files as far as the system lets, and tell if that is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_BESIDE
    if soft < wanted:
        unlimited = hard == resource.RLIM_INFINITY
        soft = wanted if unlimited else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < wanted:
        log.warning(
            "the limit of open files is below gateway.connections_max; raise it with ulimit -n",
            limit=soft,
            connections_max=connections,
        )


def _why(problem: OSError, gateway: GatewaySettings) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"port {gateway.port} on {gateway.host} is taken; give another with --port or "
            "gateway.port, or 0 for a free one"
        )
    if problem.errno == errno.EACCES:
        return f"this user may not listen on port {gateway.port}; give one above 1023"
    return (
        f"cannot listen on {gateway.host}:{gateway.port} (gateway.host, gateway.port): "
        f"{problem.strerror or problem}"
    )
