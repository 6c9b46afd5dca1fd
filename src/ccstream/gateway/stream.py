"""``GET /v1/profiles/{key}/stream``: what happens to a customer, as server-sent events.

First ``hello``, then the profile as it is, then each change, some milliseconds after the
event: also one that is not final yet and that a crash takes back, whose successor is then
published, too. What the events look like is in `ccstream.gateway.messages`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ccstream.gateway.auth import identity_of
from ccstream.gateway.cursor import Cursors
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.hub import Hub
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.profiles import AGGREGATES, ALL_TABLES
from ccstream.gateway.sightings import AGENT
from ccstream.gateway.stream_api import OPERATION
from ccstream.gateway.subscription import Subscription
from ccstream.wire.validate import is_entity_key

__all__ = ["Streams"]

MEDIA_TYPE: Final = "text/event-stream; charset=utf-8"

KEEP_ALIVE_S: Final = 15.0
"""Half of the shortest time after which common proxies hang up (30 s)."""

SEND_S_MAX: Final = 30.0
"""A client that takes nothing for so long is gone, or as good as gone."""

STREAM_S_MAX: Final = 15 * 60.0
"""Then the client comes back, and whether it still may is asked again: a token has expired
since, or a key was withdrawn. Shortened at random, so that not all come at once."""

RETRY_MS: Final = 1_000
"""After which a browser comes back; at random up to three times as much, for the same reason."""

STREAMS_OF_CUSTOMER_MAX: Final = 20
"""Open at a time by one customer's token: a device or tab each."""

CHANGED: Final = b"event: changed\ndata: {}\n\n"
KEEP_ALIVE: Final = b":\n\n"

NUMBERS: Final = {aggregate: number for number, aggregate in enumerate(AGGREGATES)}


class Streams:
    """The part that pushes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cursors = Cursors(services.signer)
        self.hub = Hub(services.settings, self._cursors, services.metrics)
        self._of_customer: Counter[str] = Counter()

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="GET",
                path="/v1/profiles/{key}/stream",
                access="read",
                handler=self._stream,
                operation=OPERATION,
                streams=True,
            ),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self.hub.run(), name="follows the sync topics"),
            asyncio.create_task(self._end_when_closing(), name="ends the streams"),
        ]
        try:
            yield
        finally:
            self.hub.end_all("stopping")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def ready(self) -> str | None:
        return self.hub.away

    async def _end_when_closing(self) -> None:
        await self._services.closing.wait()
        self.hub.end_all("stopping")

    async def _stream(self, request: Request) -> Response:
        key = request.path_params["key"]
        if not is_entity_key(key):
            raise ProblemError(
                "invalid-request", "The key is not namespace:value, as customer:42 is."
            )
        tables = _tables(request.query_params.get("aggregates"))
        identity = identity_of(request)
        channel = self.hub.sightings.channel_of(identity, request.query_params.get("channel"))
        text = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        cursor = self._cursors.read(key, text) if text else None
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE)
        self._refuse_when_closing()
        customer = identity.id if identity.customer is not None else None
        if customer is not None and self._of_customer[customer] >= STREAMS_OF_CUSTOMER_MAX:
            raise ProblemError(
                "rate-limited",
                f"{STREAMS_OF_CUSTOMER_MAX} streams of this customer are open; close one.",
                headers={"Retry-After": "30"},
            )
        subscription = await self.hub.subscribe(key, tables, cursor, channel)
        return _EventStream(self.hub, subscription, self._of_customer, customer)

    async def changes(self, request: Request, key: str) -> Response:
        """A stream that tells of each change without saying what it is."""
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE)
        self._refuse_when_closing()
        subscription = await self.hub.subscribe(key, ALL_TABLES, None, AGENT)
        return _ChangeStream(self.hub, subscription, self._of_customer, None)

    def _refuse_when_closing(self) -> None:
        if self._services.closing.is_set():
            raise ProblemError(
                "unavailable", "The gateway is being stopped.", headers={"Retry-After": "1"}
            )


class _EventStream(Response):
    """Sends what is said to a subscription until it is over."""

    def __init__(
        self,
        hub: Hub,
        subscription: Subscription,
        of_customer: Counter[str],
        customer: str | None,
    ) -> None:
        self._hub = hub
        self._subscription = subscription
        self._of_customer = of_customer
        self._customer = customer
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._customer is not None:
            self._of_customer[self._customer] += 1
        hung_up = asyncio.create_task(_wait_for_the_end(receive, self._subscription))
        try:
            await self._send_all(send)
        except TimeoutError:
            self._subscription.end("slow")  # uvicorn closes a connection left half-way
        finally:
            hung_up.cancel()
            self._hub.unsubscribe(self._subscription)
            if self._customer is not None:
                self._of_customer[self._customer] -= 1
                if not self._of_customer[self._customer]:
                    del self._of_customer[self._customer]

    async def _send_all(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + STREAM_S_MAX * random.uniform(0.5, 1)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        retry_ms = round(RETRY_MS * random.uniform(1, 3))
        await _send_body(send, b"retry: %d\n\n" % retry_ms)
        while (taken := await self._subscription.take(KEEP_ALIVE_S)) is not None:
            await _send_body(send, self._told(taken))
            if loop.time() > until:
                self._subscription.end("aged")
        await _send_body(send, b"", more=False)

    def _told(self, taken: bytes) -> bytes:
        return taken or self._hub.keep_alive(self._subscription)


class _ChangeStream(_EventStream):
    """Tells that something has changed."""

    def _told(self, taken: bytes) -> bytes:
        return CHANGED if taken else KEEP_ALIVE


async def _send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(SEND_S_MAX):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _wait_for_the_end(receive: Receive, subscription: Subscription) -> None:
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    subscription.end("hung_up")


def _tables(text: str | None) -> tuple[int, ...]:
    """The numbers of the tables that a client asks for; of all, if it does not say."""
    if not text:
        return ALL_TABLES
    names = {name.strip() for name in text.split(",")}
    unknown = names - set(NUMBERS)
    if unknown:
        raise ProblemError(
            "invalid-request",
            f"aggregates names one that there is not; there are {', '.join(NUMBERS)}.",
        )
    return tuple(sorted(NUMBERS[name] for name in names))
