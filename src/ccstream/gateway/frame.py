"""What surrounds every request: counts, security headers, and the last word on errors.

Plain ASGI, so that streams pass through it piece by piece.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ccstream.gateway.endpoints import ENDPOINT, Endpoint
from ccstream.gateway.problems import ProblemError
from ccstream.ops.logs import logger
from ccstream.ops.metrics import Metrics
from ccstream.wire.trace import trace_id_of

__all__ = ["Frame", "is_loopback"]

log = logger(__name__)
_stdlib_log = logging.getLogger(__name__)

OTHER: Final = "other"
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

SECURITY_HEADERS: Final[Sequence[tuple[bytes, bytes]]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Sent with every answer that does not say otherwise itself: pages have a policy of their own."""

STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


class Frame:
    """The outermost layer.

    Args:
        app: what is within.
        metrics: where requests are counted.
        loopback_only: answer only to names of the loopback interface. Without it a web page
            whose name leads to 127.0.0.1 could do as it likes on a gateway without auth.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, loopback_only: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._loopback_only = loopback_only
        metrics.set("ccstream_gateway_requests_in_flight", (), 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self._metrics, scope, send).run(self._inner(scope), receive)

    def _inner(self, scope: Scope) -> ASGIApp:
        if self._loopback_only and not is_loopback(_host(scope)):
            return _misdirected
        return self._app


class _Exchange:
    """One request and its answer."""

    def __init__(self, metrics: Metrics, scope: Scope, send: Send) -> None:
        self._metrics = metrics
        self._scope = scope
        self._send = send
        self._begun = time.perf_counter()
        self._started: float | None = None
        self._status = 500

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        self._metrics.add("ccstream_gateway_requests_in_flight", (), 1)
        try:
            await app(self._scope, receive, self._sending)
        except Exception:  # the last boundary: one request fails, the gateway goes on
            log.exception(
                "request failed", route=self._route(), method=self._method(), **self._trace()
            )
            if self._started is None:
                problem = ProblemError("failed", "It has been logged; please report it.")
                await problem.response()(self._scope, receive, self._sending)
        finally:
            self._count()

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = time.perf_counter()
            self._status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [item for item in SECURITY_HEADERS if item[0] not in present]
            if self._scope["scheme"] == "https":
                headers.append(STRICT_TRANSPORT)
            message = {**message, "headers": headers}
        await self._send(message)

    def _trace(self) -> dict[str, str]:
        stated = dict(self._scope["headers"]).get(b"traceparent")
        trace_id = trace_id_of(stated)
        return {} if trace_id is None else {"trace_id": trace_id}

    def _count(self) -> None:
        route, method = self._route(), self._method()
        endpoint: Endpoint | None = self._scope.get(ENDPOINT)
        ended = time.perf_counter()
        if endpoint is not None and endpoint.streams and self._started is not None:
            ended = self._started
        seconds = ended - self._begun
        self._metrics.add("ccstream_gateway_requests_in_flight", (), -1)
        self._metrics.add("ccstream_gateway_requests_total", (route, method, str(self._status)))
        self._metrics.observe("ccstream_gateway_request_duration_seconds", (route,), seconds)
        if _stdlib_log.isEnabledFor(logging.DEBUG):  # structlog takes 20 µs to find out
            log.debug(
                "request answered",
                route=route,
                method=method,
                status=self._status,
                milliseconds=round(seconds * 1000, 1),
            )

    def _route(self) -> str:
        endpoint: Endpoint | None = self._scope.get(ENDPOINT)
        return OTHER if endpoint is None else endpoint.path

    def _method(self) -> str:
        method: str = self._scope["method"]
        return method if method in METHODS else OTHER


def is_loopback(host: str) -> bool:
    """Whether a host name or address is one of the loopback interface's."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(scope: Scope) -> str:
    """The name in the Host header, without its port; empty if there is none."""
    for name, value in scope["headers"]:
        if name == b"host":
            text: str = value.decode("latin-1").lower()
            return text[: text.index("]") + 1] if "]" in text else text.partition(":")[0]
    return ""


async def _misdirected(scope: Scope, receive: Receive, send: Send) -> None:
    problem = ProblemError(
        "misdirected", "Without authentication the gateway answers to localhost only."
    )
    await problem.response()(scope, receive, send)
