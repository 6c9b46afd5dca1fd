"""A client for server-sent events that shares no code with the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

__all__ = ["Event", "Sse"]


class Event(NamedTuple):
    """One event as a browser would get it."""

    kind: str
    data: dict[str, Any]
    id: str


class Sse:
    """A stream of ``path`` on the loopback interface, open for a ``with`` block."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str] | None = None) -> None:
        self._port = port
        self._path = path
        self._headers = dict(headers or {})
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id = ""
        self.comments = 0
        self._rest = b""
        self.ended = False

    @classmethod
    def of(cls, port: int, key: str, cursor: str = "", **query: str) -> Self:
        """The stream of a profile."""
        headers = {"Last-Event-ID": cursor} if cursor else {}
        parameters = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        path = f"/v1/profiles/{quote(key, safe='')}/stream"
        return cls(port, f"{path}?{parameters}" if parameters else path, headers)

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [f"GET {self._path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in self._headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().splitlines()
        self.status = int(first.split()[1])
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
        }
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.close()

    async def body(self) -> dict[str, Any]:
        """The whole body of an answer that is no stream."""
        length = int(self.headers["content-length"])
        found: dict[str, Any] = json.loads(await self.reader.readexactly(length))
        return found

    async def next(self, timeout_s: float = 30.0) -> Event:
        """The next event; raises ``EOFError`` at the end of the stream."""
        async with asyncio.timeout(timeout_s):
            while True:
                while b"\n\n" not in self._rest:
                    await self._more()
                block, _, self._rest = self._rest.partition(b"\n\n")
                event = self._event(block.decode())
                if event is not None:
                    return event

    async def until(self, kind: str, timeout_s: float = 30.0) -> Event:
        """The next event of a kind, others left out."""
        async with asyncio.timeout(timeout_s):
            while (event := await self.next()).kind != kind:
                pass
        return event

    async def end(self, timeout_s: float = 30.0) -> None:
        """Read up to the end of the stream."""
        async with asyncio.timeout(timeout_s):
            try:
                while True:
                    await self.next(timeout_s)
            except EOFError:
                self.ended = True

    async def _more(self) -> None:
        try:
            size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
            chunk = await self.reader.readexactly(size + 2)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error
        if not size:
            raise EOFError
        self._rest += chunk[:-2]

    def _event(self, block: str) -> Event | None:
        fields: dict[str, str] = {}
        for line in block.splitlines():
            if line.startswith(":"):
                self.comments += 1
                continue
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return None
        return Event(fields.get("event", "message"), json.loads(fields["data"]), self.last_id)
