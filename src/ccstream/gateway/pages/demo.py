"""``/demo``: a web shop, a phone app, a till and marketing side by side, on one customer.

Each device has a stream of its own and posts its events like any channel would. The page is
there only where ``gateway.auth`` is none: it plays everybody.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from html import escape
from string import Template
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ccstream.gateway.endpoints import Endpoint, Services
from ccstream.gateway.pages.page_files import file_endpoint, page, read_text
from ccstream.gateway.problems import ProblemError

__all__ = ["DemoPage"]

DEVICES: Final = ("web", "app", "till", "marketing")

CUSTOMER: Final = re.compile(r"customer:[A-Za-z0-9_-]{1,64}")


class Article(NamedTuple):
    """Something that the demo's shop sells."""

    sku: str
    title: str
    price_minor: int


ARTICLES: Final = (
    Article("kettle", "Kettle", 4_990),
    Article("teapot", "Teapot", 3_800),
    Article("cup", "Cup", 1_450),
    Article("tin", "Tea tin", 1_290),
    Article("whisk", "Whisk", 2_200),
    Article("tray", "Tray", 2_650),
)


class DemoPage:
    """The part that serves the page, its files, and the JavaScript client."""

    def __init__(self, services: Services) -> None:
        self._open = services.settings.gateway.auth == "none"
        self._template = Template(read_text("demo.html"))

    def endpoints(self) -> Sequence[Endpoint]:
        client = file_endpoint("/client.js", "client.js")
        if not self._open:
            return (client,)
        return (
            client,
            Endpoint(method="GET", path="/demo", access="public", handler=self._demo),
            file_endpoint("/demo/demo.css", "demo.css"),
            file_endpoint("/demo/demo.js", "demo.js"),
            file_endpoint("/demo/device.js", "device.js"),
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        yield

    def ready(self) -> str | None:
        return None

    async def _demo(self, request: Request) -> Response:
        customer = request.query_params.get("customer")
        device = request.query_params.get("device", "")
        if customer is None:
            # In the address, so that another tab or a reload shows the same customer.
            query = f"&device={device}" if device in DEVICES else ""
            return RedirectResponse(
                f"/demo?customer=customer:demo-{secrets.token_hex(4)}{query}", status_code=303
            )
        if not CUSTOMER.fullmatch(customer) or device not in {"", *DEVICES}:
            raise ProblemError(
                "invalid-request",
                "The page takes customer=customer:NAME, and device=web, app, till or marketing.",
            )
        return page(
            self._template.substitute(
                customer=escape(customer),
                card=escape(f"loyalty:{customer.partition(':')[2]}"),
                contact_point=hashlib.sha256(customer.encode()).hexdigest(),
                device=device,
                tiles="\n".join(map(_tile, ARTICLES)),
            )
        )


def _tile(article: Article) -> str:
    sku, title, price = article
    return (
        f'<li class="tile" data-sku="{sku}" data-title="{escape(title)}" data-price="{price}">'
        f'<span class="tile-art"><svg viewBox="0 0 80 80" aria-hidden="true">'
        f'<use href="#art-{sku}"/></svg></span>'
        f'<span class="tile-words"><span class="tile-name">{escape(title)}</span>'
        f'<span class="tile-price">€{price / 100:.2f}</span></span>'
        f'<button type="button" aria-label="Add {escape(title)} to the basket">Add</button></li>'
    )
