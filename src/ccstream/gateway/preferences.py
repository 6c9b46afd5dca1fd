"""Preferences and unsubscribing: from a link in a message, without logging in.

======================================  =====================================================
``POST /v1/preferences/links``          makes the links of a message, for those who send it
``GET /preferences/unsubscribe/…``      asks; changes nothing, since scanners of mail follow links
``POST /preferences/unsubscribe/…``     takes the consent back: RFC 8058's one click, and the page's
``GET``, ``POST /preferences/…``        all preferences: seen, and changed
======================================  =====================================================

What is said becomes an event on the channel web, and is every channel's as soon as it is folded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from ccstream.client.records import ConsentSynced
from ccstream.errors import InvalidEventError
from ccstream.gateway.auth import authorise
from ccstream.gateway.bodies import json_of, read_body
from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.hub import Hub
from ccstream.gateway.pages.page_files import file_endpoint, page
from ccstream.gateway.pages.preference_page import STYLE_PATH, PreferencePages
from ccstream.gateway.preference_form import said, shown, withdrawal
from ccstream.gateway.preference_links import Link, open_link, open_page_link, seal_link
from ccstream.gateway.preferences_api import LINKS, UNSUBSCRIBE
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.profiles import AGGREGATES
from ccstream.gateway.stream import Streams

__all__ = ["Preferences"]

CHANNEL: Final = "web"
"""A page is opened in a browser, whichever channel the message came by."""

ONE_CLICK: Final = b"One-Click"
"""RFC 8058, section 3.1: the value of the only field that such a body has. It may be a form of
either kind, so the value is looked for, and no field is read."""

SEEN_S_MAX: Final = 2.0
"""How long a saved form waits to show what was saved; the sync latency is some milliseconds."""

LOOK_S: Final = 0.02

FIELDS_MAX: Final = 2_500
"""Two for each of a person's consents at most, and some."""

CONSENTS: Final = tuple(AGGREGATES).index("consent")


