"""uvicorn's HTTP protocol with bounds on what comes before a body.

uvicorn waits for the headers of a request as long as it takes, and keeps all there are. Here
they have to be there in time, and within a size; the body's bounds are in `bodies`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEADER_BYTES_MAX", "BoundedConfig", "BoundedProtocol"]

HEADER_BYTES_MAX: Final = 32_768
"""The path and all headers; a token has up to 8,192, and servers commonly take 8 to 64 KiB."""

UNPARSED_BYTES_MAX: Final = 1 << 20
"""Of a header that does not end; it comes in pieces of up to 256 KiB, beside other requests."""

_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration, and how long headers may take.

    Args:
        app: the ASGI application.
        headers_timeout_s: from the connection, or the first byte of a later request on it.
        lost: called when a connection has ended.
        options: uvicorn's own.
    """

    def __init__(
        self, app: Any, *, headers_timeout_s: float, lost: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(app, http=BoundedProtocol, **options)
        self.headers_timeout_s = headers_timeout_s
        self.lost = lost


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    config: BoundedConfig

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False  # a message, of which the headers have not all been read
        self._header_bytes = 0
        self._unparsed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        self.config.lost()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._begun:  # nearly always they come at once, and there is nothing to wait for
            self._await_headers()
        if self._deadline is not None:
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > UNPARSED_BYTES_MAX:
                self._stop_waiting()
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = self._unparsed_bytes = 0
        self._begun = True

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._begun = False
        self._stop_waiting()
        super().on_headers_complete()

    def _await_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.config.headers_timeout_s, self._too_late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self._answered():
            self.transport.write(_LATE)
        self.transport.close()

    def _answered(self) -> bool:
        """Whether no answer is under way that these bytes would end up in."""
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is None or bool(cycle.response_complete)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES_MAX:
            # The parser turns it into its own error, and uvicorn answers that with 400.
            raise ValueError("the headers are too large")
