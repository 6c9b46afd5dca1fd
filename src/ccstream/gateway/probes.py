"""``/livez``, ``/readyz``, ``/metrics``: for the orchestrator and Prometheus.

Live means that the process answers. Ready means that every part can do its work: Kafka is in
reach, for one. A gateway that is told to stop is not ready any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ccstream import __version__
from ccstream.gateway.endpoints import Endpoint, Part, Services
from ccstream.ops.exposition import CONTENT_TYPE, exposition

__all__ = ["Probes"]


class Probes:
    """The part that looks at the others."""

    def __init__(self, services: Services, others: Sequence[Part]) -> None:
        self._services = services
        self._others = others

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="GET",
                path="/livez",
                access="public",
                handler=self._live,
                operation=_operation("Whether the process should go on.", 200),
            ),
            Endpoint(
                method="GET",
                path="/readyz",
                access="public",
                handler=self._ready,
                operation=_operation("Whether the gateway can do its work.", 200, 503),
            ),
            Endpoint(method="GET", path="/metrics", access="operate", handler=self._metrics),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return "told to stop" if self._services.closing.is_set() else None

    async def _live(self, _request: Request) -> Response:
        return _answer(200, {"ok": True, "version": __version__})

    async def _ready(self, _request: Request) -> Response:
        reasons = [reason for part in (self, *self._others) if (reason := part.ready())]
        status = 503 if reasons else 200
        return _answer(status, {"ok": not reasons, "version": __version__, "reasons": reasons})

    async def _metrics(self, _request: Request) -> Response:
        body = exposition(self._services.metrics.registry)
        return Response(body, headers={"Content-Type": CONTENT_TYPE})


def _answer(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def _operation(summary: str, *statuses: int) -> dict[str, object]:
    schema = {"$ref": "#/components/schemas/Health"}
    return {
        "operationId": "live" if statuses == (200,) else "ready",
        "summary": summary,
        "tags": ["operations"],
        "responses": {
            str(status): {
                "description": "It is so." if status == 200 else "Not now; the reasons say why.",
                "content": {"application/json": {"schema": schema}},
            }
            for status in statuses
        },
    }
