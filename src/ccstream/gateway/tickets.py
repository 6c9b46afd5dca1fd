"""Tickets: what a browser's ``EventSource``, which cannot send headers, shows in the address.

An address ends up in logs and histories, where no key or token may be. So a page asks for a
ticket with its token, and opens the stream with ``?ticket=…``. A ticket is good for opening
streams only, for a minute, and allows what its owner may read and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ccstream.gateway.auth import Grant, Identity, identity_of
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.signing import Signer

__all__ = ["LIFETIME_S", "TICKET", "Tickets", "holder_of"]

TICKET: Final = "ticket"
"""The parameter of the address, and the purpose that is signed along."""

LIFETIME_S: Final = 60
"""A page asks for one when it is about to use it; over a bad network that takes some seconds."""


class _Ticket(Struct, frozen=True):
    id: str
    scopes: tuple[str, ...]
    customer: str | None
    expires: int


class Tickets:
    """The part that hands them out."""

    def __init__(self, services: Services) -> None:
        self._signer = services.signer

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="POST",
                path="/v1/tickets",
                access="read",
                handler=self._give,
                operation=OPERATION,
            ),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return None

    async def _give(self, request: Request) -> Response:
        identity = identity_of(request)
        ticket = _Ticket(
            identity.id,
            tuple(str(grant) for grant in identity.grants if grant.action == "read"),
            identity.customer,
            int(time.time()) + LIFETIME_S,
        )
        text = self._signer.sign(TICKET, msgspec.json.encode(ticket))
        body = orjson.dumps({"ticket": text, "expires_in": LIFETIME_S})
        return Response(body, status_code=201, media_type="application/json")


def holder_of(
    connection: HTTPConnection, signer: Signer, clock: Callable[[], float] = time.time
) -> Identity | None:
    """Who has the ticket in the address of a request; None if it has none that is valid."""
    payload = signer.verify(TICKET, connection.query_params.get(TICKET, ""))
    if payload is None:
        return None
    ticket = msgspec.json.decode(payload, type=_Ticket)
    if ticket.expires <= clock():
        return None
    grants = tuple(grant for scope in ticket.scopes if (grant := Grant.of(scope)) is not None)
    return Identity(id=ticket.id, grants=grants, customer=ticket.customer)


OPERATION: Final[dict[str, Any]] = {
    "operationId": "makeTicket",
    "summary": "A ticket to open a stream with.",
    "description": (
        "For `EventSource`, which cannot send an `Authorization` header: open the stream with "
        "`?ticket=…`, within a minute. It allows what its owner may read."
    ),
    "tags": ["profiles"],
    "responses": {
        "201": {
            "description": "Made.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "ticket": {"type": "string"},
                            "expires_in": {"type": "integer", "description": "Seconds."},
                        },
                        "required": ["ticket", "expires_in"],
                    }
                }
            },
        }
    },
}
