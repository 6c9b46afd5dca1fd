"""A gateway in the test's own event loop, behind a real port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from ccstream.gateway.app import make_app
from ccstream.gateway.endpoints import Part, Services
from ccstream.gateway.operations import Operations
from ccstream.gateway.stream import Streams
from ccstream.ops.settings import Settings

__all__ = ["Serving", "become", "serving", "serving_app"]


class Serving:
    """Where it is, and what is in it."""

    def __init__(self, port: int, app: Any) -> None:
        self.port = port
        self.app = app
        self.services = app.state.services
        self.streams: Streams = next(one for one in app.state.parts if isinstance(one, Streams))

    async def ready(self, timeout_s: float = 30.0) -> None:
        await become(lambda: self.streams.ready() is None, timeout_s)

    async def seen(self, key: str, version: int, timeout_s: float = 30.0) -> None:
        """Wait until the gateway knows this version of a profile."""
        await become(lambda: self.streams.hub.profiles.version(key) >= version, timeout_s)


async def become(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving_app(
    settings: Settings, makers: Sequence[Callable[[Services], Part]] = (Operations,)
) -> AsyncIterator[int]:
    """A gateway with these parts alone; its port."""
    app = make_app(settings, makers=makers)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            async with asyncio.timeout(20):
                await task


@asynccontextmanager
async def serving(settings: Settings, *, wait: bool = True) -> AsyncIterator[Serving]:
    app = make_app(settings)
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        made = Serving(listener.getsockname()[1], app)
        try:
            if wait:
                await made.ready()
            yield made
        finally:
            made.services.closing.set()
            server.should_exit = True
            async with asyncio.timeout(20):
                await task
