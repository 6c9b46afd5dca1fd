"""Calls of an ASGI application without a server: one request in, one answer out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.applications import Starlette

from tests.gateway.events import STRUCTURED

__all__ = ["Answer", "call", "post", "running"]


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The kind of problem it is, which is told as one should be."""
        assert self.headers["content-type"] == "application/problem+json", self
        document = self.json
        assert document["status"] == self.status
        assert document["title"] and document["detail"]
        kind: str = document["type"].removeprefix("urn:ccstream:problem:")
        return kind


async def call(
    app: Any,
    method: str,
    target: str,
    body: bytes | Iterable[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    client: tuple[str, int] = ("127.0.0.1", 50_000),
) -> Answer:
    """Send a request; a body of several pieces is sent without its length."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    sent = {"host": "localhost", **{name.lower(): text for name, text in (headers or {}).items()}}
    if isinstance(body, bytes) and body:
        sent.setdefault("content-length", str(len(body)))
    url = urlsplit(target)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in sent.items()],
        "client": client,
        "server": ("localhost", 8080),
        "state": {},
    }
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]
    messages: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start, *rest = messages
    return Answer(
        start["status"],
        {name.decode().lower(): text.decode() for name, text in start["headers"]},
        b"".join(message.get("body", b"") for message in rest),
    )


async def post(app: Any, event: Any, media_type: str = STRUCTURED, **headers: str) -> Answer:
    """Post what is to be JSON, or bytes as they are."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return await call(app, "POST", "/v1/events", body, {"content-type": media_type, **named})


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[Starlette]:
    """The application within its lifespan."""
    async with app.router.lifespan_context(app):
        yield app
