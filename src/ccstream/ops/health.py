"""The worker's HTTP server: ``/metrics``, ``/livez``, ``/readyz``.

It has a thread of its own, so that it answers while the event loop restores, folds or
hangs: that is when it is asked. *Live* means that the process should go on; an
orchestrator restarts one that is not. *Ready* means that its partitions are served. Both
answer 200 or 503, and say why as JSON. Questions of gateways (``POST /query``) are passed on to
whoever is to answer them, so many at a time that there is always room for a probe.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import BoundedSemaphore, Thread
from types import TracebackType
from typing import Any, Final, Self

import orjson

from ccstream import __version__
from ccstream.errors import SettingsError
from ccstream.ops.exposition import CONTENT_TYPE, Source, exposition
from ccstream.ops.logs import logger

__all__ = ["QUESTION", "SIGNATURE", "Ask", "Check", "Health", "check_free"]

Check = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether all is well, and the details; called from the server's threads."""

Ask = Callable[[str, bytes, str], tuple[int, bytes]]
"""Path, body and signature of a question to status and body of its answer; likewise."""

SIGNATURE: Final = "Ccstream-Signature"
"""The header of a question that shows who asks."""

REQUEST_SECONDS_MAX: Final = 5
"""A client that opens a connection and says nothing is let go after this."""

QUESTIONS_AT_ONCE_MAX: Final = 16
"""More of them would only wait for each other; gateways ask again."""

REQUESTS_AT_ONCE_MAX: Final = 16 + 2 * QUESTIONS_AT_ONCE_MAX
"""Prometheus, two probes, somebody who looks, and questions, also those that there is no room for;
more is a mistake or an attack."""

EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on

QUESTION: Final = "/query"
BINARY: Final = "application/octet-stream"

log = logger(__name__)


class Health:
    """Serves metrics and probes from :meth:`start` to :meth:`stop`, or within ``with``.

    Args:
        live: the check behind ``/livez``.
        ready: the check behind ``/readyz``.
        registry: what ``/metrics`` shows.
        host: address to listen on.
        port: port, or 0 for a free one.
        listening: the descriptor of a socket that listens already, in place of both.
        ask: answers questions, if anybody does.
        question_bytes_max: of a question's body.
    """

    def __init__(
        self,
        live: Check,
        ready: Check,
        registry: Source,
        host: str,
        port: int,
        listening: int | None = None,
        ask: Ask | None = None,
        question_bytes_max: int = 0,
    ) -> None:
        self._ask = ask
        self._asking = BoundedSemaphore(QUESTIONS_AT_ONCE_MAX)
        self.question_bytes_max = question_bytes_max
        self._checks = {"/livez": live, "/readyz": ready}
        self._registry = registry
        self._host = host
        self._port = port
        self._listening = listening
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens: with the port that was chosen, if it was 0."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def reached_at(self, advertised_host: str | None) -> str:
        """The address for other machines, once it listens."""
        host = advertised_host or self._host
        if host in EVERY_ADDRESS:
            host = socket.gethostname()
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def start(self) -> str:
        """Listen, and return :attr:`url`.

        Raises:
            SettingsError: the address cannot be listened on; the port is taken, for one.
        """
        try:
            self._server = _Server((self._host, self._port), self, self._listening)
        except OSError as problem:
            raise SettingsError(_why(problem, self._host, self._port)) from None
        self._host, self._port = self._server.socket.getsockname()[:2]
        self._thread = Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="ccstream-health",
            daemon=True,
        )
        self._thread.start()
        log.info("serving metrics and health", url=self.url)
        return self.url

    def stop(self) -> None:
        """Stop listening; requests under way are not waited for. May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout=REQUEST_SECONDS_MAX)
            self._server.server_close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def asked(self, path: str, body: bytes, signature: str) -> tuple[int, bytes]:
        """Status and body for a question, which says of itself who asks it."""
        if self._ask is None or not path.startswith(QUESTION):
            return HTTPStatus.NOT_FOUND, b""
        if not self._asking.acquire(blocking=False):
            return HTTPStatus.SERVICE_UNAVAILABLE, b""
        try:
            return self._ask(path, body, signature)
        except Exception:  # the last boundary: one question fails, the worker goes on
            log.exception("a question could not be answered")
            return HTTPStatus.INTERNAL_SERVER_ERROR, b""
        finally:
            self._asking.release()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for a path."""
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE, exposition(self._registry)
        check = self._checks.get(path)
        if check is None:
            known = ["/metrics", *self._checks]
            return HTTPStatus.NOT_FOUND, "application/json", orjson.dumps({"paths": known})
        try:
            good, details = check()
        except Exception as problem:  # a probe that fails is an answer: not well
            log.exception("health check failed", path=path)
            good, details = False, {"error": type(problem).__name__}
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"ok": good, "version": __version__, **details}
        return status, "application/json", orjson.dumps(body, default=str)


def check_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on just now; port 0 always can.

    Raises:
        SettingsError: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as problem:
        raise SettingsError(_why(problem, host, port)) from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 4 * REQUESTS_AT_ONCE_MAX  # with 5, a burst waits a second for its retry

    def __init__(self, address: tuple[str, int], health: Health, listening: int | None) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.health = health
        self.places = BoundedSemaphore(REQUESTS_AT_ONCE_MAX)
        super().__init__(address, _Handler, bind_and_activate=listening is None)
        if listening is not None:
            self.socket.close()
            self.socket = socket.socket(fileno=listening)

    def server_bind(self) -> None:
        # HTTPServer's own also looks its host name up in the DNS, which can take seconds.
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("request ended early")  # a scraper that hung up is no event of ours


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS_MAX
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self._send(*self.server.health.answer(path))

    def do_POST(self) -> None:
        health = self.server.health
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > health.question_bytes_max:
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BINARY, b"")
            return
        body = self.rfile.read(int(length))
        status, answer = health.asked(self.path, body, self.headers.get(SIGNATURE, ""))
        self._send(status, BINARY, answer)

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the base class names its methods so

    def version_string(self) -> str:
        return "ccstream"

    def log_message(self, *_: Any) -> None:
        """Nothing: a probe every second is no news."""


def _why(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken; give another with --web-port or web.port, "
            "or 0 for a free one"
        )
    if problem.errno == errno.EACCES:
        return f"this user may not listen on port {port}; give one above 1023 with web.port"
    return f"cannot listen on {host}:{port} (web.host, web.port): {problem.strerror or problem}"
