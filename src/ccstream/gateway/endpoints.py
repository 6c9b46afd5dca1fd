"""What the gateway is assembled from: endpoints, the parts that bring them, what they share.

A part is a module's class: made once with the `Services`, it lists its endpoints, has a
lifespan and says whether it is ready. `ccstream.gateway.app` puts the parts together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ccstream.gateway.auth import Access, Authenticator, authorise
from ccstream.gateway.intake import Intake
from ccstream.gateway.limits import Limiter
from ccstream.gateway.signing import Signer
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from ccstream.ops.tracing import Tracing

__all__ = ["ENDPOINT", "Endpoint", "Handler", "Part", "Services", "route_of"]

Handler = Callable[[Request], Awaitable[Response]]

ENDPOINT: Final = "ccstream.endpoint"
"""Where the scope of a request has its `Endpoint`, once the path is known."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One method of one path.

    Args:
        method: the HTTP method; GET also answers HEAD.
        path: Starlette's template. A ``{key}`` in it is an entity's, and the caller must be
            allowed to do ``access`` to it.
        access: what the caller must be allowed to do.
        handler: answers. It may raise `ProblemError`.
        operation: what OpenAPI says of it; None for pages, which are for people.
        streams: its answer goes on until somebody hangs up.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    operation: Mapping[str, Any] | None = None
    streams: bool = False


@dataclass(frozen=True)
class Services:
    """What all parts share."""

    settings: Settings
    metrics: Metrics
    authenticator: Authenticator
    limiter: Limiter
    signer: Signer
    intake: Intake
    tracing: Tracing | None = None
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the gateway is told to stop: streams end, and clients go to another one."""


class Part(Protocol):
    """A part of the gateway."""

    def endpoints(self) -> Sequence[Endpoint]:
        """What it answers."""

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """What it needs while the gateway runs."""

    def ready(self) -> str | None:
        """Why it cannot do its work just now, in a word or two; None if it can."""


def route_of(endpoint: Endpoint, services: Services) -> Route:
    """The route that identifies the caller, charges its limit and asks whether it may."""

    async def handle(request: Request) -> Response:
        request.scope[ENDPOINT] = endpoint
        if endpoint.access != "public":
            identity = await services.authenticator.identify(request)
            request.state.identity = identity
            services.limiter.charge(identity)
            authorise(request, endpoint.access, key=request.path_params.get("key"))
        return await endpoint.handler(request)

    return Route(endpoint.path, handle, methods=[endpoint.method])