class Preferences:
    """The part that serves them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._signer = services.signer
        self._intake = services.intake
        self._pages = PreferencePages()

    def endpoints(self) -> Sequence[Endpoint]:
        one_click, whole = "/preferences/unsubscribe/{token}", "/preferences/{token}"
        return (
            Endpoint(
                method="POST",
                path="/v1/preferences/links",
                access="publish",
                handler=self._make,
                operation=LINKS,
            ),
            Endpoint(method="GET", path=one_click, access="public", handler=self._ask),
            Endpoint(
                method="POST",
                path=one_click,
                access="public",
                handler=self._unsubscribe,
                operation=UNSUBSCRIBE,
            ),
            file_endpoint(STYLE_PATH, "preferences.css"),
            Endpoint(method="GET", path=whole, access="public", handler=self._show),
            Endpoint(method="POST", path=whole, access="public", handler=self._save),
        )

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def ready(self) -> str | None:
        return None  # whether events can be stored is for the part that takes them to say

    async def _make(self, request: Request) -> Response:
        body = json_of(await read_body(request, self._services.settings.gateway))
        try:
            link = msgspec.convert(body, _Asked).link
        except msgspec.ValidationError:
            raise ProblemError(
                "invalid-request",
                "It takes subject, contact_point, contact_channel and purpose, each a text.",
            ) from None
        identity = authorise(request, "publish", key=link.subject)
        now_s = time.time()
        self._checked(link, withdrawal(link, int(now_s * 1000)))
        token = seal_link(self._signer, link, "unsubscribe", now_s)
        made = {"unsubscribe": f"/preferences/unsubscribe/{token}"}
        if identity.may("read", key=link.subject):  # the page shows what is known
            made["preferences"] = f"/preferences/{seal_link(self._signer, link, 'page', now_s)}"
        return Response(orjson.dumps(made), status_code=201, media_type="application/json")

    async def _ask(self, request: Request) -> Response:
        link = self._opened(request, lambda token: open_link(self._signer, token))
        if link is None:
            return self._gone()
        return page(self._pages.confirm(link), forms=True)

    async def _unsubscribe(self, request: Request) -> Response:
        link = self._opened(request, lambda token: open_link(self._signer, token))
        if link is None:
            return self._gone()
        body = await read_body(request, self._services.settings.gateway)
        if ONE_CLICK not in body:
            raise ProblemError("invalid-request", "The body is not List-Unsubscribe=One-Click.")
        if not await self._store(link, [withdrawal(link, int(time.time() * 1000))]):
            return self._later()
        return page(self._pages.unsubscribed(link))

    async def _show(self, request: Request) -> Response:
        link = self._page_link(request)
        if link is None:
            return self._gone()
        try:
            consents = self._consents(request, link)
        except ProblemError:
            return self._later()
        return page(self._pages.preferences(shown(link, consents), saved=False), forms=True)

    async def _save(self, request: Request) -> Response:
        link = self._page_link(request)
        if link is None:
            return self._gone()
        body = await read_body(request, self._services.settings.gateway)
        answers = _fields(body)
        try:
            before = self._consents(request, link)
            events = said(link, before, answers, int(time.time() * 1000))
            if events:
                if not await self._store(link, events):
                    return self._later()
                await self._seen(request, link, before)
            form = shown(link, self._consents(request, link))
        except ProblemError as problem:
            if problem.kind == "unavailable":
                return self._later()
            raise
        return page(self._pages.preferences(form, saved=True), forms=True)

    def _opened(self, request: Request, read: Callable[[str], Link | None]) -> Link | None:
        """What the link says, its owner's rate charged."""
        link = read(request.path_params["token"])
        if link is not None:
            rate = self._services.settings.gateway.rate_customer_per_second
            self._services.limiter.charge_id(f"preferences:{link.subject}", rate)
        return link

    def _page_link(self, request: Request) -> Link | None:
        return self._opened(request, lambda token: open_page_link(self._signer, token, time.time()))

    def _consents(self, request: Request, link: Link) -> ConsentSynced | None:
        """What is known of the person; raises `ProblemError` while nothing can be shown."""
        hub = _hub(request)
        profile = hub.profile_of(link.subject)
        found = hub.profiles.snapshot(profile, (CONSENTS,))["consent"]
        return found if isinstance(found, ConsentSynced) else None

    async def _seen(self, request: Request, link: Link, before: ConsentSynced | None) -> None:
        """Wait, not for long, until what was stored has been folded."""
        version = 0 if before is None else before.version
        deadline = time.monotonic() + SEEN_S_MAX
        while time.monotonic() < deadline:
            after = self._consents(request, link)
            if after is not None and after.version > version:
                return
            await asyncio.sleep(LOOK_S)

    def _checked(self, link: Link, one: tuple[type[Any], Mapping[str, Any]]) -> Any:
        """The record of an event; raises `ProblemError` where a rule is broken."""
        kind, fields = one
        writer = self._intake.writer(CHANNEL)
        try:
            return writer.write(writer.event(kind, link.subject, dict(fields)))
        except InvalidEventError as problem:
            raise ProblemError("invalid-request", f"{problem.detail}.".capitalize()) from None

    async def _store(
        self, link: Link, events: Sequence[tuple[type[Any], Mapping[str, Any]]]
    ) -> bool:
        """Whether Kafka has all of them."""
        if self._intake.away is not None:
            return False
        stored = await self._intake.store([self._checked(link, one) for one in events])
        return None not in stored

    def _gone(self) -> Response:
        return page(self._pages.gone(), status=404)

    def _later(self) -> Response:
        answer = page(self._pages.later(), status=503)
        answer.headers["Retry-After"] = "60"
        return answer


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    subject: str
    contact_point: str
    contact_channel: str
    purpose: str

    @property
    def link(self) -> Link:
        return Link(self.subject, self.contact_point, self.contact_channel, self.purpose)


def _hub(request: Request) -> Hub:
    for part in request.app.state.parts:
        if isinstance(part, Streams):
            return part.hub
    raise ProblemError("unavailable", "This gateway does not follow profiles.")


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form."""
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=bool(body), max_num_fields=FIELDS_MAX))
    except ValueError:
        raise ProblemError("invalid-request", "The body is no form.") from None
