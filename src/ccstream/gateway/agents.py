"""What the page of service staff is made from: a customer at a glance, found by any identifier.

``GET /v1/agents/profiles/{key}`` is asked anew at each change, of which the stream beside it tells
without saying what it was. Whoever looks is noted (`ccstream.gateway.audit`).
"""

from __future__ import annotations

import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from ccstream.client.contact_points import EMAIL_NAMESPACE, PHONE_NAMESPACE, ContactPoints
from ccstream.errors import InvalidEventError
from ccstream.gateway.agent_view import agent_view
from ccstream.gateway.agents_api import CHANGES, SEARCH, VIEW
from ccstream.gateway.audit import Audit
from ccstream.gateway.auth import identity_of
from ccstream.gateway.bodies import json_of, read_body
from ccstream.gateway.denials import Denials
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.profiles import AGGREGATES
from ccstream.gateway.queries import Queries, as_of, entity_key
from ccstream.gateway.stream import Streams
from ccstream.gateway.timeline import timeline
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.wire.validate import is_entity_key

__all__ = ["Agents"]

TEXT_CHARS_MAX: Final = 200
"""An identifier, an address or a number; nobody types more."""

_encode: Final = msgspec.json.Encoder().encode


class Agents:
    """The part that answers the page.

    Args:
        services: what all parts share.
        streams: whose copy of the sync topics says who is known, and what changes.
        queries: by which customers are read.
    """

    def __init__(self, services: Services, streams: Streams, queries: Queries) -> None:
        self._services = services
        self._streams = streams
        self._queries = queries
        settings = services.settings
        self._rules = load_identifier_rules(settings.identity.rules)
        has_key = settings.identity.contact_key is not None
        self._points = ContactPoints(settings) if has_key else None
        self._audit = Audit(settings, services.signer)
        self._denials = Denials(services.metrics)

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint(
                method="POST",
                path="/v1/agents/search",
                access="agent",
                handler=self._search,
                operation=SEARCH,
            ),
            Endpoint(
                method="GET",
                path="/v1/agents/profiles/{key}",
                access="agent",
                handler=self._view,
                operation=VIEW,
            ),
            Endpoint(
                method="GET",
                path="/v1/agents/profiles/{key}/changes",
                access="agent",
                handler=self._changes,
                operation=CHANGES,
                streams=True,
            ),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._audit.open()
        try:
            yield
        finally:
            self._audit.close()

    def ready(self) -> str | None:
        return None

    async def _search(self, request: Request) -> Response:
        body = await read_body(request, self._services.settings.gateway)
        given = json_of(body)
        text = given.get("text") if isinstance(given, dict) else None
        if not isinstance(text, str) or not 0 < len(text.strip()) <= TEXT_CHARS_MAX:
            raise ProblemError(
                "invalid-request", f"text is to have 1 to {TEXT_CHARS_MAX} characters."
            )
        hub = self._streams.hub
        profiles = hub.profiles
        found = [
            key
            for key in self._meant(text.strip())
            if hub.profile_of(key) != key or profiles.version(key)
        ]
        return Response(orjson.dumps({"keys": found}), media_type="application/json")

    def _meant(self, text: str) -> list[str]:
        """The keys that somebody may mean who types this."""
        keys = [text]
        for namespace, kind in self._rules.classes.items():
            if kind != "shared" and namespace not in {EMAIL_NAMESPACE, PHONE_NAMESPACE}:
                keys.append(f"{namespace}:{text}")
        if self._points is not None:
            for make in (self._points.email_key, self._points.phone_key):
                try:
                    keys.append(make(text))
                except InvalidEventError:
                    continue  # it is another kind of thing
        return [key for key in keys if is_entity_key(key)]

    async def _view(self, request: Request) -> Response:
        key = entity_key(request)
        identity = identity_of(request)
        masked = not identity.may("read", key=key)
        known = await self._queries.known(key, tuple(AGGREGATES), live=True)
        await self._audit.note(identity.id, known.subject, masked=masked)
        ring = self._services.intake.key_ring(known.subject)
        # A key management system may have to be asked.
        records = known.records if ring is None else await to_thread(ring.open, known.records)
        view = agent_view(
            key=key,
            subject=known.subject,
            records=records,
            links=self._streams.hub.links(known.subject),
            rules=self._rules,
            now_ms=time.time_ns() // 1_000_000,
            masked=masked,
        )
        self._denials.count(view["may_contact"])
        body = {
            "key": key,
            "subject": known.subject,
            "version": known.version,
            "as_of": as_of(known.answer, live=True),
            **view,
            "timeline": timeline(known.answer, known.records),
        }
        return Response(_encode(body), media_type="application/json")

    async def _changes(self, request: Request) -> Response:
        return await self._streams.changes(request, entity_key(request))
