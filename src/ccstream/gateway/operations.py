"""``/ops``: the page for whoever runs it, and ``GET /v1/operations`` that it shows.

Everything on it is what the workers say of themselves (`ccstream.gateway.fleet`), asked when
somebody looks and not otherwise: many who look cause no more questions than one, and of what was
said a minute is kept, so that rates and latencies are those of now.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.fleet import Fleet, Look
from ccstream.gateway.overview import Overview, overview
from ccstream.gateway.pages.page_files import file_endpoint, page, read_text

__all__ = ["Operations", "operations_schemas"]

FRESH_S: Final = 2.0
"""How long an answer is good for everybody; workers look at their own lag once a second."""

WINDOW_S: Final = 60.0
"""What rates and latencies are of, as soon as somebody has looked for so long."""

_OPERATION: Final[dict[str, Any]] = {
    "operationId": "operations",
    "summary": "How the workers are.",
    "description": (
        "Partitions, lag, latency, restores and dead letters, as the workers named in "
        "`gateway.workers` say themselves, and what of it to look at. Rates and latencies are "
        "those between two requests, up to a minute apart: of a first one they are null. It has "
        "no customer in it."
    ),
    "tags": ["operations"],
    "responses": {
        "200": {
            "description": "What was found, seconds ago at most.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Overview"}}},
        }
    },
}


class Operations:
    """The part that looks at the workers.

    Args:
        services: what the parts share.
        clock: seconds that only grow.
    """

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._partitions = services.settings.kafka.partitions
        self._addresses = services.settings.gateway.worker_addresses
        self._clock = clock
        self._fleet: Fleet | None = None
        self._looking = asyncio.Lock()
        self._looks: deque[Look] = deque()
        self._html = read_text("ops.html")

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(method="GET", path="/ops", access="public", handler=self._page),
            file_endpoint("/ops/ops.css", "ops.css"),
            file_endpoint("/ops/ops.js", "ops.js"),
            Endpoint(
                method="GET",
                path="/v1/operations",
                access="operate",
                handler=self._operations,
                operation=_OPERATION,
            ),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._fleet = Fleet(self._addresses)
        try:
            yield
        finally:
            self._fleet.close()

    def ready(self) -> str | None:
        return None

    async def look(self) -> Overview:
        """What there is to see, by answers that are `FRESH_S` old at most."""
        assert self._fleet is not None
        async with self._looking:
            looks = self._looks
            if not looks or self._clock() - looks[-1].at >= FRESH_S:
                looks.append(await self._fleet.look(self._clock()))
                while looks[-1].at - looks[0].at > WINDOW_S:
                    looks.popleft()
            before = looks[0] if len(looks) > 1 else None
            return overview(looks[-1], before, self._partitions)

    async def _page(self, _request: Request) -> Response:
        return page(self._html)  # there is nothing in it yet; what it shows it has to ask for

    async def _operations(self, _request: Request) -> Response:
        return Response(msgspec.json.encode(await self.look()), media_type="application/json")


def operations_schemas() -> dict[str, Any]:
    """What OpenAPI says of the answer."""
    _, schemas = msgspec.json.schema_components(
        [Overview], ref_template="#/components/schemas/{name}"
    )
    return schemas
