"""``/agents`` and ``/agents/{key}``: a customer at a glance, for service staff.

The page itself has nothing of anybody in it. Its script asks for what it shows with the key or
token that the agent, or a proxy in front, gives it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response

from ccstream.gateway.endpoints import Endpoint
from ccstream.gateway.pages.page_files import file_endpoint, page, read_text

__all__ = ["AgentPage"]


class AgentPage:
    """The part that serves the page and its files."""

    def __init__(self) -> None:
        self._html = read_text("agent.html")

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(method="GET", path="/agents", access="public", handler=self._serve),
            Endpoint(method="GET", path="/agents/{key}", access="public", handler=self._serve),
            file_endpoint("/agent.css", "agent.css"),
            file_endpoint("/agent.js", "agent.js"),
            file_endpoint("/agent-view.js", "agent-view.js"),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return None

    async def _serve(self, _request: Request) -> Response:
        return page(self._html)
