"""Puts the gateway together: parts in, a Starlette application out.

To add a part, add its class to `PARTS`; what it answers, needs and waits for it says itself
(`ccstream.gateway.endpoints.Part`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from ccstream.errors import SettingsError
from ccstream.gateway.agents import Agents
from ccstream.gateway.auth import Authenticator, Everybody
from ccstream.gateway.credentials import credentials_of
from ccstream.gateway.endpoints import Endpoint, Part, Services, route_of
from ccstream.gateway.frame import Frame, is_loopback
from ccstream.gateway.ingest import Ingest
from ccstream.gateway.intake import Intake
from ccstream.gateway.limits import Limiter
from ccstream.gateway.openapi import Documents
from ccstream.gateway.operations import Operations
from ccstream.gateway.pages.agent import AgentPage
from ccstream.gateway.pages.demo import DemoPage
from ccstream.gateway.preferences import Preferences
from ccstream.gateway.probes import Probes
from ccstream.gateway.problems import handlers
from ccstream.gateway.queries import Queries
from ccstream.gateway.signing import Signer
from ccstream.gateway.stream import Streams
from ccstream.gateway.tickets import Tickets
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from ccstream.ops.tracing import make_tracing
from ccstream.wire.catalogue import CHANNELS

__all__ = ["PARTS", "endpoints", "make_app", "make_parts", "make_services"]

PARTS: Final[tuple[Callable[[Services], Part], ...]] = (
    Ingest,
    Tickets,
    Streams,
    Queries,
    Operations,
    DemoPage,
    Preferences,
)
"""The parts beside the probes and the document, which look at these."""

OPEN_KEY: Final = "a gateway that lets everybody do everything has nothing to sign for"
"""Signs where ``gateway.auth`` is none, so that cursors outlive a restart there too."""

EXPOSED_HEADERS: Final = ("ETag", "Retry-After")
PREFLIGHT_S: Final = 600


def make_services(
    settings: Settings,
    *,
    authenticator: Authenticator | None = None,
    metrics: Metrics | None = None,
) -> Services:
    """What the parts share.

    Raises:
        SettingsError: the settings would let in whom they should not.
    """
    limiter = Limiter(settings.gateway)
    signer = Signer(_signing_key(settings))
    return Services(
        settings=settings,
        metrics=metrics or Metrics(channels={*CHANNELS, *settings.channels_extra}),
        authenticator=authenticator or _authenticator(settings, limiter, signer),
        limiter=limiter,
        signer=signer,
        intake=Intake(settings),
        tracing=make_tracing(settings, "gateway"),
    )


def make_parts(
    services: Services, makers: Sequence[Callable[[Services], Part]] = PARTS
) -> list[Part]:
    """All parts, the probes first; the agents' where there is what it is made from."""
    others = [make(services) for make in makers]
    streams = next((part for part in others if isinstance(part, Streams)), None)
    queries = next((part for part in others if isinstance(part, Queries)), None)
    if streams is not None and queries is not None:
        others += [Agents(services, streams, queries), AgentPage()]
    parts = [Probes(services, others), *others]
    return [*parts, Documents(endpoints(parts))]


def endpoints(parts: Sequence[Part]) -> list[Endpoint]:
    """What all parts answer."""
    return [endpoint for part in parts for endpoint in part.endpoints()]


def make_app(
    settings: Settings,
    *,
    services: Services | None = None,
    makers: Sequence[Callable[[Services], Part]] = PARTS,
) -> Starlette:
    """The gateway as an ASGI application; nothing is opened before its lifespan begins.

    Raises:
        SettingsError: see `make_services`.
    """
    services = services or make_services(settings)
    parts = make_parts(services, makers)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if services.tracing is not None:
                stack.push_async_callback(asyncio.to_thread, services.tracing.close)
            await services.intake.open()
            stack.push_async_callback(services.intake.close)
            for part in parts:
                await stack.enter_async_context(part.lifespan())
            yield

    gateway = settings.gateway
    middleware = [
        Middleware(Frame, metrics=services.metrics, loopback_only=gateway.auth == "none"),
    ]
    if gateway.origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=gateway.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],  # the attributes of events are headers, any number of them
                expose_headers=EXPOSED_HEADERS,
                max_age=PREFLIGHT_S,
            )
        )
    app = Starlette(
        routes=[route_of(endpoint, services) for endpoint in endpoints(parts)],
        middleware=middleware,
        exception_handlers=dict(handlers),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would lead around the limits of the first
    app.state.services = services
    app.state.parts = parts
    return app


def _authenticator(settings: Settings, limiter: Limiter, signer: Signer) -> Authenticator:
    gateway = settings.gateway
    if gateway.auth == "required":
        return credentials_of(gateway, limiter, signer)
    if not is_loopback(gateway.host):
        raise SettingsError(
            f"gateway.host {gateway.host} is reached from other machines, and gateway.auth none "
            "would let them do everything; set gateway.auth to required"
        )
    return Everybody()


def _signing_key(settings: Settings) -> str:
    gateway = settings.gateway
    if gateway.signing_key is not None:
        return gateway.signing_key.get_secret_value()
    if gateway.auth == "none":
        return OPEN_KEY
    raise SettingsError(
        "gateway.auth required needs gateway.signing_key, the same for all gateways: "
        "`openssl rand -hex 32` makes one"
    )
